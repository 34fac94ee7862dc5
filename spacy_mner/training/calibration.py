"""Temperature scaling: one number that makes the probabilities of entities true (Guo et al. 2017).

All scores of the CRF, emissions, transitions, starts and ends, are divided by the temperature: no best path
changes, so no predicted entity does. Above 1 the model is too sure of itself, below 1 not sure enough.
"""

import math
import random
import warnings
from itertools import takewhile
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors, Warnings
from ..evaluation.calibration import Judged, calibration, judge, negative_log_likelihood
from ..models.tagger import get_decoder
from ..pictures import Condition, with_pictures
from ..pipeline.find import find_mner
from ..pipeline.mner import MultimodalEntityRecognizer
from ..pipeline.prediction import (
    ScoredBatch,
    decode_entities,
    entity_probabilities,
    score_batches,
)
from ..tags import Entity

LOW, HIGH = 0.05, 20.0
_GRID = 13
_GOLDEN = (math.sqrt(5) - 1) / 2


class NothingToCalibrate(ValueError):
    """There are no posts, or the pipeline finds nothing in them that can be right or wrong (M142)."""


class Scored(NamedTuple):
    """A batch of posts with its predicted entities, of which all but the temperature is fixed."""

    batch: ScoredBatch
    rows: List[List[Entity]]
    verdicts: List[List[Optional[bool]]]


class CalibrationSet:
    """Posts that the network has read once, so that a temperature can be tried at little cost.

    component (MultimodalEntityRecognizer): the component.
    examples (Sequence[Example]): predicted docs as the component gets them, with their pictures.
    """

    def __init__(self, component: MultimodalEntityRecognizer, examples: Sequence[Example]) -> None:
        self.decoder = get_decoder(component.model)
        self.parts: List[Scored] = []
        labels = component.labels
        for batch in score_batches(component.model, [eg.predicted for eg in examples]):
            rows = decode_entities(self.decoder, batch)
            verdicts = [
                judge(examples[place], [(labels[e.label], e.start, e.end) for e in row])
                for place, row in zip(batch.places, rows, strict=True)
            ]
            self.parts.append(Scored(batch, rows, verdicts))

    def judged(self, temperature: float, posts: Optional[set[int]] = None) -> Judged:
        """The entities with their probabilities at a temperature.

        temperature (float): above 0.
        posts (Optional[set[int]]): indices of the examples to look at; None = all.
        """
        scores: List[np.ndarray] = []
        right: List[bool] = []
        for batch, rows, verdicts in self.parts:
            probs = entity_probabilities(self.decoder, batch, rows, temperature)
            for place, row, known in zip(batch.places, probs, verdicts, strict=True):
                if posts is None or place in posts:
                    scores.append(row[[verdict is not None for verdict in known]])
                    right += [verdict for verdict in known if verdict is not None]
        return Judged(
            np.concatenate([*scores, np.zeros(0)]).astype(np.float64), np.array(right, dtype=bool)
        )

    def fit(self, posts: Optional[set[int]] = None) -> float:
        """The temperature under which it is most likely that just these entities are right.

        What is minimised is the negative log-likelihood of "this predicted entity is right", because
        that is the event whose probability a score claims to be, and the one that ECE measures.
        The likelihood of the gold tags would be another choice; it is ruled by the many
        tokens outside of entities and by the entities that were missed, which have no score.

        posts (Optional[set[int]]): indices of the examples to fit on; None = all.
        RETURNS (float): from `LOW` to `HIGH`.
        RAISES (NothingToCalibrate): M142 if no predicted entity can be judged.
        """
        at_one = self.judged(1.0, posts)
        if not len(at_one.scores):
            raise NothingToCalibrate(Errors.M142.format(problem="no predicted entity is annotated"))

        def loss(log_temperature: float) -> float:
            return negative_log_likelihood(self.judged(math.exp(log_temperature), posts))

        log_temperature, at_border = minimize(loss, math.log(LOW), math.log(HIGH))
        temperature = math.exp(log_temperature)
        if at_border:
            message = Warnings.MW041.format(
                value=temperature,
                low=LOW,
                high=HIGH,
                n=len(at_one.right),
                right=int(at_one.right.sum()),
            )
            warnings.warn(message, stacklevel=2)
        return temperature


