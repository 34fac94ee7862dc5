import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_mner.tags import (
    UNKNOWN_TAG,
    Entity,
    bio_tags,
    entities_from_tags,
    gold_tags,
    preset_constraints,
    preset_entities,
    space_tokens,
    trim,
)

VOCAB = spacy.blank("en").vocab
LABELS = {"LOC": 0, "PER": 1}
TAGS = bio_tags(["LOC", "PER"])


def make_doc(words, ents=None, **kwargs):
    return Doc(VOCAB, words=words, ents=ents, **kwargs)


def names(tags):
    return ["-" if t == UNKNOWN_TAG else TAGS[t] for t in tags]


def test_order_of_the_tags():
    assert TAGS == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert bio_tags([]) == ["O"]


@pytest.mark.parametrize(
    "ents",
    [
        ["O", "O", "O"],
        ["B-PER", "I-PER", "O"],
        ["B-PER", "B-PER", "I-PER"],
        ["B-PER", "B-LOC", "I-LOC"],
    ],
)
def test_gold_tags_of_equal_tokens(ents):
    words = ["a", "b", "c"]
    tags = gold_tags(Example(make_doc(words), make_doc(words, ents)), LABELS)
    assert names(tags) == ents
    assert tags.dtype == np.int64


def test_missing_and_blocked_gold():
    words = ["a", "b", "c", "d"]
    reference = make_doc(words)
    reference.set_ents(
        [Span(reference, 0, 1, "PER")],
        blocked=[reference[1:2]],
        missing=[reference[2:3]],
        default="outside",
    )
    assert names(gold_tags(Example(make_doc(words), reference), LABELS)) == ["B-PER", "O", "-", "O"]
    nothing = gold_tags(Example(make_doc(words), make_doc(words)), LABELS)
    assert names(nothing) == ["-"] * 4


def test_gold_tags_of_other_tokens():
    # "New York" is one token in the reference, two in the prediction; "Anns" the other way round.
    predicted = make_doc(["Anns", "in", "New", "York"], spaces=[True, True, True, False])
    reference = make_doc(
        ["Ann", "s", "in", "New York"],
        ["B-PER", "I-PER", "O", "B-LOC"],
        spaces=[False, True, True, False],
    )
    tags = gold_tags(Example(predicted, reference), LABELS)
    assert names(tags) == ["B-PER", "O", "B-LOC", "I-LOC"]


def test_entity_that_ends_inside_a_predicted_token_is_unknown():
    predicted = make_doc(["Ann's", "here"], spaces=[True, False])
    reference = make_doc(["Ann", "'s", "here"], ["B-PER", "O", "O"], spaces=[False, True, False])
    assert names(gold_tags(Example(predicted, reference), LABELS)) == ["-", "O"]


@pytest.mark.parametrize("words", [["a", "b"], ["ab"]])
def test_unknown_label_is_an_error(words):
    reference = make_doc(["a", "b"], ["B-DOG", "I-DOG"], spaces=[False, False])
    eg = Example(make_doc(words, spaces=[False] * len(words)), reference)
    with pytest.raises(ValueError, match=r"M012.*'DOG'.*LOC, PER"):
        gold_tags(eg, LABELS)


@pytest.mark.parametrize(
    ("words", "ents", "expected"),
    [
        (["a", " ", "\n"], ["B-PER", "I-PER", "I-PER"], ["B-PER", "O", "O"]),
        (["\n", " ", "a"], ["B-PER", "I-PER", "I-PER"], ["O", "O", "B-PER"]),
        (["a", "\n", "b"], ["B-PER", "I-PER", "I-PER"], ["B-PER", "I-PER", "I-PER"]),
        (["\n", " ", "a"], ["B-PER", "I-PER", "B-LOC"], ["O", "O", "B-LOC"]),
        (["a", " ", "b"], ["B-PER", "I-PER", "B-PER"], ["B-PER", "O", "B-PER"]),
        (["a", " ", "b"], ["O", "O", "B-PER"], ["O", "O", "B-PER"]),
    ],
)
def test_gold_entities_lose_white_space_at_their_borders(words, ents, expected):
    assert names(gold_tags(Example(make_doc(words), make_doc(words, ents)), LABELS)) == expected


