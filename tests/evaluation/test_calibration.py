"""Figures of calibration, worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_mner.evaluation.calibration import (
    Judged,
    calibration,
    judge,
    judge_entities,
    negative_log_likelihood,
)
from spacy_mner.evaluation.spans import entity_pair, match
from spacy_mner.extensions import set_extensions
from spacy_mner.pipeline.annotations import write_entities

from .strategies import examples

set_extensions()


def judged(*pairs):
    return Judged(np.array([p for p, _ in pairs], float), np.array([r for _, r in pairs], bool))


def test_by_hand():
    """Two bins: {0.2 wrong, 0.4 right} and {0.6 right, 0.8 right, 1.0 wrong}."""
    found = calibration(
        judged((0.2, False), (0.4, True), (0.6, True), (0.8, True), (1.0, False)), n_bins=2
    )
    assert found["bins"] == [
        {"low": 0.0, "high": 0.5, "n": 2, "confidence": pytest.approx(0.3), "accuracy": 0.5},
        {
            "low": 0.5,
            "high": 1.0,
            "n": 3,
            "confidence": pytest.approx(0.8),
            "accuracy": pytest.approx(2 / 3),
        },
    ]
    assert found["ece"] == pytest.approx(2 / 5 * 0.2 + 3 / 5 * (0.8 - 2 / 3))
    # Of equal mass: three and two entities.
    assert found["ece_equal_mass"] == pytest.approx(3 / 5 * (2 / 3 - 0.4) + 2 / 5 * (0.9 - 0.5))
    assert found["brier"] == pytest.approx((0.04 + 0.36 + 0.16 + 0.04 + 1.0) / 5)
    logs = math.log(0.8) + math.log(0.4) + math.log(0.6) + math.log(0.8) + math.log(1e-6)
    assert found["nll"] == pytest.approx(-logs / 5)
    assert (found["n_entities"], found["n_bins"]) == (5, 2)
    assert (found["confidence"], found["accuracy"]) == (pytest.approx(0.6), pytest.approx(0.6))


def test_edges_belong_to_the_lower_bin():
    found = calibration(judged((0.0, False), (0.5, True), (0.5000001, True), (1.0, True)), n_bins=2)
    assert [b["n"] for b in found["bins"]] == [2, 2]
    assert len(calibration(judged((0.5, True)))["bins"]) == 15


def test_true_and_false_probabilities():
    right = judged(*[(0.75, True)] * 3, (0.75, False))
    assert calibration(right)["ece"] == pytest.approx(0.0)
    wrong = judged(*[(1.0, False)] * 4)
    assert calibration(wrong)["ece"] == calibration(wrong)["brier"] == 1.0
    assert negative_log_likelihood(judged((1.0, True), (0.0, False))) == pytest.approx(0, abs=2e-6)


def test_no_entities():
    found = calibration(judged())
    assert found["n_entities"] == 0
    assert found["ece"] is found["nll"] is found["accuracy"] is None
    assert {b["n"] for b in found["bins"]} == {0}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_bounds(pairs):
    found = calibration(judged(*pairs))
    assert sum(b["n"] for b in found["bins"]) == len(pairs)
    for b in found["bins"]:
        if b["n"]:
            assert b["low"] - 1e-9 <= b["confidence"] <= b["high"] + 1e-9
    gap = abs(found["confidence"] - found["accuracy"])
    # Bins can only be further apart than their mean.
    assert gap - 1e-9 <= found["ece"] <= 1 + 1e-9
    assert gap - 1e-9 <= found["ece_equal_mass"] <= 1 + 1e-9
    assert 0 <= found["brier"] <= 1
    assert found["nll"] >= 0


@given(examples())
def test_verdicts_are_those_of_the_other_scores(egs):
    for eg in egs:
        spans = [(ent.label_, ent.start, ent.end) for ent in eg.predicted.ents]
        verdicts = judge(eg, spans)
        pair = entity_pair(eg)
        assert len(verdicts) == len(spans)
        if pair is None:
            assert set(verdicts) <= {None}
        else:
            counts, _ = match(pair.gold, pair.predicted)
            assert (verdicts.count(True), verdicts.count(False)) == (counts.tp, counts.fp)


def test_entities_without_a_score_do_not_count():
    vocab = Vocab()
    reference = Doc(vocab, words=["Ann", "met", "Bob", "x"], ents=["B-PER", "O", "B-PER", "O"])
    predicted = Doc(vocab, words=["Ann", "met", "Bob", "x"])
    ents = [Span(predicted, 0, 1, "PER"), Span(predicted, 2, 4, "PER")]
    write_entities(predicted, ents, np.array([0.9, 0.4]), key="mner", component="mner")
    found = judge_entities([Example(predicted, reference)])
    assert found.right.tolist() == [True, False]
    np.testing.assert_allclose(found.scores, [0.9, 0.4], rtol=1e-6)
    bare = Doc(vocab, words=["Ann", "met", "Bob", "x"], ents=["B-PER", "O", "O", "O"])
    assert judge_entities([Example(bare, reference)]) is None