def calibrate(
    nlp: Language,
    examples: Iterable[Example],
    *,
    images: Condition = "on",
    n_folds: int = 0,
    seed: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> Dict[str, Any]:
    """Fit the temperature of a pipeline's `mner` on posts, and set it.

    nlp (Language): the pipeline; its component's temperature is changed, nothing else.
    examples (Iterable[Example]): development data, which the pipeline was not trained on. Never
        changed.
    images (str): "on", "off" or "shuffled": with which pictures the posts are read.
    n_folds (int): 2 or more: also measure what calibration does to posts that it was not fitted on,
        by fitting on all folds but one, and measuring on that one.
    seed (int): of the division into folds.
    progress (Callable): called with each step's name.
    RETURNS (Dict[str, Any]): `temperature`, `n_posts`, `before` and `after` (see
        `evaluation.calibration.calibration`; of the posts that were fitted on), and `folds`: None or
        `n_folds`, `temperatures`, `before` and `after` (all folds pooled).
    RAISES (ValueError): M130 if the pipeline has no `mner`; NothingToCalibrate, which is one, M142.
    """
    component = find_mner(nlp)
    copies = with_pictures(examples, images, seed=seed)
    if not copies:
        raise NothingToCalibrate(Errors.M142.format(problem="there are no posts"))
    progress("read the posts")
    posts = CalibrationSet(component, _run_earlier_pipes(nlp, component, copies))
    progress("fit the temperature")
    temperature = posts.fit()
    result: Dict[str, Any] = {
        "temperature": temperature,
        "n_posts": len(copies),
        "before": calibration(posts.judged(component.temperature)),
        "after": calibration(posts.judged(temperature)),
        "folds": None,
    }
    if n_folds:
        result["folds"] = _cross_validate(
            posts, component.temperature, len(copies), n_folds, seed, progress
        )
    component.temperature = temperature
    return result


def minimize(
    loss: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-3
) -> Tuple[float, bool]:
    """The lowest point of a function of one variable: a coarse grid, then golden sections.

    RETURNS (Tuple[float, bool]): the place, and whether it is at the border.
    """
    grid = np.linspace(low, high, _GRID)
    values = [loss(float(x)) for x in grid]
    best = int(np.argmin(values))
    a, b = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _GRID - 1)])
    x, y = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
    at_x, at_y = loss(x), loss(y)
    while b - a > tolerance:
        if at_x <= at_y:
            b, y, at_y = y, x, at_x
            x = b - _GOLDEN * (b - a)
            at_x = loss(x)
        else:
            a, x, at_x = x, y, at_y
            y = a + _GOLDEN * (b - a)
            at_y = loss(y)
    place = (a + b) / 2
    return place, min(place - low, high - place) < 2 * tolerance


def _cross_validate(
    posts: CalibrationSet,
    before: float,
    n_posts: int,
    n_folds: int,
    seed: int,
    progress: Callable[[str], None],
) -> Dict[str, Any]:
    if not 2 <= n_folds <= n_posts:
        raise ValueError(
            Errors.M011.format(setting="folds", value=n_folds, range=f"from 2 to {n_posts}")
        )
    order = list(range(n_posts))
    random.Random(seed).shuffle(order)
    temperatures, held_out = [], []
    for fold in range(n_folds):
        progress(f"fold {fold + 1} of {n_folds}")
        outside = set(order[fold::n_folds])
        temperatures.append(posts.fit(set(order) - outside))
        held_out.append(posts.judged(temperatures[-1], outside))
    pooled = Judged(
        np.concatenate([part.scores for part in held_out]),
        np.concatenate([part.right for part in held_out]),
    )
    return {
        "n_folds": n_folds,
        "temperatures": temperatures,
        "before": calibration(posts.judged(before)),
        "after": calibration(pooled),
    }


def _run_earlier_pipes(
    nlp: Language, component: MultimodalEntityRecognizer, examples: List[Example]
) -> List[Example]:
    """The examples as `mner` gets them: after the components before it."""
    docs: Iterable[Doc] = [eg.predicted for eg in examples]
    earlier = [name for name, _ in takewhile(lambda item: item[1] is not component, nlp.pipeline)]
    if earlier:
        with nlp.select_pipes(enable=earlier):
            docs = list(nlp.pipe(docs))
    return [Example(doc, eg.reference) for doc, eg in zip(docs, examples, strict=True)]
