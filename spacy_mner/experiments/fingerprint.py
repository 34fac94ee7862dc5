"""What a result depends on, as one hash: a run whose hash has not changed need not run again."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional

from spacy.util import get_package_path, is_package

_CHUNK = 1 << 20


def fingerprint(*parts: Any) -> str:
    """A hash of JSON values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf8")).hexdigest()[:32]


def hash_data(path: Path) -> str:
    """A hash of a file, or of all `.spacy` files in a folder."""
    files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
    return fingerprint([_hash_file(str(file), *_version(file)) for file in files])


def hash_vectors(vectors: Optional[str]) -> Optional[str]:
    """A hash of the word vectors of a pipeline."""
    if vectors is None:
        return None
    folder = Path(vectors)
    if not folder.is_dir() and is_package(vectors):
        folder = get_package_path(vectors)
    files = [
        path for name in ("vectors", "key2row") for path in sorted(folder.rglob(f"vocab/{name}"))
    ]
    return fingerprint([_hash_file(str(file), *_version(file)) for file in files])


def hash_transformer(name: Optional[str]) -> Optional[str]:
    """What names a transformer: a hash of its folder's files, or the name itself if it is no folder."""
    if name is None or not Path(name).is_dir():
        return name
    files = sorted(path for path in Path(name).iterdir() if path.is_file())
    return fingerprint([(path.name, _hash_file(str(path), *_version(path))) for path in files])


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=64)
def _hash_file(path: str, modified: int, size: int) -> str:
    """A table of vectors has 100 MB and more: it is read once, unless it changes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
