"""Right, wrong and missed entities of each post: what significance tests resample."""

from typing import Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np
from spacy.scorer import PRFScore
from spacy.training import Example

from .spans import boundaries, entity_pair, match


class PostCounts(NamedTuple):
    """Entities of one post, with their type and by their boundaries alone.

    tp, fp, fn (int): found, wrongly predicted, missed: boundaries and type must be right.
    seg_tp, seg_fp, seg_fn (int): the same for boundaries alone (segmentation).
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    seg_tp: int = 0
    seg_fp: int = 0
    seg_fn: int = 0


def post_counts(examples: Iterable[Example]) -> List[PostCounts]:
    """Count the entities of each post, as `score_entities` does.

    examples (Iterable[Example]): Predicted and reference docs.
    RETURNS (List[PostCounts]): One a post; zeros where the reference has no entity annotation.
    """
    return [_count(eg) for eg in examples]


def fscores(counts: np.ndarray) -> np.ndarray:
    """Micro-averaged F1 from counts: 2 tp / (2 tp + fp + fn), and 0 where there is nothing to count.

    counts (ndarray): (..., 3): tp, fp, fn, summed over posts.
    RETURNS (ndarray): (...) from 0 to 1.
    """
    tp, fp, fn = np.moveaxis(counts, -1, 0)
    total = 2 * tp + fp + fn
    return np.divide(2 * tp, total, out=np.zeros(total.shape), where=total > 0)


def total_fscores(counts: Sequence[Sequence[int]]) -> Tuple[float, float]:
    """Typed and segmentation F1 of all posts together, from 0 to 1."""
    totals = np.asarray(counts, dtype=np.int64).reshape(-1, 2, 3).sum(0)
    typed, segmentation = fscores(totals).tolist()
    return typed, segmentation


def _count(eg: Example) -> PostCounts:
    pair = entity_pair(eg)
    if pair is None:
        return PostCounts()
    typed, _ = match(pair.gold, pair.predicted)
    segmentation, _ = match(boundaries(pair.gold), boundaries(pair.predicted))
    return PostCounts(*_values(typed), *_values(segmentation))


def _values(counts: PRFScore) -> Tuple[int, int, int]:
    return counts.tp, counts.fp, counts.fn
