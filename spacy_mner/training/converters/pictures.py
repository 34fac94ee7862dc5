"""The pictures of a post: vectors from a feature store, files from a folder."""

import os
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePath
from typing import Iterator, List, Optional, Protocol, Union

import numpy
from spacy.tokens import Doc

from ...errors import Errors
from ...images.judge import USELESS, judge_vector
from ...images.reading import SUFFIXES, ImageReadError, describe, inside, is_address, strip_suffix
from .records import Post

# What a data set's picture ids leave out. The first that exists counts.
IMAGE_SUFFIXES = (*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES))
# No path is longer on Linux.
_MAX_NAME = 4096


class FeatureLookup(Protocol):
    """What is needed of a feature store: vectors (D,) or (R, D) by the picture's id."""

    def __contains__(self, key: str, /) -> bool: ...

    def __getitem__(self, key: str, /) -> numpy.ndarray: ...


@dataclass(frozen=True)
class Attached:
    """What became of a post's pictures.

    found (bool): Whether the post has a picture now.
    lost (List[str]): Why pictures that it names were not found.
    broken (List[str]): Why vectors that were found are of no use.
    """

    found: bool = False
    lost: List[str] = field(default_factory=list)
    broken: List[str] = field(default_factory=list)

    def otherwise(self, other: "Attached") -> "Attached":
        """If nothing was found here, another source says what is missing; what is broken stays so.

        other (Attached): What became of the pictures there.
        RETURNS (Attached): What became of them.
        """
        return self if self.found else Attached(other.found, other.lost, self.broken + other.broken)


def attach_features(doc: Doc, post: Post, store: FeatureLookup) -> Attached:
    """Set `Doc._.image_vec` (float32) and `Doc._.image_id` from a feature store.

    The key is the picture's name as given, or without its suffix and without its first folders. Of a
    post that names no picture, it is the post's id. The vectors of several pictures become the rows
    of one array.

    doc (Doc): The post as a Doc.
    post (Post): The post.
    store (FeatureLookup): The store.
    RETURNS (Attached): What was found.
    """
    keys: List[str] = []
    vectors: List[numpy.ndarray] = []
    lost: List[str] = []
    broken: List[str] = []
    # A post that names no picture may still have one, under its own id.
    names = post.images or ([post.id] if post.id is not None else [])
    for name in names:
        key = next((k for k in _store_keys(name) if k in store), None)
        if key is None:
            if post.images:
                lost.append(Errors.M025.format(source=describe(name), place="the feature store"))
            continue
        vector = numpy.array(store[key], dtype="float32")
        problem = judge_vector(vector)
        if problem in USELESS:
            broken.append(Errors.M039.format(source=describe(name), problem=problem))
            continue
        keys.append(key)
        vectors.append(vector)
    if vectors:
        doc._.image_id = keys[0]
        doc._.image_vec = vectors[0] if len(vectors) == 1 else numpy.vstack(vectors)
    return Attached(bool(vectors), lost, broken)


def _store_keys(name: str) -> Iterator[str]:
    yield name
    for path in _tails(name):
        yield path
        yield strip_suffix(path)


def _tails(name: str) -> Iterator[str]:
    """YIELDS (str): "a/b/c.jpg", "b/c.jpg", "c.jpg": the file's folders may not be ours."""
    if _is_path(name):
        parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]
        yield from ("/".join(parts[i:]) for i in range(len(parts)))


def _is_path(name: str) -> bool:
    """Whether a name can be a path. A picture that is written out in base64 has thousands of "/"."""
    return len(name) <= _MAX_NAME and name[:5].lower() != "data:"


def attach_files(doc: Doc, post: Post, folder: Path) -> Attached:
    """Set `Doc._.image` to the picture's path (several: a list of paths), below a folder.

    `Doc._.image_id` becomes the path in the folder without its suffix: the id that a feature store
    of the same folder has for it.

    doc (Doc): The post as a Doc.
    post (Post): The post. Its picture may be a path below the folder, a file's name, or an id that
        is the name without its suffix.
    folder (Path): The folder. A path that leads out of it is taken as no picture.
    RETURNS (Attached): What was found.
    """
    paths: List[str] = []
    lost: List[str] = []
    for name in post.images:
        found = find_image(name, folder)
        if found is None:
            lost.append(why_missing(name, folder))
        else:
            paths.append(str(found))
    if paths:
        image: Union[str, List[str]] = paths[0] if len(paths) == 1 else paths
        doc._.image = image
        doc._.image_id = strip_suffix(Path(paths[0]).relative_to(folder).as_posix())
    return Attached(bool(paths), lost)


def find_image(name: str, folder: Path) -> Optional[Path]:
    """Find a picture below a folder.

    name (str): Its path, of which only the end needs to agree with the folder, or the same without
        suffix.
    folder (Path): The folder.
    RETURNS (Optional[Path]): The file, or None: no such file, or not below the folder (symbolic
        links are followed before that is decided). A link keeps its own name, which is that of the
        picture in a feature store.
    """
    if not _is_path(name):
        return None
    root = folder.resolve()
    for start in chain([name], _tails(name)):
        for suffix in ("", *IMAGE_SUFFIXES):
            if not os.path.isfile(os.path.join(root, start + suffix)):
                continue
            path = Path(start + suffix)
            try:
                inside(root, path)
                return folder / (inside(root, path.parent) / path.name).relative_to(root)
            except ValueError:  # it leads out of the folder
                continue
    return None


def why_missing(name: str, folder: Path) -> str:
    """Say why `find_image` finds nothing: an address, out of the folder, or not there.

    name (str): What it was asked for.
    folder (Path): The folder.
    RETURNS (str): The reason, with its code.
    """
    # Of an absolute path only the end counts: that it leads elsewhere is no reason.
    if is_address(name) or (_is_path(name) and not PurePath(name).is_absolute()):
        try:
            inside(folder, name)
        except ImageReadError as error:
            return str(error)
    place = f"the folder {describe(folder)}"
    return Errors.M025.format(source=describe(name), place=place)
