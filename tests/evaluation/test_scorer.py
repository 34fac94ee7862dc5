import pytest
from hypothesis import given
from seqeval.metrics import f1_score, precision_score, recall_score
from spacy import registry
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_mner.evaluation.scorer import score_entities
from spacy_mner.evaluation.spans import entity_pair, match

from .strategies import VOCAB, examples, tag_pairs

SPACY_KEYS = ("ents_p", "ents_r", "ents_f", "ents_per_type")


def make_example(words, gold, predicted):
    return Example(Doc(VOCAB, words=words, ents=predicted), Doc(VOCAB, words=words, ents=gold))


@given(examples())
def test_typed_scores_are_spacys_own(egs):
    scores = score_entities(egs)
    expected = get_ner_prf(egs)
    assert {key: scores[key] for key in SPACY_KEYS} == expected


@given(examples())
def test_our_matching_counts_like_spacys(egs):
    pairs = [pair for pair in map(entity_pair, egs) if pair is not None]
    counts = [match(pair.gold, pair.predicted)[0] for pair in pairs]
    tp = sum(c.tp for c in counts)
    fp = sum(c.fp for c in counts)
    fn = sum(c.fn for c in counts)
    expected = get_ner_prf(egs)
    if tp + fp + fn == 0:
        assert expected["ents_p"] is None
    else:
        assert expected["ents_p"] == tp / (tp + fp + 1e-100)
        assert expected["ents_r"] == tp / (tp + fn + 1e-100)


@given(examples())
def test_typed_is_never_above_segmentation(egs):
    scores = score_entities(egs)
    if scores["ents_p"] is None:
        assert scores["ents_seg_p"] is None
    else:
        for figure in "prf":
            assert scores[f"ents_{figure}"] <= scores[f"ents_seg_{figure}"] + 1e-12


@given(tag_pairs())
def test_agrees_with_seqeval(pairs):
    egs = [make_example(["w"] * len(gold), gold, predicted) for gold, predicted in pairs]
    scores = score_entities(egs)
    gold = [tags for tags, _ in pairs]
    predicted = [tags for _, tags in pairs]
    untyped = [[[tag[:2] + "X" * (tag != "O") for tag in t] for t in y] for y in (gold, predicted)]
    measures = (("p", precision_score), ("r", recall_score), ("f", f1_score))
    for figure, measure in measures:
        typed = measure(gold, predicted, zero_division=0)
        segmentation = measure(*untyped, zero_division=0)
        assert (scores[f"ents_{figure}"] or 0.0) == pytest.approx(typed)
        assert (scores[f"ents_seg_{figure}"] or 0.0) == pytest.approx(segmentation)
        every_type = sorted({tag[2:] for tags in gold + predicted for tag in tags if tag != "O"})
        gold_types = {tag[2:] for tags in gold for tag in tags if tag != "O"}
        if gold_types:
            per_type = measure(gold, predicted, average=None, zero_division=0)
            values = dict(zip(every_type, per_type, strict=True))
            macro = sum(values[label] for label in gold_types) / len(gold_types)
            assert scores[f"ents_macro_{figure}"] == pytest.approx(macro)


def test_wrong_type_counts_for_segmentation_only():
    eg = make_example(["Daisy", "at", "Oslo"], ["B-PER", "O", "B-LOC"], ["B-LOC", "O", "B-LOC"])
    scores = score_entities([eg])
    assert scores["ents_f"] == 0.5
    assert scores["ents_seg_f"] == 1.0
    # LOC: P 1/2, R 1, F 2/3; PER: F 0. The mean is over both types of the gold.
    assert scores["ents_macro_f"] == pytest.approx(1 / 3)


def test_type_that_only_the_prediction_has_is_not_in_the_macro_mean():
    eg = make_example(["Daisy", "at", "Oslo"], ["O", "O", "B-LOC"], ["B-ORG", "O", "B-LOC"])
    scores = score_entities([eg])
    assert scores["ents_per_type"].keys() == {"ORG", "LOC"}
    assert scores["ents_macro_f"] == 1.0


def test_two_predictions_of_one_gold_token_count_once():
    predicted = Doc(VOCAB, words=["New", "York"], spaces=[False, False], ents=["B-LOC", "B-LOC"])
    reference = Doc(VOCAB, words=["NewYork"], spaces=[False], ents=["B-LOC"])
    scores = score_entities([Example(predicted, reference)])
    assert (scores["ents_seg_p"], scores["ents_seg_r"]) == (0.5, 1.0)


def test_nothing_to_count():
    plain = make_example(["a", "b"], ["O", "O"], ["O", "O"])
    unannotated = Example(Doc(VOCAB, words=["a"], ents=["B-PER"]), Doc(VOCAB, words=["a"]))
    for egs in ([], [plain], [unannotated]):
        assert set(score_entities(egs).values()) == {None}


def test_predictions_on_missing_annotation_are_ignored():
    words = ["Ann", "in", "Oslo"]
    reference = Doc(VOCAB, words=words)
    reference.set_ents([Span(reference, 2, 3, "LOC")], missing=[reference[0:1]], default="outside")
    predicted = Doc(VOCAB, words=words, ents=["B-PER", "O", "B-LOC"])
    scores = score_entities([Example(predicted, reference)])
    assert scores["ents_f"] == scores["ents_seg_f"] == 1.0


def test_registered_name_resolves():
    scorer = registry.scorers.get("spacy_mner.mner_scorer.v1")()
    assert scorer is score_entities
