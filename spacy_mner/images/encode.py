"""Encode a folder of pictures, or a file of captions, into a feature store."""

import inspect
import json
import os
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, Mapping, Optional, Union

from tqdm import tqdm

from ..errors import Errors, Warnings, listed
from .compute import compute_vectors
from .reading import SUFFIXES, ImageReadError, inside, printable, strip_suffix
from .registry import get_image_encoder
from .store import FeatureStoreWriter
from .stream import DEFAULT_WORKERS
from .summary import EncodeSummary
from .types import ImageEncoder, KnowsIds, check_encoder


def encode(
    source: Union[str, Path],
    store: Union[str, Path],
    encoder: ImageEncoder,
    *,
    batch_size: Optional[int] = None,
    workers: int = DEFAULT_WORKERS,
    overwrite: bool = False,
    progress: bool = False,
) -> EncodeSummary:
    """Encode what is not in the store yet; go on where an earlier run was ended.

    source (Union[str, Path]): A folder of pictures, read with its sub-folders: a picture's id is
        its path in the folder, without the suffix and with "/". Or a JSON file {id: caption}.
    store (Union[str, Path]): The feature store.
    encoder (ImageEncoder): Reads pictures, or captions.
    batch_size (Optional[int]): Pictures to a batch; see `compute_vectors`.
    workers (int): Threads that read ahead of an encoder that takes one batch at a time.
    overwrite (bool): Start from nothing. What is in the store stays until there are new vectors.
    progress (bool): Show a progress bar.
    RETURNS (EncodeSummary): What became of the pictures. One that cannot be read stops nothing.
    RAISES (ValueError): If the source or the store cannot be used with this encoder.
    """
    summary = EncodeSummary()
    sources = find_sources(source, encoder, summary)
    summary.total = len(sources)
    with FeatureStoreWriter(store, encoder=encoder, overwrite=overwrite) as writer:
        # Reasons of an earlier run need not hold any more: its missing pictures are tried again.
        todo = {id_: path for id_, path in sources.items() if id_ not in writer}
        summary.present = len(sources) - len(todo)
        known = len(writer)
        if "" in todo:
            writer.missing[""] = Errors.M181.format(source=source)
        read = _reader(encoder, Path(source))
        named = ((id_, what) for id_, what in todo.items() if id_)
        stream = compute_vectors(named, encoder, read=read, batch_size=batch_size, workers=workers)
        with (
            closing(stream),
            tqdm(total=len(todo), unit=f" {encoder.reads}s", disable=not progress) as bar,
        ):
            for id_, found in stream:
                if isinstance(found, ImageReadError):
                    writer.missing[id_] = str(found)
                else:
                    writer.add(id_, found)
                bar.update()
        summary.encoded = len(writer) - known
        summary.missing = {id_: writer.missing[id_] for id_ in todo if id_ in writer.missing}
        if encoder.reads == "picture":
            summary.files = {id_: sources[id_] for id_ in summary.missing}
        summary.doubtful = writer.doubtful
    return summary


def create_encoder(
    name: str,
    *,
    vectors: Optional[str] = None,
    regions: bool = False,
    options: Optional[Mapping[str, Any]] = None,
) -> Any:
    """Create a registered image encoder with the options of the command line.

    name (str): Registered name.
    vectors (Optional[str]): Pipeline with word vectors, for encoders that read captions; file of
        vectors, for the encoder `precomputed`.
    regions (bool): Several vectors per picture in place of one.
    options (Optional[Mapping[str, Any]]): Options of this encoder, e.g. `model` and `path`.
    RETURNS (ImageEncoder): The encoder.
    RAISES (ValueError): If there is no such encoder, it does not have the option, or needs another.
    """
    create = get_image_encoder(name)
    taken = inspect.signature(create).parameters
    given: Dict[str, Any] = dict(options or {})
    if vectors is not None:
        given["vectors"] = vectors
    if regions:
        # A caption's regions are its words.
        key, value = ("pooling", "words") if "pooling" in taken else ("regions", True)
        given[key] = value
    known = ", ".join(taken) or "none"
    for option in given:
        if option not in taken:
            raise ValueError(Errors.M034.format(name=name, option=option, options=known))
    for option, parameter in taken.items():
        if parameter.default is parameter.empty and option not in given:
            raise ValueError(Errors.M110.format(name=name, option=option, options=known))
    return check_encoder(create(**given))


