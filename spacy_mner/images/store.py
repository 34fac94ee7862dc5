"""Feature store: the vectors of many pictures in a folder, computed once and read by memory map."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np

from ..errors import Errors
from .store_format import DTYPE, VECTORS, check_size, read_index, read_info, read_missing
from .store_writer import FeatureStoreWriter
from .types import EncoderInfo

__all__ = ["FeatureStore", "FeatureStoreWriter"]


class FeatureStore:
    """The vectors of a feature store by id, read from a memory map.

    path (Union[str, Path]): The folder.
    RAISES (ValueError): If the folder is not a feature store, or is damaged.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        self.info = read_info(self.path)
        entries, _ = read_index(self.path)
        self._places: Dict[str, Tuple[int, Optional[int]]] = {}
        row = 0
        for id_, regions in entries:
            self._places[id_] = (row, regions)
            row += regions or 1
        self._rows = _map_rows(self.path, row, self.info.width)

    @classmethod
    def open(cls, path: Union[str, Path]) -> "FeatureStore":
        """Open a store for reading; a writer may be at work on it."""
        return cls(path)

    @property
    def encoder(self) -> str:
        """RETURNS (str): The name of the encoder that made the vectors."""
        return self.info.name

    @property
    def width(self) -> int:
        """RETURNS (int): D, the length of a vector."""
        return self.info.width

    @property
    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The settings of the encoder."""
        return self.info.settings

    @property
    def ids(self) -> List[str]:
        """RETURNS (List[str]): The ids in the order in which they were added."""
        return list(self._places)

    @property
    def missing(self) -> Dict[str, str]:
        """RETURNS (Dict[str, str]): Ids of pictures without a vector, with the reason."""
        return read_missing(self.path)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __getitem__(self, id_: str) -> np.ndarray:
        """Look up the vectors of a picture.

        id_ (str): The picture's id.
        RETURNS (ndarray): Read-only float32 array, (D,) or (R, D).
        RAISES (KeyError): If the store has no vector for it.
        """
        row, regions = self._places[id_]
        return self._rows[row] if regions is None else self._rows[row : row + regions]

    def get(self, id_: str, default: Optional[np.ndarray] = None) -> Optional[np.ndarray]:
        """Look up the vectors of a picture, or get a default if there are none."""
        return self[id_] if id_ in self._places else default

    def check(self, expected: EncoderInfo) -> None:
        """Refuse to be used together with another encoder.

        expected (EncoderInfo): The encoder that the vectors should come from.
        RAISES (ValueError): If they come from another one.
        """
        difference = self.info.difference(expected)
        if difference:
            what = f"The feature store '{self.path}'"
            raise ValueError(Errors.M028.format(what=what, difference=difference))

    def __reduce__(self) -> Tuple[Any, ...]:
        return FeatureStore, (self.path,)  # a memory map would be copied into the pickle


def _map_rows(path: Path, rows: int, width: int) -> np.ndarray:
    check_size(path, rows, width)
    if not rows:  # an empty file cannot be mapped
        return np.zeros((0, width), dtype=DTYPE)
    mapped = np.memmap(path / VECTORS, dtype=DTYPE, mode="r", shape=(rows, width))
    # A plain array over the same memory: np.memmap as a type surprises whoever copies or pickles.
    return np.asarray(mapped).view(np.ndarray)
