import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_mner.extensions import set_extensions
from spacy_mner.pictures import lacks_image, share_images

set_extensions()
VOCAB = Vocab()
VECTOR = np.arange(4, dtype="float32")


def make_example(predicted=None, reference=VECTOR):
    x, y = Doc(VOCAB, words=["a", "b"]), Doc(VOCAB, words=["a", "b"], ents=["B-PER", "O"])
    x._.image_vec, y._.image_vec = predicted, reference
    y._.image_id = None if reference is None else "id"
    return Example(x, y)


def test_predicted_doc_gets_the_picture():
    eg = make_example()
    (shared,) = share_images([eg])
    np.testing.assert_array_equal(shared.predicted._.image_vec, VECTOR)
    assert shared.predicted._.image_id == "id"
    assert shared.reference is eg.reference
    # The picture alone: no annotation comes along.
    assert not shared.predicted.has_annotation("ENT_IOB")


def test_the_callers_docs_stay_as_they_are():
    eg = make_example()
    predicted = eg.predicted
    share_images([eg])
    assert eg.predicted is predicted
    assert predicted._.image_vec is None
    assert predicted._.image_id is None


@pytest.mark.parametrize(
    ("predicted", "reference"),
    [(None, None), (VECTOR, VECTOR), (VECTOR + 1, VECTOR), (VECTOR, None)],
)
def test_nothing_to_share(predicted, reference):
    eg = make_example(predicted, reference)
    assert not lacks_image(eg)
    assert share_images([eg])[0] is eg
    assert eg.predicted._.image_vec is predicted


@pytest.mark.parametrize(("name", "value"), [("image", "a.jpg"), ("image_id", "a")])
def test_a_picture_that_is_not_encoded_yet_is_shared(name, value):
    """For a component `image_encoder` that reads the file, or looks the id up."""
    eg = make_example(reference=None)
    eg.reference._.set(name, value)
    assert lacks_image(eg)
    (shared,) = share_images([eg])
    assert shared.predicted._.get(name) == value
    assert eg.predicted._.get(name) is None
    assert not lacks_image(shared)


def test_what_the_predicted_doc_knows_stays():
    eg = make_example()
    eg.predicted._.image = "mine.jpg"
    eg.reference._.image = "theirs.jpg"
    (shared,) = share_images([eg])
    assert shared.predicted._.image == "mine.jpg"
    assert shared.predicted._.image_vec is VECTOR


def test_annotation_of_the_predicted_doc_is_kept():
    eg = make_example()
    eg.predicted.ents = [eg.predicted.char_span(0, 1, label="ORG")]
    (shared,) = share_images([eg])
    assert [e.label_ for e in shared.predicted.ents] == ["ORG"]


def test_read_only_pictures_and_order():
    vector = VECTOR.copy()
    vector.flags.writeable = False
    egs = [make_example(reference=vector), make_example(VECTOR), make_example(reference=None)]
    shared = share_images(eg for eg in egs)
    assert [eg.reference for eg in shared] == [eg.reference for eg in egs]
    np.testing.assert_array_equal(shared[0].predicted._.image_vec, vector)


def test_other_tokens_in_the_prediction():
    y = Doc(VOCAB, words=["New York"], ents=["B-LOC"])
    y._.image_vec = VECTOR
    x = Doc(VOCAB, words=["New", "York"], spaces=[True, False])
    (shared,) = share_images([Example(x, y)])
    assert [t.text for t in shared.predicted] == ["New", "York"]
    assert shared.get_aligned_ner() == ["B-LOC", "L-LOC"]
