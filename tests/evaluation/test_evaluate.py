import json

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example

from spacy_mner.evaluation.evaluate import evaluate
from spacy_mner.evaluation.spans import collect_mentions
from spacy_mner.extensions import set_extensions

set_extensions()

# "Daisy" is a person where the picture's first number is positive.
POSTS = [
    (["Daisy", "at", "home"], [("PER", 0, 1)], 1.0),
    (["Daisy", "on", "the", "table"], [], -1.0),
    (["Daisy", "!"], [("PER", 0, 1)], 2.0),
    (["Oslo", "is", "cold"], [("LOC", 0, 1)], None),
    (["in", "Bergen", "now"], [("LOC", 1, 2)], None),
]


class PictureRule:
    """A pipe whose output depends on the picture in a way that can be worked out by hand."""

    def __call__(self, doc: Doc) -> Doc:
        vector = doc._.image_vec
        ents = [Span(doc, t.i, t.i + 1, "LOC") for t in doc if t.text in ("Oslo", "Rome")]
        if vector is not None and vector[0] > 0:
            ents += [Span(doc, t.i, t.i + 1, "PER") for t in doc if t.text == "Daisy"]
        doc.set_ents(ents, default="outside")
        return doc


if not Language.has_factory("picture_rule_for_tests"):
    Language.factory("picture_rule_for_tests", func=lambda nlp, name: PictureRule())


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("picture_rule_for_tests")
    return nlp


@pytest.fixture
def data_path(tmp_path, nlp):
    docs = []
    for words, ents, number in POSTS:
        doc = Doc(nlp.vocab, words=words)
        doc.set_ents([Span(doc, s, e, label) for label, s, e in ents], default="outside")
        if number is not None:
            doc._.image_vec = numpy.array([number, 0.0], dtype="float32")
            doc._.image_id = str(number)
        docs.append(doc)
    path = tmp_path / "data.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def test_with_pictures(nlp, data_path):
    scores = evaluate(nlp, Corpus(data_path)(nlp))
    # Found: both Daisys and Oslo; missed: Bergen.
    assert (scores["ents_p"], scores["ents_r"]) == (1.0, 0.75)
    assert scores["ents_per_type"]["PER"]["f"] == 1.0
    assert scores["with_image"]["ents_f"] == 1.0
    assert scores["with_image"]["n_posts"] == scores["n_with_image"] == 3
    assert scores["without_image"]["ents_r"] == 0.5
    assert (scores["n_posts"], scores["n_tokens"], scores["n_entities"]) == (5, 15, 4)
    assert scores["n_entities_per_type"] == {"LOC": 2, "PER": 2}
    assert "token_acc" in scores  # the other components' and the tokenizer's scores are kept
    assert scores["speed"] > 0
    json.dumps(scores)


def test_without_pictures(nlp, data_path):
    scores = evaluate(nlp, Corpus(data_path)(nlp), images="off")
    assert scores["ents_r"] == 0.25
    # The division into posts with and without a picture is that of the data.
    assert scores["with_image"]["n_posts"] == 3
    assert scores["with_image"]["ents_r"] == 0.0
    assert scores["without_image"]["ents_r"] == 0.5


def test_with_pictures_of_other_posts(nlp, data_path):
    rows = {}
    for seed in range(8):
        scores = evaluate(nlp, Corpus(data_path)(nlp), images="shuffled", seed=seed)
        assert scores["without_image"]["ents_r"] == 0.5
        # Three pictures: one of the two Daisys gets the table's, and the table gets a person's.
        assert scores["with_image"]["ents_r"] == 0.5
        assert scores["with_image"]["ents_p"] == 0.5
        rows[seed] = scores["ents_f"]
    assert set(rows.values()) == {2 * (2 / 3 * 0.5) / (2 / 3 + 0.5)}


def test_seen_and_unseen_mentions(nlp, data_path):
    scores = evaluate(nlp, Corpus(data_path)(nlp), train_mentions={"daisy", "bergen"})
    assert scores["seen"] == {"n_entities": 3, "ents_r": 2 / 3, "ents_seg_r": 2 / 3}
    assert scores["unseen"] == {"n_entities": 1, "ents_r": 1.0, "ents_seg_r": 1.0}
    scores = evaluate(nlp, Corpus(data_path)(nlp), train_mentions=set())
    assert scores["seen"] == {"n_entities": 0, "ents_r": None, "ents_seg_r": None}
    assert evaluate(nlp, Corpus(data_path)(nlp))["seen"] is None


def test_mentions_ignore_case_and_white_space(nlp):
    doc = Doc(
        nlp.vocab, words=["NEW", "York", "and", "Straße"], ents=["B-LOC", "I-LOC", "O", "B-LOC"]
    )
    assert collect_mentions([doc]) == {"new york", "strasse"}


def test_example_posts(nlp, data_path):
    on = evaluate(nlp, Corpus(data_path)(nlp), n_examples=20)["examples"]
    off = evaluate(nlp, Corpus(data_path)(nlp), images="off", n_examples=20)["examples"]
    # The one post without an entity is not among them; the same posts in every condition.
    assert [row["index"] for row in on] == [row["index"] for row in off] == [0, 2, 3, 4]
    assert on[0] == {
        "index": 0,
        "id": "1.0",
        "text": "Daisy at home ",
        "has_image": True,
        "gold": [{"start": 0, "end": 5, "label": "PER"}],
        "predicted": [{"start": 0, "end": 5, "label": "PER"}],
    }
    assert off[0] == {**on[0], "predicted": []}
    assert len(evaluate(nlp, Corpus(data_path)(nlp), n_examples=2)["examples"]) == 2
    assert evaluate(nlp, Corpus(data_path)(nlp))["examples"] == []


def test_the_callers_examples_stay_as_they_were(nlp, data_path):
    examples = list(Corpus(data_path)(nlp))
    before = [(eg.predicted.to_bytes(), eg.reference.to_bytes()) for eg in examples]
    for images in ("on", "off", "shuffled"):
        evaluate(nlp, examples, images=images, n_examples=5)
    assert [(eg.predicted.to_bytes(), eg.reference.to_bytes()) for eg in examples] == before


def test_posts_without_annotation(nlp):
    doc = Doc(nlp.vocab, words=["Oslo"])
    scores = evaluate(nlp, [Example(doc.copy(), doc)], train_mentions=set(), n_examples=5)
    assert scores["ents_f"] is None
    assert scores["unseen"]["n_entities"] == 0
    assert scores["examples"] == []


def test_nothing_to_evaluate(nlp):
    with pytest.raises(ValueError, match="M060"):
        evaluate(nlp, [])
