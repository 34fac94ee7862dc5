"""What a result depends on, as hashes: a run whose hashes have not changed need not run again."""

from pathlib import Path
from typing import Dict, Optional

from spacy.util import get_package_path, is_package
from thinc.api import Config

from ..hashing import hash_file, hash_files, hash_values
from ..training.spacy_files import find_spacy_files

_KNOWN = ("train", "dev", "vectors", "transformer")


def hash_data(path: Path) -> str:
    """A hash of a file, or of all `.spacy` files in a folder."""
    return hash_values([hash_file(file) for file in find_spacy_files(path)])


def hash_vectors(vectors: Optional[str]) -> Optional[str]:
    """A hash of the word vectors of a pipeline."""
    if vectors is None:
        return None
    folder = Path(vectors)
    if not folder.is_dir() and is_package(vectors):
        folder = get_package_path(vectors)
    names = ["vectors", "key2row"]
    if any('"floret"' in path.read_text("utf8") for path in folder.rglob("vocab/vectors.cfg")):
        # How words are hashed is in their settings.
        names.append("vectors.cfg")
    files = [path for name in names for path in sorted(folder.rglob(f"vocab/{name}"))]
    return hash_values([hash_file(file) for file in files])


def hash_transformer(name: Optional[str]) -> Optional[str]:
    """What names a transformer: a hash of its folder's files, or the name itself if it is no folder."""
    if name is None or not Path(name).is_dir():
        return name
    files = sorted(path for path in Path(name).iterdir() if path.is_file())
    return hash_values([(path.name, hash_file(path)) for path in files])


def hash_paths(config: Config) -> Dict[str, str]:
    """Hashes of the files and folders that a config names under `[paths]`, by setting; data, word vectors and
    transformer, which are known otherwise, are left out."""
    paths = config.get("paths", {})
    found = {k: Path(v) for k, v in paths.items() if isinstance(v, str) and k not in _KNOWN and v}
    return {name: hash_files(path) for name, path in found.items() if path.exists()}
