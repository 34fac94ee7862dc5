"""Remember the vectors of the pictures seen last, for posts that bring the same one again."""

import os
from collections import OrderedDict
from typing import Any, Optional, Tuple

import numpy as np

MAX_BYTES = 64 * 2**20


class RecentVectors:
    """The vectors used last, as many as fit.

    A path counts as the same picture as long as the file's size and time of change are the same.
    Pictures in memory are not remembered, since they are known by their address alone, which
    another one may get.

    max_bytes (int): Bytes of vectors that are kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._vectors: OrderedDict[Any, np.ndarray] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, key: Tuple[str, Any]) -> Optional[np.ndarray]:
        """Look up a picture.

        key (Tuple[str, Any]): Its kind ("path", "bytes" or another) and what tells it apart.
        RETURNS (Optional[ndarray]): Its vectors (D,) or (R, D), or None.
        """
        stamped = _stamp(key)
        if stamped not in self._vectors:
            return None
        self._vectors.move_to_end(stamped)
        return self._vectors[stamped]

    def add(self, key: Tuple[str, Any], vector: np.ndarray) -> None:
        """Remember a picture, and forget those that were not used for the longest time.

        key (Tuple[str, Any]): See `get`.
        vector (ndarray): Its vectors, which are copied.
        """
        stamped = _stamp(key)
        if stamped is None or stamped in self._vectors:
            return
        # A copy: a row of a batch would keep the whole batch in memory.
        self._vectors[stamped] = vector.copy()
        self._bytes += vector.nbytes
        while self._bytes > self._max_bytes:
            _, oldest = self._vectors.popitem(last=False)
            self._bytes -= oldest.nbytes


def _stamp(key: Tuple[str, Any]) -> Optional[Tuple[Any, ...]]:
    kind, what = key
    if kind == "bytes":
        return key
    if kind != "path":
        return None
    try:
        status = os.stat(what)
    except (OSError, ValueError):  # a caption, or a file that is gone
        return None
    return kind, what, status.st_mtime_ns, status.st_size
