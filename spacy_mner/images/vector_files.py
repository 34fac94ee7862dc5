"""Read vectors that other programs computed, with the ids of their pictures.

    .npy           one array (N, D) or (N, R, D); the ids beside it, in NAME.ids.txt (one a line) or
                   NAME.ids.json (a list), or in a file that is named
    .npz           two arrays, "ids" and "vectors"; or an array (D,) or (R, D) under each id
    .safetensors   a tensor under each id; or one tensor "vectors", with the ids as a JSON list in the
                   file's metadata, under "ids", or in a file as for .npy
    .parquet       a column of ids and one of lists of numbers (or of lists of such lists)

Nothing is unpickled: arrays of Python objects are refused.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..errors import Errors, is_coded, missing_package
from .weights import safetensors

ID_COLUMNS = ("id", "ids", "image_id")
VECTOR_COLUMNS = ("vector", "vectors", "image_vec", "embedding")
Rows = List[np.ndarray]


@dataclass(frozen=True)
class VectorFile:
    """Vectors by id.

    rows (Dict[str, ndarray]): (D,) or (R, D) by id.
    width (int): D.
    ids_path (Optional[Path]): The file that the ids are from; None: they are in the file of vectors.
    """

    rows: Dict[str, np.ndarray]
    width: int
    ids_path: Optional[Path] = None


def read_vector_file(path: Path, ids: Optional[Path] = None) -> VectorFile:
    """Read a file of vectors.

    path (Path): The file; its suffix says what it is.
    ids (Optional[Path]): A file of ids, for arrays without.
    RETURNS (VectorFile): The vectors. Those of a .npy file stay on disk until they are used.
    RAISES (ValueError): If it cannot be read, or ids and vectors do not belong together.
    """
    readers = {
        ".npy": _read_npy,
        ".npz": _read_npz,
        ".safetensors": _read_safetensors,
        ".parquet": _read_parquet,
    }
    read = readers.get(path.suffix.lower())
    if read is None:
        raise _unusable(path, f"it is none of {', '.join(readers)}")
    if not path.is_file():
        raise _unusable(path, "there is no such file")
    try:
        names, rows = read(path)
    except ImportError:
        raise
    except Exception as err:  # of NumPy, zipfile, safetensors and pyarrow
        if "allow_pickle" in str(err) or "Object arrays" in str(err):
            raise _unusable(path, "it holds Python objects, which are not unpickled") from err
        if is_coded(err):
            raise
        reason = str(err).split("\n")[0]
        raise _unusable(path, f"{type(err).__name__}: {reason}") from err
    ids_path = None
    if names is None or ids is not None:
        ids_path = _find_ids(path, ids)
        names = _read_ids(ids_path)
    return VectorFile(*_join(path, names, rows), ids_path)


def _join(path: Path, names: List[str], rows: Rows) -> Tuple[Dict[str, np.ndarray], int]:
    if len(names) != len(rows):
        raise _unusable(path, f"there are {len(names)} ids for {len(rows)} vectors")
    if not names:
        raise _unusable(path, "it is empty")
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise _unusable(path, f"the id '{twice[0]}' occurs more than once")
    width = rows[0].shape[-1] if rows[0].ndim else 0
    for name, row in zip(names, rows, strict=True):
        usable = row.ndim in (1, 2) and row.size and row.shape[-1] == width
        if not usable or row.dtype.kind not in "fiu":
            problem = f"the vector of '{name}' is {row.shape} of {row.dtype}, "
            raise _unusable(
                path, f"{problem}not ({width or 'D'},) or (R, {width or 'D'}) of numbers"
            )
    return dict(zip(names, rows, strict=True)), width


def _read_npy(path: Path) -> Tuple[Optional[List[str]], Rows]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return None, _split(path, array)


def _read_npz(path: Path) -> Tuple[Optional[List[str]], Rows]:
    with np.load(path, allow_pickle=False) as file:
        if "vectors" in file.files and set(file.files) <= {"ids", "vectors"}:
            names = _strings(file["ids"].tolist()) if "ids" in file.files else None
            return names, _split(path, file["vectors"])
        return list(file.files), [file[name] for name in file.files]


def _read_safetensors(path: Path) -> Tuple[Optional[List[str]], Rows]:
    with safetensors().safe_open(str(path), framework="pt") as file:
        metadata = file.metadata() or {}
        # By way of torch, because NumPy has no bfloat16.
        arrays = {name: file.get_tensor(name).float().numpy() for name in file.keys()}  # noqa: SIM118
    if set(arrays) == {"vectors"}:
        names = json.loads(metadata["ids"]) if "ids" in metadata else None
        return None if names is None else _strings(names), _split(path, arrays["vectors"])
    return list(arrays), list(arrays.values())


def _read_parquet(path: Path) -> Tuple[Optional[List[str]], Rows]:
    try:
        from pyarrow import parquet
    except ImportError as err:
        raise missing_package("Reading Parquet", "pyarrow", "parquet") from err
    columns = parquet.read_schema(path).names
    id_column = next((name for name in ID_COLUMNS if name in columns), None)
    vector_column = next((name for name in VECTOR_COLUMNS if name in columns), None)
    if id_column is None or vector_column is None:
        wanted = f"one of {', '.join(ID_COLUMNS)} and one of {', '.join(VECTOR_COLUMNS)}"
        raise _unusable(path, f"its columns are {', '.join(columns)}, without {wanted}")
    table = parquet.read_table(path, columns=[id_column, vector_column])
    names: List[str] = []
    rows: List[np.ndarray] = []
    for name, vector in zip(table[id_column], table[vector_column], strict=True):
        # A picture without a vector is a missing one, and a vector without a picture nobody's.
        if vector.is_valid and name.is_valid:
            names.append(_whole(name.as_py()))
            rows.append(_from_arrow(vector))
    return names, rows


def _from_arrow(vector: Any) -> np.ndarray:
    inner = [row.values for row in vector.values] if hasattr(vector[0], "values") else None
    if inner is None:
        return np.asarray(vector.values.to_numpy(zero_copy_only=False))
    return np.stack([row.to_numpy(zero_copy_only=False) for row in inner])


def _find_ids(path: Path, ids: Optional[Path]) -> Path:
    beside = [path.with_suffix(suffix) for suffix in (".ids.txt", ".ids.json")]
    file = next((file for file in ([ids] if ids is not None else beside) if file.is_file()), None)
    if file is None:
        where = f"'{ids}' is not there" if ids is not None else f"there is no {beside[0].name}"
        raise _unusable(path, f"it has no ids of pictures, and {where}")
    return file


def _read_ids(file: Path) -> List[str]:
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix != ".json":
        # Not at U+2028 and the like, which a file's name may hold.
        return [line.strip() for line in text.split("\n") if line.strip()]
    try:
        names = json.loads(text)
    except ValueError as err:
        raise _unusable(file, f"it is not JSON: {err}") from err
    if not isinstance(names, list):
        raise _unusable(file, f"it holds a JSON {type(names).__name__}, not a list of ids")
    return _strings(names)


def _split(path: Path, array: np.ndarray) -> Rows:
    if array.ndim not in (2, 3):
        raise _unusable(path, f"its array has the shape {array.shape}, not (N, D) or (N, R, D)")
    return list(array)


def _whole(name: Any) -> str:
    # pandas makes floats of a column of whole numbers in which one is missing.
    if isinstance(name, float) and name.is_integer():
        name = int(name)
    return _strings([name])[0]


def _strings(names: Sequence[Any]) -> List[str]:
    return [name.decode("utf8") if isinstance(name, bytes) else str(name) for name in names]


def _unusable(path: Path, problem: str) -> ValueError:
    return ValueError(Errors.M108.format(path=path, problem=problem))
