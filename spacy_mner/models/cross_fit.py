"""Ridge regression of a post's labels on its picture, fitted out of fold."""

import numpy as np

# Strengths of the ridge, relative to the mean variance of a column times the number of posts.
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)


def cross_fit(x: np.ndarray, y: np.ndarray, folds: np.ndarray, n_folds: int) -> np.ndarray:
    """Fit one regression to all posts, and one for each fold to all the others.

    A network that is trained on a score which was fitted to the very same posts learns to trust it
    too much. Scored by the regression that has not seen it, a training post looks like a new one
    (stacking, Wolpert 1992). The strength of the ridge is chosen by the held-out squared error, for
    each label: a picture that tells nothing ends at weights near 0.

    x (ndarray): (n, D) pictures' vectors, standardized.
    y (ndarray): (n, N) 0 or 1, whether the post holds an entity of the label.
    folds (ndarray): (n,) ints below K; equal pictures must share their fold.
    n_folds (int): K.
    RETURNS (ndarray): float32 (N, K + 1, D + 1), the intercept last; index 0 is the fit to all posts,
        k + 1 the one that has not seen fold k. Predictions are deviations from the label's rate, in
        its standard deviations.
    """
    rate = y.mean(0)
    target = (y - rate) / np.sqrt(np.maximum(rate * (1 - rate), 1e-6))
    everything = np.ones(len(x), dtype=bool)
    subsets = [everything, *(folds != k for k in range(n_folds))]
    # (K + 1, number of strengths, D + 1, N)
    fits = np.stack([_ridge(x[kept], target[kept]) for kept in subsets])
    # Fold by fold: a regression for each post at once would be gigabytes.
    errors = np.zeros((len(STRENGTHS), y.shape[1]))
    for k in range(n_folds):
        own = folds == k
        held_out = x[own] @ fits[k + 1, :, :-1] + fits[k + 1, :, -1:]
        errors += ((held_out - target[own]) ** 2).sum(1)
    best = errors.argmin(0)
    chosen = fits[:, best, :, np.arange(y.shape[1])]
    return chosen.astype(np.float32)


def _ridge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights with intercept (number of strengths, D + 1, N) of ridge regressions."""
    n, width = x.shape
    if n == 0:
        return np.zeros((len(STRENGTHS), width + 1, y.shape[1]))
    mean, offset = x.mean(0), y.mean(0)
    x, y = x - mean, y - offset
    # Eigenvectors of the smaller of the two Gram matrices serve every strength.
    if n >= width:
        values, right = np.linalg.eigh(x.T @ x)
    else:
        values, left = np.linalg.eigh(x @ x.T)
        kept = values > 1e-6 * max(values.max(initial=0.0), 1e-12)
        values, right = values[kept], x.T @ left[:, kept] / np.sqrt(values[kept])
    values = np.maximum(values, 0.0)
    scale = max(values.sum() / width, 1e-12)
    projected = right.T @ (x.T @ y)
    fits = []
    for strength in STRENGTHS:
        weights = right @ (projected / (values + strength * scale)[:, None])
        fits.append(np.vstack([weights, offset - mean @ weights]))
    return np.stack(fits)
