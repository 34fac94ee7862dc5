import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from thinc.api import Config

from spacy_mner.training.augmenters import create_keep_images_v1
from spacy_mner.training.corpus import create_corpus_v1

POSTS = [
    (["Ann", "met", "Bob", ".", "Rome", "is", "far", "."], [1, 0, 0, 0, 1, 0, 0, 0], 1.0),
    (["A", "table", "."], [1, 0, 0], None),
    (["Carl", "here"], [1, 0], 2.0),
    (["Oslo", "now"], [1, 0], 3.0),
]


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "posts.spacy"
    data = DocBin(store_user_data=True)
    vocab = spacy.blank("en").vocab
    for words, starts, value in POSTS:
        ents = ["B-PER" if word in ("Ann", "Bob", "Carl") else "O" for word in words]
        doc = Doc(vocab, words=words, sent_starts=[bool(s) for s in starts], ents=ents)
        if value is not None:
            doc._.image_vec = np.full(3, value, dtype="float32")
            doc._.image_id = f"post-{value:.0f}"
        data.add(doc)
    data.to_disk(path)
    return path


def values(docs):
    """What stands for each doc's picture."""
    return [None if d._.image_vec is None else float(d._.image_vec[0]) for d in docs]


def test_pictures_are_on_the_predicted_docs(nlp, path):
    egs = list(create_corpus_v1(path)(nlp))
    assert values(eg.predicted for eg in egs) == [1.0, None, 2.0, 3.0]
    assert values(eg.reference for eg in egs) == [1.0, None, 2.0, 3.0]
    assert [eg.predicted._.image_id for eg in egs] == ["post-1", None, "post-2", "post-3"]
    # spaCy's reader drops them; and but for the pictures, ours reads the same.
    plain = list(Corpus(path)(nlp))
    assert values(eg.predicted for eg in plain) == [None] * 4
    assert [eg.to_dict() for eg in plain] == [eg.to_dict() for eg in egs]
    assert not any(eg.predicted.ents for eg in egs)


def test_pictures_that_are_not_encoded_yet(nlp, tmp_path):
    """`image_encoder` as an annotating component finds them on the predicted docs."""
    doc = Doc(nlp.vocab, words=["Ann", "met", "Bob"], ents=["B-PER", "O", "B-PER"])
    doc._.image, doc._.image_id = "ann.jpg", "ann"
    DocBin(store_user_data=True, docs=[doc]).to_disk(tmp_path / "posts.spacy")
    (eg,) = create_corpus_v1(tmp_path / "posts.spacy")(nlp)
    assert (eg.predicted._.image, eg.predicted._.image_id) == ("ann.jpg", "ann")


def test_sentences_have_the_picture_of_their_post(nlp, path):
    egs = list(create_corpus_v1(path, max_length=6)(nlp))
    assert [len(eg.reference) for eg in egs] == [4, 4, 3, 2, 2]
    for side in ("predicted", "reference"):
        assert values(getattr(eg, side) for eg in egs) == [1.0, 1.0, None, 2.0, 3.0]


def test_gold_preprocessing(nlp, path):
    egs = list(create_corpus_v1(path, gold_preproc=True)(nlp))
    assert [len(eg.predicted) for eg in egs] == [4, 4, 3, 2, 2]
    for side in ("predicted", "reference"):
        assert values(getattr(eg, side) for eg in egs) == [1.0, 1.0, None, 2.0, 3.0]


def test_limit(nlp, path):
    assert values(eg.predicted for eg in create_corpus_v1(path, limit=3)(nlp)) == [1.0, None, 2.0]


def test_reader_can_be_used_again(nlp, path):
    corpus = create_corpus_v1(path)
    first, second = list(corpus(nlp)), list(corpus(nlp))
    assert values(eg.predicted for eg in first) == values(eg.predicted for eg in second)


def test_images_off(nlp, path):
    egs = list(create_corpus_v1(path, images="off")(nlp))
    assert len(egs) == 4
    for side in ("predicted", "reference"):
        assert values(getattr(eg, side) for eg in egs) == [None] * 4


def test_images_shuffled(nlp, path):
    egs = list(create_corpus_v1(path, images="shuffled", seed=1)(nlp))
    found = values(eg.predicted for eg in egs)
    assert found[1] is None
    assert sorted(v for v in found if v) == [1.0, 2.0, 3.0]
    assert found != [1.0, None, 2.0, 3.0]
    again = list(create_corpus_v1(path, images="shuffled", seed=1)(nlp))
    assert values(eg.predicted for eg in again) == found


def test_unknown_setting(path):
    with pytest.raises(ValueError, match=r"M006.*upside-down.*images"):
        create_corpus_v1(path, images="upside-down")


def test_no_path_gives_spacys_message():
    with pytest.raises(ValueError, match="E913"):
        create_corpus_v1(None)


ORTH = {"single": [{"tags": ["."], "variants": [".", "!"]}], "paired": []}


@pytest.mark.parametrize("kind", ["lower_case", "orth_variants"])
def test_augmenters_keep_pictures(nlp, path, kind):
    factory = spacy.registry.augmenters.get(f"spacy.{kind}.v1")
    augmenter = (
        factory(level=1.0)
        if kind == "lower_case"
        else factory(level=1.0, lower=1.0, orth_variants=ORTH)
    )
    egs = list(create_corpus_v1(path, augmenter=augmenter)(nlp))
    assert all(eg.predicted.text == eg.predicted.text.lower() for eg in egs[-2:])
    for eg in egs:
        text = eg.reference.text.lower()
        expected = [v for words, _, v in POSTS if words[0].lower() == text.split()[0]]
        for side in (eg.predicted, eg.reference):
            assert values([side]) == expected
        if kind == "lower_case" and text.startswith("carl"):
            assert [e.text for e in eg.reference.ents] == ["carl"]


def test_keep_images_for_spacys_reader(nlp, path):
    lower = spacy.registry.augmenters.get("spacy.lower_case.v1")(level=1.0)
    egs = list(Corpus(path, augmenter=lower)(nlp))
    assert values(eg.reference for eg in egs) == [None] * len(egs)
    egs = list(Corpus(path, augmenter=create_keep_images_v1(lower))(nlp))
    assert {1.0, 2.0, 3.0} <= set(values(eg.reference for eg in egs))


def test_from_a_config(nlp, path):
    config = Config().from_str(
        f"""
        [corpora]

        [corpora.train]
        @readers = "spacy_mner.Corpus.v1"
        path = "{path}"
        max_length = 6

        [corpora.train.augmenter]
        @augmenters = "spacy_mner.keep_images.v1"

        [corpora.train.augmenter.augmenter]
        @augmenters = "spacy.lower_case.v1"
        level = 1.0
        """
    )
    corpora = spacy.registry.resolve(config)["corpora"]
    egs = list(corpora["train"](nlp))
    assert None in values(eg.predicted for eg in egs)
    assert {1.0, 2.0, 3.0} <= set(values(eg.predicted for eg in egs))
