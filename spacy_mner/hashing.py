"""Hashes of values and files: what a result or a job depends on, in few letters."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterator, List, Tuple

_CHUNK = 1 << 20


def hash_values(*values: Any) -> str:
    """RETURNS (str): A hash of JSON values; the order of a dict's keys does not count."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    # A file's name may be other bytes than UTF-8.
    return hashlib.sha256(text.encode("utf8", errors="surrogatepass")).hexdigest()[:32]


def hash_file(path: Path) -> str:
    """Hash the content of a file. It is read once, unless it changes: word vectors have 100 MB and more.

    path (Path): The file.
    RETURNS (str): SHA-256, in hexadecimal digits.
    """
    status = path.stat()
    return _hash_version(str(path.resolve()), status.st_mtime_ns, status.st_size)


def hash_files(path: Path) -> str:
    """RETURNS (str): A hash of a file, or of the names and contents of all files in a folder."""
    return hash_values(
        [[file.relative_to(path).as_posix(), hash_file(file)] for file in files_in(path)]
    )


def files_in(path: Path) -> List[Path]:
    """RETURNS (List[Path]): The file, or the files of the folder and those below it, also through links; no
    Python caches."""
    return [path] if path.is_file() else sorted(_walk(path, ()))


def _walk(folder: Path, above: Tuple[Path, ...]) -> Iterator[Path]:
    real = folder.resolve()
    # A link may lead back to a folder that it is in.
    if not folder.is_dir() or real in above:
        return
    for child in folder.iterdir():
        if child.name == "__pycache__":
            continue
        if child.is_file():
            yield child
        else:
            yield from _walk(child, (*above, real))


@lru_cache(maxsize=64)
def _hash_version(path: str, modified: int, size: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
