import itertools
import random

import numpy as np
import pytest

from spacy_mner.evaluation.counts import PostCounts
from spacy_mner.experiments.significance import compare_counts


def post(tp, fp, fn):
    """Segmentation counts that differ from the typed ones: one wrong type counts as right."""
    return PostCounts(tp, fp, fn, tp + min(fp, fn), fp - min(fp, fn), fn - min(fp, fn))


def draw(n, *, seed, skill):
    """N posts with two gold entities each, which a system of some skill finds or not."""
    rng = random.Random(seed)
    posts = []
    for _ in range(n):
        tp = sum(rng.random() < skill for _ in range(2))
        posts.append(post(tp, rng.randrange(2), 2 - tp))
    return posts


def f1(posts):
    tp, fp, fn = (sum(p[i] for p in posts) for i in range(3))
    return 2 * tp / max(1, 2 * tp + fp + fn)


A, B = draw(5, seed=3, skill=0.9), draw(5, seed=1, skill=0.4)


def test_randomisation_equals_enumeration():
    observed = abs(f1(A) - f1(B))
    extreme = 0
    for swaps in itertools.product((False, True), repeat=5):
        a = [y if s else x for x, y, s in zip(A, B, swaps, strict=True)]
        b = [x if s else y for x, y, s in zip(A, B, swaps, strict=True)]
        extreme += abs(f1(a) - f1(b)) >= observed - 1e-12
    found = compare_counts([A], [B], n_samples=20_000)["typed"]
    assert found.difference == pytest.approx(100 * (f1(A) - f1(B)))
    assert found.p_randomisation == pytest.approx(extreme / 32, abs=0.015)


def test_bootstrap_equals_enumeration():
    differences = []
    for places in itertools.product(range(5), repeat=5):
        differences.append(f1([A[i] for i in places]) - f1([B[i] for i in places]))
    found = compare_counts([A], [B], n_samples=20_000)["typed"]
    low, high = np.percentile(differences, [2.5, 97.5])
    assert found.low == pytest.approx(100 * low, abs=2.0)
    assert found.high == pytest.approx(100 * high, abs=2.0)
    below, above = (np.mean(np.asarray(differences) <= 0), np.mean(np.asarray(differences) >= 0))
    assert found.p_bootstrap == pytest.approx(2 * min(below, above), abs=0.02)


def test_segmentation_is_tested_apart():
    typed = [PostCounts(0, 1, 1, 1, 0, 0)] * 20
    right = [PostCounts(1, 0, 0, 1, 0, 0)] * 20
    found = compare_counts([right], [typed], n_samples=200)
    assert found["typed"].difference == 100.0
    assert found["typed"].p_randomisation < 0.01
    assert found["segmentation"].difference == 0.0
    assert found["segmentation"].p_randomisation == 1.0


def test_equal_systems_do_not_differ():
    found = compare_counts([A], [A], n_samples=300)["typed"]
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)
    assert found.p_bootstrap == found.p_randomisation == 1.0


def test_seeds_are_pooled():
    once = compare_counts([A], [B], n_samples=500)
    # The same run twice says nothing new; two seeds are as one run with the mean counts.
    assert compare_counts([A, A], [B], n_samples=500) == once
    other = draw(5, seed=9, skill=0.5)
    both = compare_counts([A, other], [B], n_samples=500)["typed"]
    assert both.a == pytest.approx(100 * f1([*A, *other]))
    assert both.b == once["typed"].b


def test_exchanging_the_systems_turns_the_sign():
    there = compare_counts([A], [B], n_samples=2000)["typed"]
    back = compare_counts([B], [A], n_samples=2000)["typed"]
    assert back.difference == -there.difference
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert back.p_bootstrap == pytest.approx(there.p_bootstrap)


def test_no_difference_is_rarely_significant():
    """Two runs of one system: five in a hundred comparisons at p < .05 are expected."""
    significant = 0
    for i in range(100):
        a, b = (draw(80, seed=f"{name}{i}", skill=0.6) for name in "ab")
        # What draws A's gold must draw B's, too: both have two entities in every post.
        significant += compare_counts([a], [b], n_samples=300)["typed"].p_randomisation < 0.05
    assert significant <= 12


def test_other_posts_are_refused():
    with pytest.raises(ValueError, match=r"M120.*5 and 4 posts"):
        compare_counts([A], [B[:4]])
    wrong = [*B[:4], PostCounts(3, 0, 1)]
    with pytest.raises(ValueError, match=r"M120.*post 5 has 2 and 4 gold"):
        compare_counts([A], [wrong])
    with pytest.raises(ValueError, match=r"M120.*runs of one system"):
        compare_counts([A, A[:3]], [B])
    with pytest.raises(ValueError, match="M060"):
        compare_counts([], [B])
