"""What the component writes on docs that know entities already, its own ones or those of others."""

import numpy as np
import pytest
import spacy
from spacy.pipeline.functions import merge_entities
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_mner.extensions import set_extensions
from spacy_mner.pipeline.annotations import remove_entities, write_entities

from .builders import (
    copy_nlp,
    entities,
    make_doc,
    make_example,
    make_examples,
    make_nlp,
    picture,
    train,
)

set_extensions()
TEXT = "Ann met Bob in Oslo"


@pytest.fixture(scope="module")
def trained():
    """Tests must not change it."""
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=40)
    return nlp


def scores(doc: Doc):
    return doc.spans["mner"].attrs["scores"].tolist()


def test_a_second_pass_keeps_the_scored_entities(trained):
    doc = trained(make_doc(trained, TEXT))
    before = scores(doc)
    assert len(before) == 3
    doc = trained(doc)
    assert list(doc.spans["mner"]) == list(doc.ents)
    assert scores(doc) == before
    assert [ent._.score for ent in doc.ents] == before


def test_a_second_pass_after_tokens_were_merged(trained):
    doc = merge_entities(trained(make_doc(trained, "Acme Corp works for Carl")))
    expected = [(ent.text, ent._.score) for ent in doc.ents]
    assert ("Acme Corp", pytest.approx(expected[0][1])) == expected[0]
    doc = trained(doc)
    assert [(ent.text, ent._.score) for ent in doc.ents] == expected
    assert [span.text for span in doc.spans["mner"]] == [text for text, _ in expected]


def test_merging_tokens_does_not_change_what_is_found_later():
    """spaCy gives merged words that the table lacks ("Ann", beside "ann") vectors of zeros."""
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=40)
    first = nlp(make_doc(nlp, TEXT))
    before = [(ent.text, ent.label_, ent._.score) for ent in first.ents]
    merge_entities(first)
    assert nlp.vocab.vectors.find(key="Ann") >= 0
    again = nlp(make_doc(nlp, TEXT))
    assert [(ent.text, ent.label_, ent._.score) for ent in again.ents] == before


def test_what_is_no_entity_any_more_leaves_the_group(trained):
    doc = trained(make_doc(trained, TEXT))
    doc.ents = [Span(doc, 0, 1, "DOG"), doc.ents[1]]
    doc = trained(doc)
    assert entities(doc) == [("Ann", "DOG"), ("Bob", "PER"), ("Oslo", "LOC")]
    # Ann is somebody else's entity now.
    assert [(s.text, s.label_) for s in doc.spans["mner"]] == [("Bob", "PER"), ("Oslo", "LOC")]
    assert len(scores(doc)) == 2
    assert doc.ents[0]._.score is None


def test_two_components_with_one_key():
    """The second finds its own entities beside those of the first; all of them are scored."""
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=40)
    other = make_nlp(initialize=False)
    egs = [make_example(other, "a java cup", "O B-DRINK O", image=picture())]
    other.initialize(lambda: egs)
    train(other, egs, steps=40)
    nlp.add_pipe("mner", name="drinks", source=other)
    doc = nlp(make_doc(nlp, "Ann met java in Oslo"))
    labels = [ent.label_ for ent in doc.ents]
    assert {"DRINK", "PER"} <= set(labels)
    assert list(doc.spans["mner"]) == list(doc.ents)
    assert all(0 < score <= 1 for score in scores(doc))
    assert [ent._.score for ent in doc.ents] == scores(doc)
    # Each takes back its own.
    remove_entities(doc, key="mner", component="drinks")
    assert [ent.label_ for ent in doc.ents] == [label for label in labels if label != "DRINK"]


