"""Are the probabilities of predicted entities true? Expected calibration error, bins, Brier score, NLL."""

from typing import Any, Dict, Hashable, Iterable, List, NamedTuple, Optional, Sequence

import numpy as np
from spacy.training import Example

N_BINS = 15
# What counts as certain: a wrong entity of probability 1 would cost infinitely much in the NLL.
EPSILON = 1e-6


class Judged(NamedTuple):
    """Predicted entities with their probabilities.

    scores (ndarray): float64 (N,).
    right (ndarray): bool (N,), whether the gold has an entity with these boundaries and this label.
    """

    scores: np.ndarray
    right: np.ndarray


def calibration(
    judged: Judged, *, n_bins: int = N_BINS, epsilon: float = EPSILON
) -> Dict[str, Any]:
    """How well probabilities agree with how often they are right.

    | key              | what                                                                          |
    |------------------|-------------------------------------------------------------------------------|
    | `ece`            | expected calibration error: the bins have equal width, bin i holds scores in  |
    |                  | (i/n, (i+1)/n] (the first one 0, too); the mean over entities of the distance |
    |                  | in their bin between the mean score and the share of right entities           |
    | `ece_equal_mass` | the same with bins of equally many entities, in the order of their scores     |
    | `brier`          | mean squared difference between score and outcome, 1 right and 0 wrong        |
    | `nll`            | mean negative log-likelihood of the outcomes; scores are kept `epsilon` away  |
    |                  | from 0 and 1                                                                  |
    | `n_entities`     | N                                                                             |
    | `confidence`     | mean score                                                                    |
    | `accuracy`       | share of right entities: the precision                                        |
    | `n_bins`, `bins` | of `ece`: `low`, `high`, `n`, `confidence`, `accuracy` (None in empty bins)   |

    Without entities all figures are None. The definition of ECE: Naeini et al. 2015, Guo et al. 2017;
    here an event is a predicted entity, so entities that were missed do not count.

    judged (Judged): the entities.
    n_bins (int): 15 as in Guo et al.
    epsilon (float): see `nll`.
    RETURNS (Dict[str, Any]): JSON values, from 0 to 1 but for `nll`.
    """
    scores, right = judged.scores.astype(np.float64), judged.right.astype(np.float64)
    n = len(scores)
    # ceil(s * n) - 1 puts what lies on an edge into the lower bin.
    place = np.clip(np.ceil(scores * n_bins).astype(int) - 1, 0, n_bins - 1)
    bins = [
        {"low": i / n_bins, "high": (i + 1) / n_bins, **_bin(scores[place == i], right[place == i])}
        for i in range(n_bins)
    ]
    figures: Dict[str, Any] = dict.fromkeys(
        ("ece", "ece_equal_mass", "brier", "nll", "confidence", "accuracy")
    )
    if n:
        order = np.argsort(scores, kind="stable")
        masses = [_bin(scores[part], right[part]) for part in np.array_split(order, n_bins)]
        figures = {
            "ece": _error(bins, n),
            "ece_equal_mass": _error(masses, n),
            "brier": float(np.mean((scores - right) ** 2)),
            "nll": negative_log_likelihood(judged, epsilon=epsilon),
            "confidence": float(scores.mean()),
            "accuracy": float(right.mean()),
        }
    return {"n_entities": n, **figures, "n_bins": n_bins, "bins": bins}


def negative_log_likelihood(judged: Judged, *, epsilon: float = EPSILON) -> float:
    """Mean negative log-likelihood of which entities are right; there must be one."""
    scores = np.clip(judged.scores.astype(np.float64), epsilon, 1 - epsilon)
    return float(-np.mean(np.where(judged.right, np.log(scores), np.log1p(-scores))))


def judge(eg: Example, spans: Sequence[Any]) -> List[Optional[bool]]:
    """Which predicted entities of a post are right.

    As in the other scores: what touches a token without annotation, or aligns with no token of the
    reference, is neither right nor wrong, and of two predictions of one gold the second is wrong.

    eg (Example): predicted and reference doc; their tokens may differ.
    spans (Sequence[Tuple[str, int, int]]): (label, start, end) in tokens of the predicted doc.
    RETURNS (List[Optional[bool]]): None for neither.
    """
    if not eg.reference.has_annotation("ENT_IOB"):
        return [None] * len(spans)
    missing: set[Hashable] = {(ent.label_, ent.start, ent.end) for ent in eg.reference.ents}
    verdicts: List[Optional[bool]] = []
    x2y = eg.alignment.x2y
    for label, start, end in spans:
        indices = x2y[start:end]
        place = (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, 0)
        tokens = eg.reference[slice(*place)]
        if not len(tokens) or any(token.ent_iob == 0 for token in tokens):
            verdicts.append(None)
            continue
        verdicts.append((label, *place) in missing)
        missing.discard((label, *place))
    return verdicts


def judge_entities(examples: Iterable[Example]) -> Optional[Judged]:
    """The entities of predicted docs that have a score, with their verdicts.

    examples (Iterable[Example]): predicted docs as the component leaves them.
    RETURNS (Optional[Judged]): None if no entity has a score (`scores = false`).
    """
    scores: List[float] = []
    right: List[bool] = []
    for eg in examples:
        ents = [ent for ent in eg.predicted.ents if ent._.score is not None]
        verdicts = judge(eg, [(ent.label_, ent.start, ent.end) for ent in ents])
        for ent, verdict in zip(ents, verdicts, strict=True):
            if verdict is not None:
                scores.append(ent._.score)
                right.append(verdict)
    if not scores:
        return None
    return Judged(np.array(scores), np.array(right, dtype=bool))


def _bin(scores: np.ndarray, right: np.ndarray) -> Dict[str, Any]:
    if not len(scores):
        return {"n": 0, "confidence": None, "accuracy": None}
    return {
        "n": len(scores),
        "confidence": float(scores.mean()),
        "accuracy": float(right.mean()),
    }


def _error(bins: Iterable[Dict[str, Any]], n: int) -> float:
    return sum(b["n"] / n * abs(b["confidence"] - b["accuracy"]) for b in bins if b["n"])