def find_sources(
    source: Union[str, Path], encoder: ImageEncoder, summary: EncodeSummary
) -> Dict[str, Any]:
    """Find what there is to encode.

    source (Union[str, Path]): A folder or a file.
    encoder (ImageEncoder): The encoder, which may not be able to read it.
    summary (EncodeSummary): Receives duplicates and ignored files.
    RETURNS (Dict[str, Any]): Paths inside the folder (str), or captions, by id.
    RAISES (ValueError): If there is nothing, or the encoder reads something else.
    """
    path = Path(source)
    if not path.exists():
        raise ValueError(Errors.M032.format(source=source, problem="it does not exist"))
    if encoder.reads == "id":
        return _find_ids(path, encoder, summary)
    if encoder.reads == "picture" and path.is_file() and path.suffix.lower() in SUFFIXES:
        problem = f"it is a single picture. Its folder is '{path.parent}'"
        raise ValueError(Errors.M032.format(source=source, problem=problem))
    found = "picture" if path.is_dir() else "caption"
    if encoder.reads != found:
        message = Errors.M038.format(
            name=encoder.name, reads=encoder.reads, source=source, found=found
        )
        raise ValueError(message)
    sources = _find_pictures(path, summary) if path.is_dir() else _read_captions(path)
    if not sources:
        raise ValueError(Errors.M032.format(source=source, problem=f"it holds no {found}s"))
    return sources


def _find_pictures(folder: Path, summary: EncodeSummary) -> Dict[str, Any]:
    sources: Dict[str, Any] = {}
    for path in _walk(folder, summary):
        if path.suffix.lower() not in SUFFIXES:
            summary.ignored += 1
            continue
        id_ = strip_suffix(path.as_posix())
        if id_ in sources:
            summary.duplicates.append(path.as_posix())
        else:
            sources[id_] = path.as_posix()
    if summary.duplicates:
        names = printable(listed(summary.duplicates))
        n = len(summary.duplicates)
        warnings.warn(Warnings.MW021.format(n=n, folder=folder, names=names), stacklevel=4)
    return sources


def _find_ids(path: Path, encoder: Any, summary: EncodeSummary) -> Dict[str, Any]:
    """Find the ids of a folder's pictures, of a JSON object or, of a file of vectors, all its ids."""
    if path.is_dir():
        return _find_pictures(path, summary)  # the vectors' ids may have the suffixes
    if path.suffix.lower() == ".json":
        found: Iterable[str] = _read_captions(path)
    else:
        if not isinstance(encoder, KnowsIds):
            raise ValueError(Errors.M037.format(kind=type(encoder).__name__, missing="ids"))
        found = encoder.ids
    return {id_: id_ for id_ in found}


def _walk(folder: Path, summary: EncodeSummary) -> Iterator[Path]:
    """Go through a folder in a fixed order, without what is hidden."""

    def note(error: OSError) -> None:
        relative = Path(str(error.filename)).relative_to(folder).as_posix()
        summary.folders[relative] = f"{type(error).__name__}: {error.strerror}"

    for parent, folders, names in os.walk(folder, onerror=note):
        relative = Path(parent).relative_to(folder)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (Path(parent) / name).is_symlink():  # which os.walk does not follow
                summary.folders[(relative / name).as_posix()] = "it is a symbolic link"
        for name in sorted(names):
            if not name.startswith("."):
                yield relative / name


def _read_captions(path: Path) -> Dict[str, Any]:
    try:
        captions = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as err:
        raise ValueError(Errors.M032.format(source=path, problem=f"it is not JSON: {err}")) from err
    if not isinstance(captions, dict):
        problem = f"it is a JSON {type(captions).__name__}, not an object"
        raise ValueError(Errors.M032.format(source=path, problem=problem))
    return captions


def _reader(encoder: ImageEncoder, folder: Path) -> Callable[[Any], Any]:
    if encoder.reads != "picture":
        return encoder.read
    # A link in the folder may point anywhere.
    return lambda path: encoder.read(inside(folder, path))