def test_entities_of_others_stay_when_the_scorer_predicts_again(trained):
    """Also without scores: the group says whose the entities are."""
    nlp = copy_nlp(trained, scores=False)
    nlp.add_pipe("entity_ruler", before="mner").add_patterns([{"label": "DOG", "pattern": "Bob"}])
    eg = make_example(nlp, TEXT, "B-PER O B-DOG O B-LOC", image=picture())
    eg.predicted._.image_vec = None
    assert nlp.evaluate([eg])["ents_f"] == 1.0
    after = copy_nlp(trained, scores=False)
    after.add_pipe("entity_ruler", config={"overwrite_ents": True, "scorer": None}).add_patterns(
        [{"label": "DOG", "pattern": "Bob"}]
    )
    eg = make_example(after, TEXT, "B-PER O B-DOG O B-LOC", image=picture())
    eg.predicted._.image_vec = None
    assert after.evaluate([eg])["ents_f"] == 1.0


def test_later_components_see_the_entities_in_training(trained):
    seen = []

    @spacy.Language.component("tests_entity_spy")
    def spy(doc):
        seen.append(len(doc.ents))
        return doc

    nlp = copy_nlp(trained)
    nlp.add_pipe("tests_entity_spy")
    nlp.update(make_examples(nlp), sgd=None, annotates=["mner", "tests_entity_spy"])
    assert seen == [3, 2, 1, 3]


def make_written(values, *, component="mner"):
    nlp_doc = Doc(make_nlp(initialize=False).vocab, words=TEXT.split())
    ents = [Span(nlp_doc, 0, 1, "PER"), Span(nlp_doc, 4, 5, "LOC")]
    array = None if values is None else np.asarray(values, dtype="float32")
    write_entities(nlp_doc, ents, array, key="mner", component=component)
    return nlp_doc


def test_write_and_remove_are_inverse():
    for values in (None, [0.5, 0.25]):
        doc = make_written(values)
        assert [t.ent_iob_ for t in doc] == ["B", "O", "O", "O", "B"]
        remove_entities(doc, key="mner", component="mner")
        assert doc.ents == ()
        assert not doc.has_annotation("ENT_IOB")


def test_remove_keeps_blocked_tokens():
    doc = make_written(None)
    doc.set_ents(doc.ents, blocked=[doc[1:2]], default="unmodified")
    remove_entities(doc, key="mner", component="mner")
    assert [(t.ent_iob, t.ent_type) for t in doc] == [(0, 0), (3, 0), (0, 0), (0, 0), (0, 0)]


def test_scores_stand_beside_entities_without():
    doc = make_written(None, component="unscored")
    doc.set_ents(doc.ents, missing=[doc[2:3]], default="unmodified")
    ent = Span(doc, 2, 3, "PER")
    write_entities(doc, [ent], np.asarray([0.75], "float32"), key="mner", component="mner")
    assert [ent.text for ent in doc.spans["mner"]] == ["Ann", "Bob", "Oslo"]
    np.testing.assert_array_equal(scores(doc), [np.nan, 0.75, np.nan])
    assert [ent._.score for ent in doc.ents] == [None, 0.75, None]


def test_a_group_of_somebody_else_is_replaced():
    doc = Doc(make_nlp(initialize=False).vocab, words=TEXT.split())
    doc.ents = [Span(doc, 0, 1, "PER")]
    doc.spans["mner"] = [doc[0:2]]
    write_entities(doc, [], np.zeros(0, "float32"), key="mner", component="mner")
    assert len(doc.spans["mner"]) == 0
    assert [ent.text for ent in doc.ents] == ["Ann"]


def test_the_group_survives_a_docbin(trained):
    doc = trained(make_doc(trained, TEXT))
    data = DocBin(store_user_data=True, docs=[doc]).to_bytes()
    (again,) = DocBin().from_bytes(data).get_docs(make_nlp(initialize=False).vocab)
    remove_entities(again, key="mner", component="mner")
    assert again.ents == ()


def test_evaluation_twice_is_the_same(trained):
    """The first evaluation leaves predicted docs with entities that are ours."""
    eg = make_example(trained, TEXT, "B-PER O B-PER O B-LOC", image=picture())
    predicted = trained(make_doc(trained, TEXT))
    first = trained.get_pipe("mner").score([Example(predicted, eg.reference)])
    second = trained.get_pipe("mner").score([Example(trained(predicted), eg.reference)])
    assert first == second
    assert first["ents_f"] == 1.0
