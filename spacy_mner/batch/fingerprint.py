"""What the output of a job depends on: a job that goes on must be the one that was begun."""

from pathlib import Path
from typing import Any, Dict, Optional, Sequence

from spacy.util import get_package_path, is_package, load_config, load_model

from ..about import __version__
from ..hashing import files_in, hash_files, hash_values
from .shards import InputFile


def fingerprint_job(
    files: Sequence[InputFile],
    model: str,
    *,
    images: Optional[Path],
    features: Optional[Path],
    code: Optional[Path],
    **options: Any,
) -> Dict[str, Any]:
    """Describe a job. Two jobs of one description write the same.

    Data files and stores are known by name, size and time of change: they may be too large to be
    read twice. Of a pipeline and of code the content counts.

    files (Sequence[InputFile]): The posts.
    model (str): Name or path of the pipeline.
    images (Optional[Path]): Folder with pictures, known by its path.
    features (Optional[Path]): Feature store.
    code (Optional[Path]): Python file with registered functions.
    **options (Any): JSON values, by what a message calls them.
    RETURNS (Dict[str, Any]): JSON values, by what a message calls them.
    """
    pipeline = _find_pipeline(model)
    return {
        "version of spacy_mner": __version__,
        "posts": hash_values(
            [[file.name, file.format, *_state(Path(file.path))] for file in files]
        ),
        "pipeline": hash_files(pipeline),
        "stores of the pipeline": _hash_stores(pipeline),
        "pictures": None if images is None else str(images.resolve()),
        "features": None if features is None else _hash_states(features),
        "code": None if code is None else hash_files(code),
        **options,
    }


def _find_pipeline(model: str) -> Path:
    if Path(model).is_dir():
        return Path(model)
    if not is_package(model):
        load_model(model)  # has the right words for what is missing
    return get_package_path(model)


def _hash_stores(pipeline: Path) -> Dict[str, str]:
    """The feature stores that `image_encoder` components look pictures up in."""
    found = {}
    # A package has it in a folder of its own.
    for path in files_in(pipeline):
        if path.name == "config.cfg":
            for name, pipe in load_config(path, interpolate=True).get("components", {}).items():
                if pipe.get("factory") == "image_encoder" and pipe.get("store") is not None:
                    found[name] = _hash_states(Path(pipe["store"]))
    return found


def _hash_states(path: Path) -> str:
    return hash_values(
        [[file.relative_to(path).as_posix(), *_state(file)] for file in files_in(path)]
    )


def _state(path: Path) -> Sequence[int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