def test_missing_annotation_of_white_space_stays_missing():
    reference = make_doc(["a", " ", "b"])
    reference.set_ents([Span(reference, 0, 1, "PER")], default="missing")
    tags = gold_tags(Example(make_doc(["a", " ", "b"]), reference), LABELS)
    assert names(tags) == ["B-PER", "-", "-"]


def test_trim():
    doc = make_doc(["a", "\n", "b", " ", "\n", "c"])
    assert space_tokens(doc).tolist() == [False, True, False, True, True, False]
    assert trim(Entity(0, 5, 1), doc) == Entity(0, 3, 1)
    assert trim(Entity(2, 6, 0), doc) == Entity(2, 6, 0)
    assert trim(Entity(0, 2, 0), doc) == Entity(0, 1, 0)
    assert trim(Entity(1, 2, 0), doc) == Entity(1, 2, 0)
    assert space_tokens(make_doc([])).tolist() == []


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([], []),
        ([0, 0], []),
        ([1, 2, 2], [Entity(0, 3, 0)]),
        ([3, 3, 4], [Entity(0, 1, 1), Entity(1, 3, 1)]),
        ([1, 3, 4, 0, 1], [Entity(0, 1, 0), Entity(1, 3, 1), Entity(4, 5, 0)]),
    ],
)
def test_entities_from_tags(tags, expected):
    row = np.asarray(tags, dtype=np.int64)
    # A row of the batch without entities, and one with padding.
    rows = np.stack([np.zeros_like(row), row, row])
    assert entities_from_tags(rows) == [[], expected, expected]
    assert entities_from_tags(np.pad(rows, ((0, 0), (0, 2)))) == [[], expected, expected]
    assert entities_from_tags(rows[:0]) == []


def test_gold_tags_and_entities_are_inverse():
    words = ["a", "b", "c", "d"]
    reference = make_doc(words, ["B-PER", "I-PER", "B-LOC", "O"])
    tags = gold_tags(Example(make_doc(words), reference), LABELS)
    found = [(e.start, e.end, ["LOC", "PER"][e.label]) for e in entities_from_tags(tags[None])[0]]
    assert found == [(e.start, e.end, e.label_) for e in reference.ents]


def test_no_constraints_on_plain_docs():
    assert preset_constraints([make_doc(["a", "b"]), make_doc(["c"])], 2, 5) is None
    outside = make_doc(["a", "b"], ["O", "O"])
    assert preset_constraints([outside], 2, 5) is None


def test_constraints():
    preset = make_doc(["a", "b", "c"])
    preset.set_ents([Span(preset, 0, 1, "DOG")], blocked=[preset[2:3]], default="missing")
    space = make_doc(["a", "\n", "b"])
    sentences = make_doc(["a", "b"], sent_starts=[True, True])
    allowed = preset_constraints([preset, space, sentences, make_doc([])], 3, 5)
    only_outside = [True, False, False, False, False]
    no_begin = [True, False, True, False, True]
    no_inside = [True, True, False, True, False]
    everything = [True] * 5
    assert allowed.tolist() == [
        [only_outside, everything, only_outside],
        [no_inside, no_begin, everything],  # nothing can go on in the first token
        [no_inside, no_inside, everything],
        [everything] * 3,
    ]


def test_tokens_inside_a_sentence_are_free():
    doc = make_doc(["a", "b", "c"], sent_starts=[True, False, None])
    assert preset_constraints([doc], 3, 5) is None


def test_preset_entities():
    assert preset_entities(make_doc([])) == (False, [])
    assert preset_entities(make_doc(["a", "b"])) == (False, [])
    assert preset_entities(make_doc(["a", "b"], ["O", "O"])) == (True, [])
    doc = make_doc(["a", "b", "c", "d", "e"])
    doc.set_ents([Span(doc, 2, 3, "PER")], default="missing")
    assert preset_entities(doc) == (True, [(0, 2), (3, 5)])
