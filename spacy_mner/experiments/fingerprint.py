"""What a result depends on, as hashes: a run whose hashes have not changed need not run again."""

from pathlib import Path
from typing import Optional

from spacy.util import get_package_path, is_package

from ..hashing import hash_file, hash_values


def hash_data(path: Path) -> str:
    """A hash of a file, or of all `.spacy` files in a folder."""
    files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
    return hash_values([hash_file(file) for file in files])


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
    return hash_values([hash_file(file) for file in files])


def hash_transformer(name: Optional[str]) -> Optional[str]:
    """What names a transformer: a hash of its folder's files, or the name itself if it is no folder."""
    if name is None or not Path(name).is_dir():
        return name
    files = sorted(path for path in Path(name).iterdir() if path.is_file())
    return hash_values([(path.name, hash_file(path)) for path in files])
