"""Vectors that tell nothing about a picture."""

from typing import Optional

import numpy as np

NOT_FINITE, ZERO, CONSTANT = "NaN or infinite", "all-zero", "constant"
# Where posts meet vectors, a picture with one of these counts as missing.
USELESS = (NOT_FINITE, ZERO)


def judge_vector(vector: np.ndarray) -> Optional[str]:
    """What is wrong with the vectors of a picture.

    vector (ndarray): (D,) or (R, D) floats, at least one.
    RETURNS (Optional[str]): "NaN or infinite", "all-zero", "constant", or None. One number alone (D = 1)
        may be anything that is finite.
    """
    if not np.isfinite(vector).all():
        return NOT_FINITE
    if vector.shape[-1] == 1 or vector.min() != vector.max():
        return None
    return CONSTANT if vector.any() else ZERO
