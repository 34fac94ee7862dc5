"""Is the difference between two systems more than chance? Paired tests over posts.

Both tests work on counts (right, wrong, missed) per post. Where a system was trained with several seeds,
posts are the unit that is drawn, and the counts of a post are summed over the seeds: what is tested
is the difference between the two ways to train, on posts like these. That the seeds themselves vary is
told by the standard deviation beside it.
"""

from typing import Dict, List, NamedTuple, Sequence

import numpy as np

from ..errors import Errors
from ..evaluation.counts import PostCounts, fscores

KINDS = ("typed", "segmentation")
# Rows of draws that are held in memory at once.
_CHUNK = 256


class Difference(NamedTuple):
    """F1 of A minus F1 of B, from -100 to 100.

    a, b (float): F1 of each, in percent, pooled over its seeds.
    difference (float): a - b.
    low, high (float): 95 % confidence interval of the difference (percentile bootstrap over posts).
    p_bootstrap (float): two-sided; how often a resampled difference lies on the other side of zero,
        doubled.
    p_randomisation (float): two-sided; how often exchanging A and B at random, post by post, makes a
        difference at least as large.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p_bootstrap: float
    p_randomisation: float


def compare_counts(
    a: Sequence[Sequence[PostCounts]],
    b: Sequence[Sequence[PostCounts]],
    *,
    n_samples: int = 10_000,
    seed: int = 0,
) -> Dict[str, Difference]:
    """Paired bootstrap (Koehn 2004) and approximate randomisation (Noreen 1989).

    a (Sequence[Sequence[PostCounts]]): For each run (seed) of the first system, the counts of N posts.
    b (Sequence[Sequence[PostCounts]]): The same posts, labelled by the second; as many runs or not.
    n_samples (int): Draws of each test.
    seed (int): The same seed gives the same figures.
    RETURNS (Dict[str, Difference]): By kind, "typed" and "segmentation".
    RAISES (ValueError): M060 if there are no posts, M120 if the numbers of posts or gold entities differ.
    """
    pooled_a, pooled_b = _pool(a), _pool(b)
    if len(pooled_a) != len(pooled_b):
        problem = f"{len(pooled_a)} and {len(pooled_b)} posts"
        raise ValueError(Errors.M120.format(problem=problem))
    gold_a, gold_b = (np.asarray(x)[0, :, :3] @ (1, 0, 1) for x in (a, b))
    if not np.array_equal(gold_a, gold_b):
        post = int(np.flatnonzero(gold_a != gold_b)[0])
        problem = f"post {post + 1} has {gold_a[post]} and {gold_b[post]} gold entities"
        raise ValueError(Errors.M120.format(problem=problem))
    return {
        kind: _compare(pooled_a[:, k], pooled_b[:, k], n_samples, np.random.default_rng([seed, k]))
        for k, kind in enumerate(KINDS)
    }


def _pool(runs: Sequence[Sequence[PostCounts]]) -> np.ndarray:
    """Mean counts over the runs, (N, 2, 3): as if all runs were one, whatever their number."""
    if not runs or not len(runs[0]):
        raise ValueError(Errors.M060)
    lengths = {len(run) for run in runs}
    if len(lengths) > 1:
        problem = f"{' and '.join(map(str, sorted(lengths)))} posts in runs of one system"
        raise ValueError(Errors.M120.format(problem=problem))
    return np.asarray(runs, dtype=np.float64).mean(0).reshape(-1, 2, 3)


def _compare(a: np.ndarray, b: np.ndarray, n_samples: int, rng: np.random.Generator) -> Difference:
    """a, b (ndarray): (N, 3)."""
    f_a, f_b = float(fscores(a.sum(0))), float(fscores(b.sum(0)))
    observed = f_a - f_b
    drawn = np.concatenate([_bootstrap(a, b, n, rng) for n in _chunks(n_samples)])
    exchanged = np.concatenate([_randomise(a, b, n, rng) for n in _chunks(n_samples)])
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    # One is added to both counts, so that no p is 0: the observation is one of the draws.
    tail = min(int(np.sum(drawn <= 0)), int(np.sum(drawn >= 0)))
    # Rounding must not make an exchange that changes nothing look smaller than the observation.
    extreme = int(np.sum(np.abs(exchanged) >= abs(observed) - 1e-12))
    return Difference(
        a=100 * f_a,
        b=100 * f_b,
        difference=100 * observed,
        low=100 * low,
        high=100 * high,
        p_bootstrap=min(1.0, 2 * (tail + 1) / (n_samples + 1)),
        p_randomisation=(extreme + 1) / (n_samples + 1),
    )


def _bootstrap(a: np.ndarray, b: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Differences (n,) on posts drawn with replacement, the same for both systems."""
    # How often each post was drawn: counted, which is many times faster than `rng.multinomial`.
    cells = rng.integers(len(a), size=(n, len(a))) + len(a) * np.arange(n)[:, None]
    times = np.bincount(cells.ravel(), minlength=n * len(a)).reshape(n, -1).astype(np.float64)
    return fscores(times @ a) - fscores(times @ b)


def _randomise(a: np.ndarray, b: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Differences (n,) where each post's two outputs were exchanged or not, by the toss of a coin."""
    swap = rng.integers(0, 2, size=(n, len(a))).astype(np.float64)
    moved = swap @ (b - a)
    return fscores(a.sum(0) + moved) - fscores(b.sum(0) - moved)


def _chunks(n: int) -> List[int]:
    return [min(_CHUNK, n - start) for start in range(0, n, _CHUNK)]
