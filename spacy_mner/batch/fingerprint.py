"""What the output of a job depends on: a job that goes on must be the one that was begun."""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Iterable, Optional, Sequence

from spacy.util import get_package_path, is_package, load_model

from ..about import __version__
from .shards import InputFile

_CHUNK = 1 << 20


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
    return {
        "version of spacy_mner": __version__,
        "posts": _hash([[file.name, file.format, *_state(Path(file.path))] for file in files]),
        "pipeline": _hash_files(_find_pipeline(model)),
        "pictures": None if images is None else str(images.resolve()),
        "features": None if features is None else _hash_states(features),
        "code": None if code is None else _hash_files(code),
        **options,
    }


def _find_pipeline(model: str) -> Path:
    if Path(model).is_dir():
        return Path(model)
    if not is_package(model):
        load_model(model)  # has the right words for what is missing
    return get_package_path(model)


def _hash_files(path: Path) -> str:
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _hash_states(path: Path) -> str:
    return _hash([[file.relative_to(path).as_posix(), *_state(file)] for file in _files(path)])


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    files = (p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return sorted(files)


def _state(path: Path) -> Sequence[int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode("utf8")).hexdigest()
