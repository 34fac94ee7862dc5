"""Word vectors in the CPU's memory, wherever the pipeline's table is."""

from typing import Any, Optional, Sequence, Tuple

import numpy as np
from spacy.vectors import Vectors
from thinc.util import to_numpy


class HostVectors:
    """Reads a table of word vectors on the CPU.

    On a GPU spaCy keeps the table there. Each batch of look-ups would then wait for the GPU twice, and
    CuPy would allocate memory in whatever thread reads, where Thinc's allocator does not know of the
    GPU: its device is a thread's own. So such a table is copied once; one that is NumPy's is read where
    it is. A change of a vector in place, on a GPU, is not noticed; new keys and another table are.

    Copies and pickles of it are empty.
    """

    def __init__(self) -> None:
        self._copied: Tuple[Any, int] = (None, 0)
        self._copy: Optional[Vectors] = None

    def rows(self, vectors: Vectors, rows: Any) -> np.ndarray:
        """Read rows of a table.

        vectors (Vectors): The table.
        rows (Any): What indexes its rows: an integer, a slice, or an array of integers.
        RETURNS (ndarray): The rows.
        """
        return self._on_cpu(vectors).data[rows]

    def batch(self, vectors: Vectors, forms: Sequence[str]) -> np.ndarray:
        """Look forms up in a floret table, which has a vector for each.

        vectors (Vectors): The table.
        forms (Sequence[str]): N strings.
        RETURNS (ndarray): (N, D).
        """
        return self._on_cpu(vectors).get_batch(list(forms))

    def _on_cpu(self, vectors: Vectors) -> Vectors:
        if isinstance(vectors.data, np.ndarray):
            return vectors
        table, n_keys = self._copied
        if self._copy is None or table is not vectors.data or n_keys != len(vectors.key2row):
            self._copy = copy_to_cpu(vectors)
            self._copied = (vectors.data, len(vectors.key2row))
        return self._copy

    def __reduce__(self) -> Tuple[Any, ...]:
        return HostVectors, ()


def copy_to_cpu(vectors: Vectors) -> Vectors:
    """Copy a table, without its keys, to the CPU's memory.

    vectors (Vectors): The table.
    RETURNS (Vectors): The same rows, and the same vectors of strings if it is a floret table.
    """
    return Vectors(
        strings=vectors.strings,
        data=to_numpy(vectors.data),
        mode=vectors.mode,
        minn=vectors.minn,
        maxn=vectors.maxn,
        hash_count=vectors.hash_count,
        hash_seed=vectors.hash_seed,
        bow=vectors.bow,
        eow=vectors.eow,
    )
