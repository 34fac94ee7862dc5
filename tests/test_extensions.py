import time

import numpy as np
import pytest
from spacy.pipeline.functions import merge_entities
from spacy.tokens import Doc, DocBin, Span, SpanGroup, Token
from spacy.vocab import Vocab

from spacy_mner.extensions import SCORES_SOURCE, set_extensions, span_key

set_extensions()
VOCAB = Vocab()


def make_doc():
    return Doc(VOCAB, words=["Ann", "met", "Bob"])


def scored(doc, spans, scores, source=SCORES_SOURCE):
    attrs = {
        "source": source,
        "scores": np.asarray(scores, dtype="float32"),
        "index": {span_key(span): i for i, span in enumerate(spans)},
    }
    return SpanGroup(doc, name="mner", attrs=attrs, spans=spans)


@pytest.mark.parametrize(
    "name", ["image", "image_id", "image_vec", "modality_names", "modality_weights"]
)
def test_attributes_of_docs_start_as_none(name):
    doc = make_doc()
    assert doc._.get(name) is None
    doc._.set(name, [1])
    assert doc._.get(name) == [1]
    assert make_doc()._.get(name) is None


def test_registering_twice_changes_nothing():
    ours = ((Doc, "image_vec"), (Token, "modality_weights"), (Span, "score"))
    before = [cls.get_extension(name) for cls, name in ours]
    set_extensions()
    assert [cls.get_extension(name) for cls, name in ours] == before


def test_an_attribute_of_somebody_else_is_left_alone():
    own = Doc.get_extension("image_id")
    Doc.set_extension("image_id", default="theirs", force=True)
    try:
        set_extensions()
        assert make_doc()._.image_id == "theirs"
    finally:
        Doc.set_extension("image_id", default=own[0], force=True)


def test_modality_weights_of_a_token():
    doc = make_doc()
    assert doc[0]._.modality_weights is None
    doc._.modality_weights = np.asarray([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], dtype="float32")
    doc._.modality_names = ["word", "image"]
    assert doc[0]._.modality_weights == {"word": 0.25, "image": 0.75}
    assert doc[2]._.modality_weights == {"word": 1.0, "image": 0.0}


def test_modality_weights_of_tokens_that_were_merged_are_those_of_none():
    doc = make_doc()
    doc._.modality_weights = np.full((len(doc), 2), 0.5, dtype="float32")
    doc._.modality_names = ["word", "image"]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[:2])
    assert [token._.modality_weights for token in doc] == [None] * (len(doc))


def test_score_of_a_span():
    doc = make_doc()
    assert doc[0:1]._.score is None
    doc.spans["mner"] = scored(doc, [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "LOC")], [0.5, 0.25])
    assert Span(doc, 0, 1, "PER")._.score == 0.5
    assert Span(doc, 2, 3, "LOC")._.score == 0.25
    assert Span(doc, 2, 3, "PER")._.score is None
    assert Span(doc, 0, 2, "PER")._.score is None


def test_scores_of_other_components_are_not_ours():
    doc = make_doc()
    doc.spans["sc"] = scored(doc, [Span(doc, 0, 1, "PER")], [0.5], source="spancat")
    assert Span(doc, 0, 1, "PER")._.score is None


def test_a_score_that_was_not_computed_is_none():
    doc = make_doc()
    ents = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "LOC")]
    doc.spans["mner"] = scored(doc, ents, [np.nan, 0.5])
    assert [ent._.score for ent in ents] == [None, 0.5]
    del doc.spans["mner"].attrs["scores"]
    assert [ent._.score for ent in ents] == [None, None]


def test_scores_of_a_long_doc_take_no_time():
    """Each look-up is one in a dict; with a walk through all spans, ten times the length is a hundred times
    the work."""

    def seconds(n):
        doc = Doc(VOCAB, words=["Ann"] * n)
        ents = [Span(doc, i, i + 1, "PER") for i in range(n)]
        doc.spans["mner"] = scored(doc, ents, np.linspace(0, 1, n))
        start = time.process_time()
        assert sum(ent._.score for ent in ents) == pytest.approx(n / 2, rel=1e-4)
        return time.process_time() - start

    seconds(100)  # whatever is done once
    assert seconds(20_000) < 30 * seconds(2000) + 0.5


def test_score_after_tokens_were_merged():
    doc = Doc(VOCAB, words=["Acme", "Corp", "hired", "Ann", "Lee"])
    doc.ents = [Span(doc, 0, 2, "ORG"), Span(doc, 3, 5, "PER")]
    doc.spans["mner"] = scored(doc, doc.ents, [0.5, 0.25])
    doc = merge_entities(doc)
    assert [(ent.text, ent._.score) for ent in doc.ents] == [("Acme Corp", 0.5), ("Ann Lee", 0.25)]
    assert [token.text for token in doc if doc[token.i : token.i + 1]._.score] == []


def test_attributes_survive_a_docbin():
    doc = make_doc()
    doc._.image_id = "a/b"
    doc._.image_vec = np.arange(6, dtype="float32").reshape(2, 3)
    doc.spans["mner"] = scored(doc, [Span(doc, 0, 1, "PER")], [0.5])
    data = DocBin(store_user_data=True, docs=[doc]).to_bytes()
    (again,) = DocBin().from_bytes(data).get_docs(Vocab())
    assert again._.image_id == "a/b"
    np.testing.assert_array_equal(again._.image_vec, doc._.image_vec)
    assert again._.image_vec.dtype == np.float32
    assert Span(again, 0, 1, "PER")._.score == 0.5


def test_joined_docs_have_no_scores():
    """spaCy joins the groups, but not their scores."""
    docs = [make_doc(), make_doc()]
    for doc in docs:
        doc.spans["mner"] = scored(doc, [Span(doc, 0, 1, "PER")], [0.5])
    joined = Doc.from_docs(docs)
    assert len(joined.spans["mner"]) == 2
    assert Span(joined, 0, 1, "PER")._.score is None
