"""Image encoder `precomputed`: vectors from a file, looked up by the picture's id."""

from pathlib import Path, PurePath
from typing import Any, Dict, List, Optional, Union

import numpy as np

from ..errors import Errors
from .reading import ImageReadError, describe, strip_suffix
from .vector_files import VectorFile, read_vector_file
from .weights import digest


def create_precomputed_encoder(
    vectors: Union[str, Path], *, ids: Optional[Union[str, Path]] = None
) -> "PrecomputedEncoder":
    """Vectors that were computed elsewhere, from a file, which is read at the first use.

    vectors (Union[str, Path]): File of vectors: .npy, .npz, .safetensors or .parquet. See
        `images/vector_files.py` for what they hold.
    ids (Optional[Union[str, Path]]): File of ids for arrays without: a .json list, or text with one a
        line. None: the file beside the vectors: v.ids.txt or v.ids.json for v.npy.
    RETURNS (PrecomputedEncoder): The encoder.
    """
    return PrecomputedEncoder(vectors, ids)


class PrecomputedEncoder:
    """Looks up vectors by the id of a picture: `Doc._.image_id`, or else the name of its file.

    vectors (Union[str, Path]): File of vectors.
    ids (Optional[Union[str, Path]]): File of ids.
    """

    name = "precomputed"
    reads = "id"

    def __init__(self, vectors: Union[str, Path], ids: Optional[Union[str, Path]]) -> None:
        self.path = Path(vectors)
        self._ids_path = None if ids is None else Path(ids)
        self._file: Optional[VectorFile] = None
        self._flat = False

    @property
    def width(self) -> int:
        """RETURNS (int): D."""
        return self._load().width

    @property
    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Hashes of the files; None for ids inside the file of vectors."""
        ids_path = self._load().ids_path
        return {
            "vectors": digest(self.path),
            "ids": None if ids_path is None else digest(ids_path),
        }

    @property
    def ids(self) -> List[str]:
        """RETURNS (List[str]): The ids of all pictures in the file."""
        return list(self._load().rows)

    def read(self, source: Any) -> np.ndarray:
        """Look up the vectors of one picture.

        source (Any): Its id. Or the path of its file, of which the id is the path without the suffix
            (or with it), or, if no id in the file of vectors has a folder, the name of the file.
        RETURNS (ndarray): (D,) or (R, D) float32.
        RAISES (ImageReadError): If there is no vector for it, or one with NaN or infinite values.
        """
        rows = self._load().rows
        id_ = next((name for name in self._candidates(source) if name in rows), None)
        if id_ is None:
            raise ImageReadError(Errors.M109.format(id=describe(source), path=self.path))
        with np.errstate(over="ignore"):
            vector = np.array(rows[id_], dtype="float32")
        if not np.isfinite(vector).all():
            raise ImageReadError(Errors.M112.format(id=id_, path=self.path))
        return vector

    def encode(self, batch: List[np.ndarray]) -> List[np.ndarray]:
        """Pass on what `read` found.

        batch (List[ndarray]): B arrays (D,) or (R, D).
        RETURNS (List[ndarray]): The same.
        """
        return list(batch)

    def _candidates(self, source: Any) -> List[str]:
        if not isinstance(source, (str, PurePath)):
            return []
        path = PurePath(source)
        paths = [path, PurePath(path.name)] if self._flat else [path]
        names = [str(source)]
        for each in paths:
            names += [each.as_posix(), strip_suffix(each.as_posix())]
        return names

    def _load(self) -> VectorFile:
        if self._file is None:
            file = read_vector_file(self.path, self._ids_path)
            self._flat = not any("/" in name for name in file.rows)
            self._file = file
        return self._file

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_file": None}
