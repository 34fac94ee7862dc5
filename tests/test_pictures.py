from collections import Counter

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_mner.extensions import set_extensions
from spacy_mner.pictures import derange, has_picture, with_pictures

set_extensions()
VOCAB = Vocab()


def make_examples(n, *, without=()):
    examples = []
    for i in range(n):
        reference = Doc(VOCAB, words=["post", str(i)], ents=["O", "B-PER"])
        if i not in without:
            vector = numpy.full((4,), i, dtype="float32")
            vector.flags.writeable = False  # as DocBin gives them
            reference._.image_vec = vector
            reference._.image_id = f"id{i}"
        examples.append(Example(Doc(VOCAB, words=["post", str(i)]), reference))
    return examples


@given(st.lists(st.integers(0, 6), max_size=20), st.integers(0, 9))
def test_derange(keys, seed):
    order = derange(keys, seed=seed)
    assert sorted(order) == list(range(len(keys)))
    kept = sum(keys[i] == keys[order[i]] for i in range(len(keys)))
    most = max(Counter(keys).values(), default=0)
    # A key on more than half of the places must meet itself this often, and no more.
    assert kept == max(0, 2 * most - len(keys))
    assert derange(keys, seed=seed) == order


def test_derange_depends_on_the_seed():
    orders = {tuple(derange(range(20), seed=seed)) for seed in range(10)}
    assert len(orders) == 10


def test_on_gives_each_post_its_picture():
    examples = make_examples(3, without=[1])
    copies = with_pictures(examples, "on")
    for eg, copy in zip(examples, copies, strict=True):
        assert copy.predicted._.image_vec is eg.reference._.image_vec
        assert copy.predicted._.image_id == eg.reference._.image_id
        assert eg.predicted._.image_vec is None


def test_off_removes_every_picture():
    examples = make_examples(3)
    examples[0].predicted._.image_vec = examples[0].reference._.image_vec
    for copy in with_pictures(examples, "off"):
        for doc in (copy.predicted, copy.reference):
            assert not has_picture(doc)
            assert doc._.image_id is None
            assert not doc.user_data


def test_shuffled_exchanges_pictures_between_posts_that_have_one():
    examples = make_examples(12, without=[2, 5])
    copies = with_pictures(examples, "shuffled", seed=3)
    given_away = []
    for i, (eg, copy) in enumerate(zip(examples, copies, strict=True)):
        assert copy.predicted._.image_vec is copy.reference._.image_vec
        assert copy.predicted._.image_id == copy.reference._.image_id
        if i in (2, 5):
            assert copy.predicted._.image_vec is None
        else:
            assert copy.predicted._.image_vec[0] != eg.reference._.image_vec[0]
            assert copy.predicted._.image_id == f"id{int(copy.predicted._.image_vec[0])}"
            given_away.append(int(copy.predicted._.image_vec[0]))
    assert sorted(given_away) == [i for i in range(12) if i not in (2, 5)]


@pytest.mark.parametrize("images", ["on", "off", "shuffled"])
def test_the_callers_docs_stay_as_they_were(images):
    examples = make_examples(6, without=[0])
    before = [(eg.predicted.to_bytes(), eg.reference.to_bytes()) for eg in examples]
    for copy in with_pictures(examples, images):
        copy.predicted.set_ents([copy.predicted[0:1]])
        assert [ent.text for ent in copy.reference.ents] == [copy.reference[1].text]
    assert [(eg.predicted.to_bytes(), eg.reference.to_bytes()) for eg in examples] == before


def test_pictures_that_are_not_encoded_yet():
    examples = make_examples(3, without=range(3))
    for i, eg in enumerate(examples):
        eg.reference._.image = f"{i}.jpg"
    copies = with_pictures(examples, "shuffled")
    names = [copy.predicted._.image for copy in copies]
    assert sorted(names) == ["0.jpg", "1.jpg", "2.jpg"]
    assert all(name != f"{i}.jpg" for i, name in enumerate(names))


def test_ids_alone_are_exchanged_apart_from_pictures():
    """The id of a lost picture is a name: its post must not get a picture by the exchange."""
    examples = make_examples(8, without=range(4))
    for i in range(4):
        examples[i].reference._.image_id = f"lost{i}"
        assert not has_picture(examples[i].reference)
    copies = with_pictures(examples, "shuffled")
    for i, copy in enumerate(copies):
        assert (copy.predicted._.image_vec is None) == (i < 4)
        assert copy.predicted._.image_id.startswith("lost") == (i < 4)
        assert copy.predicted._.image_id != examples[i].reference._.image_id
    assert len({copy.predicted._.image_id for copy in copies}) == 8


def test_unknown_condition():
    with pytest.raises(ValueError, match=r"M006.*maybe"):
        with_pictures([], "maybe")  # type: ignore[arg-type]
