"""The files of a feature store.

    STORE/meta.json      format, and the description of the encoder that made the vectors
    STORE/vectors.f32    rows of little-endian float32, D to a row
    STORE/index.jsonl    one line per picture: [id, number of regions, or null for a single vector]
    STORE/missing.json   {id: why there is no vector}

The index is the journal. Rows go to disk first, their lines after them, so what the index says is
always there, and a writer that was killed loses its last chunk only: the next one cuts off what the
index does not know and goes on.
"""

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from ..errors import Errors
from .types import EncoderInfo

FORMAT = "spacy_mner.FeatureStore"
VERSION = 1
META, VECTORS, INDEX, MISSING = "meta.json", "vectors.f32", "index.jsonl", "missing.json"
DTYPE = np.dtype("<f4")
AGAIN = " with: python -m spacy mner encode SOURCE STORE --overwrite"


def read_info(path: Path) -> EncoderInfo:
    """Read which encoder made a store.

    path (Path): The store.
    RETURNS (EncoderInfo): Its description.
    RAISES (ValueError): If the folder is not a feature store.
    """
    if not path.is_dir():
        problem = "it is not a folder" if path.exists() else "it does not exist"
        raise ValueError(Errors.M026.format(path=path, problem=problem))
    if not (path / META).is_file():
        raise ValueError(Errors.M026.format(path=path, problem=f"it has no {META}"))
    try:
        meta = json.loads((path / META).read_text(encoding="utf8"))
        if meta["format"] != FORMAT:
            raise ValueError(f"format '{meta['format']}'")
        version, encoder = int(meta["version"]), meta["encoder"]
        name, width, settings = encoder["name"], encoder["width"], encoder["settings"]
        if not (isinstance(name, str) and isinstance(width, int) and isinstance(settings, dict)):
            raise ValueError("the description of the encoder is incomplete")
    except (ValueError, KeyError, TypeError) as err:
        problem = f"{META} cannot be read ({type(err).__name__}: {err})"
        raise ValueError(Errors.M026.format(path=path, problem=problem)) from err
    if version > VERSION or width < 1:
        problem = f"version {version}, width {width}; this is version {VERSION}"
        raise ValueError(Errors.M026.format(path=path, problem=problem))
    return EncoderInfo(name, width, settings)


def is_store(path: Path) -> bool:
    """Whether a folder is described as a feature store, of whatever version and encoder.

    path (Path): The folder.
    RETURNS (bool): False for the `meta.json` of another program, too.
    """
    try:
        meta = json.loads((path / META).read_text(encoding="utf8"))
    except (OSError, ValueError):
        return False
    return isinstance(meta, dict) and meta.get("format") == FORMAT


def read_index(path: Path) -> Tuple[List[Tuple[str, Optional[int]]], int]:
    """Read the index of a store as far as it was written completely.

    path (Path): The store.
    RETURNS (Tuple[List[Tuple[str, Optional[int]]], int]): Per picture, its id and its number of
        regions (None: a single vector); and the length of the good part of the file in bytes.
    RAISES (ValueError): If a line within it is damaged, or it is not there, but rows are.
    """
    file = path / INDEX
    # Both files are made before the first row is written: rows without an index have lost theirs.
    if not file.exists() and (path / VECTORS).exists() and (path / VECTORS).stat().st_size:
        problem = f"it has {VECTORS}, but no {INDEX}"
        raise ValueError(Errors.M027.format(path=path, problem=problem, how=AGAIN))
    data = file.read_bytes() if file.exists() else b""
    # What follows the last line break was being written when the writer was killed.
    good = data[: data.rfind(b"\n") + 1]
    entries: List[Tuple[str, Optional[int]]] = []
    seen = set()
    for number, line in enumerate(good.splitlines(), start=1):
        try:
            id_, regions = json.loads(line)
            usable = isinstance(id_, str) and (
                regions is None or (type(regions) is int and regions > 0)
            )
        except (ValueError, TypeError):
            usable = False
        if not usable or id_ in seen:
            problem = f"line {number} of {INDEX} is {line[:80]!r}"
            raise ValueError(Errors.M027.format(path=path, problem=problem, how=AGAIN))
        seen.add(id_)
        entries.append((id_, regions))
    return entries, len(good)


def read_missing(path: Path) -> Dict[str, str]:
    """Read which pictures of a store have no vector, and why.

    path (Path): The store.
    RETURNS (Dict[str, str]): Reasons by id.
    """
    file = path / MISSING
    if not file.exists():
        return {}
    try:
        missing = json.loads(file.read_text(encoding="utf8"))
        return {str(id_): str(reason) for id_, reason in missing.items()}
    except (ValueError, AttributeError) as err:
        problem = f"{MISSING} cannot be read ({err})"
        raise ValueError(Errors.M027.format(path=path, problem=problem, how=AGAIN)) from err


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all.

    path (Path): The file.
    value (Any): JSON values.
    """
    partial = path.with_name(f"{path.name}.tmp")
    with partial.open("w", encoding="utf8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def check_size(path: Path, rows: int, width: int) -> int:
    """Make sure that the file of vectors holds all rows that the index promises.

    path (Path): The store.
    rows (int): Rows by the index.
    width (int): D.
    RETURNS (int): The length of these rows in bytes.
    RAISES (ValueError): If rows are missing.
    """
    file = path / VECTORS
    expected = rows * width * DTYPE.itemsize
    found = file.stat().st_size if file.exists() else 0
    if found < expected:
        problem = f"{VECTORS} has {found} bytes, but the index needs {expected}"
        raise ValueError(Errors.M027.format(path=path, problem=problem, how=AGAIN))
    return expected
