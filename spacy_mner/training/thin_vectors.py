"""A table of word vectors with fewer words: Table 3 of Moon et al. (2018)."""

import numpy
from spacy.vectors import Mode, Vectors
from thinc.util import to_numpy

from ..errors import Errors


def thin_vectors(vectors: Vectors, keep: float, *, seed: int = 0) -> Vectors:
    """Remove words at random.

    With one seed, the words of a smaller share are among those of a larger one, so that tables of
    several sizes differ by removal alone.

    vectors (Vectors): a table with keys. It is not changed.
    keep (float): share of the words that stays, in (0, 1].
    seed (int): the same seed removes the same words.
    RETURNS (Vectors): a new table that holds the kept words' vectors alone.
    RAISES (ValueError): M011 for another share, M056 for floret vectors, which have no words.
    """
    if not 0 < keep <= 1:
        raise ValueError(Errors.M011.format(setting="keep", value=keep, range="in (0, 1]"))
    if vectors.mode != Mode.default:
        problem = "floret vectors have no words that could be removed"
        raise ValueError(
            Errors.M056.format(source=vectors.name, problem=problem, known="a GloVe file")
        )
    # Sorted: the order of a dict depends on how the table was made.
    keys = numpy.asarray(sorted(vectors.key2row), dtype="uint64")
    order = numpy.random.default_rng(seed).permutation(len(keys))
    kept = keys[numpy.sort(order[: max(1, round(keep * len(keys)))])]
    rows = [vectors.key2row[key] for key in kept.tolist()]
    data = to_numpy(vectors.data)[rows]
    return Vectors(data=data, keys=kept, strings=vectors.strings, name=vectors.name)
