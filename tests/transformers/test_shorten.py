"""What the encoder reads for addresses and users' names."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_mner.training.shorten import create_shorten_for_transformer_v1 as shorten

from ..pipeline.builders import blank, make_doc, make_examples, model_config
from .builders import make_transformer_nlp, own_layer

# Short enough for the tiny encoder's window of 24 sub-tokens.
POST = "Ann @bo at http://t.co @ x"


def pieces(nlp, doc):
    """The sub-tokens of each token of a post."""
    doc = nlp.get_pipe("transformer")(doc)
    strings = doc._.trf_data.wordpieces.strings[0]
    return [[strings[i] for i in doc._.trf_data.align[n].data.ravel()] for n in range(len(doc))]


def test_one_word_for_each(encoder_dir):
    nlp = make_transformer_nlp(encoder_dir)
    doc = make_doc(nlp, POST)
    before = pieces(nlp, doc.copy())
    after = pieces(shorten()(nlp), doc.copy())
    assert [doc[i].text for i in range(len(doc)) if before[i] != after[i]] == ["@bo", "http://t.co"]
    assert after[3] == ["h", "##t", "##t", "##p"]
    assert after[1] == ["@", "u", "##s", "##e", "##r"]


def test_each_can_stay(encoder_dir):
    nlp = make_transformer_nlp(encoder_dir)
    doc = make_doc(nlp, POST)
    before = pieces(nlp, doc.copy())
    assert pieces(shorten(url=None, mention=None)(nlp), doc.copy()) == before
    after = pieces(shorten(mention=None)(nlp), doc.copy())
    assert after[1] == before[1]
    assert after[3] != before[3]


@pytest.mark.parametrize("text", ["me@user.com", "@ ann", "http", "http : //t.co", "a @@ b"])
def test_leaves_the_rest(encoder_dir, text):
    nlp = make_transformer_nlp(encoder_dir)
    doc = make_doc(nlp, text)
    before = pieces(nlp, doc.copy())
    assert pieces(shorten()(nlp), doc.copy()) == before


def test_twice_is_once(encoder_dir):
    nlp = shorten()(make_transformer_nlp(encoder_dir))
    doc = make_doc(nlp, POST)
    once = pieces(nlp, doc.copy())
    assert pieces(shorten()(nlp), doc.copy()) == once


def test_context_no_longer_depends_on_the_address(encoder_dir):
    nlp = shorten()(make_transformer_nlp(encoder_dir))
    vectors = []
    for address in ("http://t.co/a", "http://t.co/bbbbbbbbbbbbbbbbbbbbbbbbbbbb"):
        doc = nlp.get_pipe("transformer")(Doc(nlp.vocab, words=["Ann", address, "met"]))
        vectors.append(nlp.get_pipe("mner").model.get_ref("tok2vec").predict([doc])[0])
    np.testing.assert_array_equal(*vectors)


def test_runs_after_init_and_is_saved(encoder_dir, tmp_path):
    nlp = make_transformer_nlp(encoder_dir, initialize=False)
    nlp.config["initialize"]["after_init"] = {"@callbacks": "spacy_mner.shorten_for_transformer.v1"}
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    doc = make_doc(nlp, POST)
    expected = pieces(nlp, doc.copy())
    assert expected[3] == ["h", "##t", "##t", "##p"]
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert pieces(loaded, make_doc(loaded, POST)) == expected


def test_encoder_of_its_own(encoder_dir):
    """The encoder as a layer of `mner`."""
    nlp = blank()
    nlp.add_pipe("mner", config={"model": model_config(tok2vec=own_layer(encoder_dir))})
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    mner = nlp.get_pipe("mner")

    def context(address):
        doc = Doc(nlp.vocab, words=["Ann", address])
        return mner.model.get_ref("tok2vec").predict([doc])[0]

    assert not np.array_equal(context("http://a"), context("http://b"))
    shorten()(nlp)
    np.testing.assert_array_equal(context("http://a"), context("http://b"))


def test_nothing_to_shorten_for(encoder_dir):
    nlp = blank()
    nlp.add_pipe("sentencizer")
    with pytest.raises(ValueError, match=r"\[M170\].*sentencizer"):
        shorten()(nlp)
