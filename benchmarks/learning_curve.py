"""A contestant that is trained in slices of time, and is scored on the way."""

import random
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.loop import create_train_batches, train_while_improving
from spacy.util import registry
from thinc.api import fix_random_seed

from spacy_mner.evaluation.evaluate import evaluate
from spacy_mner.training.corpus import create_corpus_v1


class Point(NamedTuple):
    """The F1 (0 to 1) after so many updates and seconds of training."""

    updates: int
    seconds: float
    f1: float


class Contestant:
    """Learns by the recipe in its config, in spaCy's own training loop.

    Its seconds are those of training: of initialization, where `mner` fits its evidence, and of updates,
    but not of reading the data and the word vectors, nor of evaluation.

    nlp (Language): not initialized, with its word vectors.
    train, dev (Path): `.spacy` files.
    every (int): updates from one evaluation to the next.
    patience (int): training ends when so many evaluations have not raised the best F1; 0 = never.
    seed (int): of weights, batches and dropout.
    """

    def __init__(
        self, nlp: Language, train: Path, dev: Path, *, every: int, patience: int, seed: int = 0
    ) -> None:
        recipe: dict[str, Any] = registry.resolve(
            nlp.config.interpolate()["training"], schema=ConfigSchemaTraining
        )
        self.nlp = nlp
        self.dev = list(create_corpus_v1(dev)(nlp))
        self.points: list[Point] = []
        # "patience", "max_steps" (the recipe's end) or "max_seconds".
        self.ended_by: str | None = None
        self._max_steps: int = recipe["max_steps"]
        self._updates = 0
        self._evaluating = 0.0
        examples = list(create_corpus_v1(train)(nlp))
        fix_random_seed(seed)
        start = time.perf_counter()
        nlp.initialize(lambda: examples, sgd=recipe["optimizer"])
        self.seconds = time.perf_counter() - start
        self._steps = train_while_improving(
            nlp,
            recipe["optimizer"],
            create_train_batches(
                nlp, lambda nlp: examples, recipe["batcher"], recipe["max_epochs"]
            ),
            self._evaluate,
            dropout=recipe["dropout"],
            eval_frequency=every,
            accumulate_gradient=recipe["accumulate_gradient"],
            patience=patience * every,
            max_steps=self._max_steps,
            exclude=recipe["frozen_components"],
            annotating_components=recipe["annotating_components"],
            before_update=recipe["before_update"],
        )
        self._random = get_random_state()

    @property
    def best(self) -> Point:
        """The first one with the best F1."""
        return max(self.points, key=lambda point: (point.f1, -point.updates))

    def reached(self, f1: float) -> Point | None:
        """The first evaluation with such an F1 or a better one."""
        return next((point for point in self.points if point.f1 >= f1), None)

    def take_turn(self, seconds: float, max_seconds: float) -> None:
        """Train for so many seconds more, up to `max_seconds` in all. Nobody else's turn changes what comes
        out."""
        set_random_state(self._random)
        end = min(self.seconds + seconds, max_seconds)
        # One update at least, with which the curve begins.
        self._step()
        while self.ended_by is None and self.seconds < end:
            self._step()
        if self.ended_by is None and self.seconds >= max_seconds:
            self.ended_by = "max_seconds"
        self._random = get_random_state()

    def _step(self) -> None:
        self._evaluating = 0.0
        start = time.perf_counter()
        done = next(self._steps, None)
        self.seconds += time.perf_counter() - start - self._evaluating
        if done is None:
            all_done = self._max_steps and self._updates > self._max_steps
            self.ended_by = "max_steps" if all_done else "patience"
            return
        _, info, is_best = done
        self._updates = info["step"] + 1
        if is_best is not None:
            self.points.append(Point(self._updates, self.seconds, info["score"]))

    def _evaluate(self) -> tuple[float, dict[str, Any]]:
        start = time.perf_counter()
        scores = evaluate(self.nlp, self.dev)
        self._evaluating = time.perf_counter() - start
        return scores["ents_f"] or 0.0, scores


def get_random_state() -> tuple[Any, ...]:
    """Of all generators that training draws from."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def set_random_state(state: tuple[Any, ...]) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])
