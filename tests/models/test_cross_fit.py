"""Scores fitted out of fold: against closed forms, and that no post is scored by itself."""

import tracemalloc

import numpy as np
import pytest
import torch

from spacy_mner.models.cross_fit import STRENGTHS, cross_fit
from spacy_mner.models.pytorch.evidence import FittedScores

from ..util import make_docs, resolve

N, WIDTH, FOLDS = 120, 6, 3


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, WIDTH))
    told = x[:, 0] - x[:, 1] + 0.3 * rng.normal(size=N) > 0
    untold = rng.random(N) < 0.3
    y = np.stack([told, untold], axis=1).astype(np.float64)
    return x, y, rng.integers(FOLDS, size=N)


def scores(fits, x):
    """(K + 1, n, N)"""
    padded = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    return np.einsum("nd,lkd->knl", padded, fits)


def test_the_held_out_scores_tell_what_the_picture_tells(data):
    x, y, folds = data
    fits = cross_fit(x, y, folds, FOLDS)
    assert fits.shape == (2, FOLDS + 1, WIDTH + 1)
    held_out = scores(fits, x)[1 + folds, np.arange(N)]
    told, untold = (np.corrcoef(held_out[:, label], y[:, label])[0, 1] for label in (0, 1))
    assert told > 0.7
    assert abs(untold) < 0.25
    # Nothing to learn: the scores shrink towards nothing.
    assert np.abs(held_out[:, 1]).mean() < 0.3 * np.abs(held_out[:, 0]).mean()


def test_memory_does_not_grow_with_posts_times_columns():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3000, 200)), (rng.random((3000, 4)) < 0.3).astype(np.float64)
    tracemalloc.start()
    try:
        cross_fit(x, y, rng.integers(FOLDS, size=3000), FOLDS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A few copies of x; a regression for each post would be 20 of them.
    assert peak < 6 * x.nbytes


def ridge(x, target, strength):
    """(D + 1,), the intercept last, by the normal equations."""
    centred = x - x.mean(0)
    gram = centred.T @ centred
    penalty = strength * np.trace(gram) / WIDTH * np.eye(WIDTH)
    weights = np.linalg.solve(gram + penalty, centred.T @ (target - target.mean()))
    return np.append(weights, target.mean() - x.mean(0) @ weights)


def test_a_fit_is_the_ridge_regression_without_its_fold(data):
    """With the strength of the least held-out error. Index 0, for prediction, has seen all posts."""
    x, y, folds = data
    x = x + 0.5  # an intercept has something to do
    fits = cross_fit(x, y, folds, FOLDS)
    rate = y.mean(0)
    targets = (y - rate) / np.sqrt(rate * (1 - rate))
    kept = [np.ones(N, dtype=bool), *(folds != k for k in range(FOLDS))]
    chosen = []
    for label, target in enumerate(targets.T):
        solved = {
            strength: np.stack([ridge(x[rows], target[rows], strength) for rows in kept])
            for strength in STRENGTHS
        }
        errors = {
            strength: ((scores(found[None], x)[1 + folds, np.arange(N), 0] - target) ** 2).sum()
            for strength, found in solved.items()
        }
        chosen.append(min(errors, key=errors.__getitem__))
        np.testing.assert_allclose(fits[label], solved[chosen[-1]], atol=1e-5)
    # The labels differ in what the picture tells of them.
    assert chosen[0] < chosen[1]


def test_a_posts_own_label_cannot_reach_its_training_score(data):
    x, y, folds = data
    before = cross_fit(x, y, folds, FOLDS)
    mine = folds == 1
    moved = y.copy()
    moved[mine] = np.roll(moved[mine], 1, axis=0)
    after = cross_fit(x, moved, folds, FOLDS)
    # Only the strength of the ridge may differ, which is chosen by looking at all folds.
    unseen, all_seen = (
        [scores(fits, x)[fit, mine, 0] for fits in (before, after)] for fit in (2, 0)
    )
    assert np.corrcoef(*unseen)[0, 1] > 0.98 > np.corrcoef(*all_seen)[0, 1]


def test_wider_than_posts_and_labels_that_never_change():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 40))
    y = np.stack([np.ones(12), np.zeros(12), np.arange(12) % 2], axis=1)
    fits = cross_fit(x, y, np.arange(12) % 4, 4)
    assert np.isfinite(fits).all()
    assert not fits[:2].any()


def test_training_and_prediction_read_different_fits():
    fitted = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3)
    module = FittedScores(2, 2, n_folds=2, fitted=fitted)
    with torch.no_grad():
        module.trust.fill_(1.0)
    x, folds = torch.tensor([[1.0, 2.0], [1.0, 2.0]]), torch.tensor([0, 1])
    full = np.concatenate([x, np.ones((2, 1))], axis=1)
    for training, used in ((True, [1, 2]), (False, [0, 0])):
        expected = [[fitted[label, used[i]] @ full[i] for label in (0, 1)] for i in (0, 1)]
        torch.testing.assert_close(module.train(training)(x, folds), torch.tensor(expected).float())


def test_equal_pictures_share_a_fold_and_unannotated_posts_teach_nothing():
    docs = make_docs()
    docs[4]._.image_vec = docs[0]._.image_vec
    part = resolve({"@architectures": "spacy_mner.LabelBias.v1", "n_folds": 5})
    labels = np.zeros((len(docs), 1), dtype=np.float32)
    labels[0] = 1
    labels[2] = np.nan
    part.initialize(docs, labels)
    folds = part.featurize_docs(docs)["folds"].tolist()
    assert folds[0] == folds[4]
    assert part.fitted.shape == (1, 6, 6)
    assert np.isfinite(part.fitted).all()


def test_a_single_fold_is_refused():
    with pytest.raises(ValueError, match="M011"):
        resolve({"@architectures": "spacy_mner.LabelBias.v1", "n_folds": 1})
