"""A transformer as the modality `context`: alignment, windows, missing tokens, learning rates."""

import numpy as np
import pytest
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam

from spacy_mner.models.tagger import get_tagger

from ..pipeline.builders import emissions, entities, make_doc, make_examples, picture, train
from .builders import make_transformer_nlp


def context_of(nlp, doc):
    """The listener's vectors (n_tokens, width), and which tokens have the modality."""
    nlp.get_pipe("transformer")(doc)
    model = nlp.get_pipe("mner").model
    vectors = model.get_ref("tok2vec").predict([doc])[0]
    weights = model.predict([doc]).weights[0, : len(doc), -1]
    return vectors, weights.numpy() > 0


@pytest.fixture(scope="module")
def nlp(encoder_dir):
    """A pipeline that has learnt nothing yet. Tests must not change it."""
    return make_transformer_nlp(encoder_dir)


@pytest.fixture(scope="module")
def taught(encoder_dir):
    """A pipeline that knows the four sentences, the encoder's weights before, and the losses."""
    nlp = make_transformer_nlp(encoder_dir)
    trf = nlp.get_pipe("transformer").model.transformer
    before = {k: v.clone() for k, v in trf.named_parameters()}
    losses = train(nlp, make_examples(nlp), steps=60)
    return nlp, before, losses


def test_learns_and_teaches_the_encoder(taught):
    nlp, before, losses = taught
    assert losses[-1] < 0.5 * losses[0]
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
    after = dict(nlp.get_pipe("transformer").model.transformer.named_parameters())
    # The pooler belongs to no token.
    assert {k for k in before if before[k].equal(after[k])} == {
        "pooler.dense.weight",
        "pooler.dense.bias",
    }
    assert get_tagger(nlp.get_pipe("mner").model).modality_names[-1] == "context"


def test_context_alone(encoder_dir):
    """Neither words nor characters nor pictures."""
    nlp = make_transformer_nlp(
        encoder_dir,
        model={"modalities": {"word": None, "char": None, "image": None}, "post_dropout": None},
    )
    assert get_tagger(nlp.get_pipe("mner").model).modality_names == ["context"]
    train(nlp, make_examples(nlp), steps=60)
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0


def test_sub_tokens_are_pooled(nlp):
    """The vector of a token is the mean of its sub-tokens' vectors; the special tokens are nobody's."""
    doc = make_doc(nlp, "Ann met xyz")
    vectors, _ = context_of(nlp, doc)
    hidden = doc._.trf_data.model_output.last_hidden_state[0]
    pieces = doc._.trf_data.wordpieces.strings[0]
    assert pieces == ["[CLS]", "ann", "met", "x", "##y", "##z", "[SEP]"]
    np.testing.assert_allclose(vectors[0], hidden[1], atol=1e-6)
    np.testing.assert_allclose(vectors[2], hidden[3:6].mean(0), atol=1e-6)


ODD = ("\ufe0f", "\u200d", "\x07", "\n", "   ")


@pytest.mark.parametrize("odd", ODD)
def test_token_without_sub_tokens_misses(nlp, odd):
    """Variation selectors and the like become no sub-token: the modality is missing, not zero."""
    doc = Doc(nlp.vocab, words=["Ann", odd, "met", "😀"])
    vectors, present = context_of(nlp, doc)
    assert present.tolist() == [True, False, True, True]
    assert not vectors[1].any()
    # Whoever has no context is labelled by the rest.
    assert np.isfinite(emissions(nlp, [doc])).all()


def test_training_on_tokens_without_sub_tokens(encoder_dir):
    nlp = make_transformer_nlp(encoder_dir)
    for odd in ODD:
        words = ["Ann", odd]
        eg = Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, ents=["B-PER", "O"]))
        assert np.isfinite(train(nlp, [eg], steps=3)).all()


def test_post_of_odd_characters_alone(encoder_dir):
    nlp = make_transformer_nlp(encoder_dir)
    docs = [Doc(nlp.vocab, words=["\ufe0f", "\u200d"]), make_doc(nlp, "Ann met Bob")]
    for doc in docs:
        _, present = context_of(nlp, doc)
        assert present.tolist() == [doc is docs[1]] * len(doc)
    egs = [
        Example(docs[0].copy(), Doc(nlp.vocab, words=["\ufe0f", "\u200d"], ents=["O", "O"])),
        *make_examples(nlp),
    ]
    assert np.isfinite(train(nlp, egs, steps=3)).all()


@pytest.mark.parametrize("length", [1, 12, 13, 31, 100])
def test_posts_longer_than_the_window(encoder_dir, length):
    """Strided spans of 12 tokens, 8 apart, cover every token; a post of 12 has one span."""
    nlp = make_transformer_nlp(encoder_dir)
    doc = make_doc(nlp, " ".join(["ann", "met", "bob", "in"][i % 4] for i in range(length)))
    vectors, present = context_of(nlp, doc)
    assert len(vectors) == length
    assert present.all()
    spans = doc._.trf_data.wordpieces.input_ids.shape[0]
    assert spans == max(1, -(-(length - 4) // 8))
    tags = " ".join("B-PER" if i % 4 == 0 else "O" for i in range(length))
    eg = Example(doc, make_doc(nlp, doc.text, tags))
    losses = train(nlp, [eg], steps=4)
    assert losses[-1] < losses[0]


def test_sub_tokens_beyond_the_encoders_length(nlp):
    """A span of few tokens may have too many sub-tokens: those that are cut off miss."""
    doc = make_doc(nlp, "Ann " + "x" * 30 + " Bob Rome")
    _, present = context_of(nlp, doc)
    assert present.tolist() == [True, True, False, False]
    assert len(emissions(nlp, [doc])[0]) == 4


def test_batch_of_one_equals_batch_of_many(nlp):
    texts = ["Ann met Bob in Oslo", "Rome", "Acme Corp works for " + "Carl and " * 12]
    many = [make_doc(nlp, text, image=picture(i)) for i, text in enumerate(texts)]
    for doc in nlp.get_pipe("transformer").pipe(many, batch_size=3):
        assert doc._.trf_data is not None
    together = emissions(nlp, many)
    for i, text in enumerate(texts):
        doc = nlp.get_pipe("transformer")(make_doc(nlp, text, image=picture(i)))
        np.testing.assert_allclose(together[i, : len(doc)], emissions(nlp, [doc])[0], atol=2e-5)


# Learning rates


def step(nlp, sgd):
    """One update as `spacy train` makes it: all gradients first. (`nlp.update` is one batch behind with the
    encoder_dir, because `transformer` comes before the component that sends the gradient.)"""
    nlp.update(make_examples(nlp), sgd=False)
    for _, pipe in nlp.pipeline:
        pipe.finish_update(sgd)


def first_steps(nlp, rate):
    """The greatest step of the encoder's and of the tagger's weights in one update."""
    trf = nlp.get_pipe("transformer").model.transformer
    tagger = get_tagger(nlp.get_pipe("mner").model)
    before = [{k: v.detach().clone() for k, v in m.named_parameters()} for m in (trf, tagger)]
    sgd = Adam(rate, beta1=0.9, beta2=0.999, eps=1e-12, L2=0.0, grad_clip=0.0)
    step(nlp, sgd)
    # Adam's first step is the rate in every weight that has a gradient.
    return [
        max(float((v.detach() - old[k]).abs().max()) for k, v in m.named_parameters())
        for m, old in zip((trf, tagger), before, strict=True)
    ]


@pytest.mark.parametrize("factor", [1.0, 10.0, 0.5])
def test_tagger_learns_faster_than_the_encoder(encoder_dir, factor):
    nlp = make_transformer_nlp(encoder_dir, model={"learn_rate_factor": factor})
    slow, fast = first_steps(nlp, 1e-4)
    assert slow == pytest.approx(1e-4, rel=0.02)
    assert fast == pytest.approx(factor * 1e-4, rel=0.02)


@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_factor_that_is_not_positive(encoder_dir, factor):
    with pytest.raises(ValueError, match=r"M011.*learn_rate_factor"):
        make_transformer_nlp(encoder_dir, initialize=False, model={"learn_rate_factor": factor})


def test_factor_is_kept_with_a_transformer_of_its_own(encoder_dir):
    """After `replace_listeners` the encoder is a layer of the tagger, and still learns at its own rate."""
    nlp = make_transformer_nlp(encoder_dir, model={"learn_rate_factor": 10.0})
    nlp.replace_listeners("transformer", "mner", ["model.tok2vec"])
    model = nlp.get_pipe("mner").model
    shim = next(s for n in model.get_ref("tok2vec").walk() for s in n.shims)
    before = {k: v.detach().clone() for k, v in shim._model.named_parameters()}
    sgd = Adam(1e-4, beta1=0.9, beta2=0.999, eps=1e-12, L2=0.0, grad_clip=0.0)
    step(nlp, sgd)
    after = dict(shim._model.named_parameters())
    greatest = max(float((after[k].detach() - before[k]).abs().max()) for k in before)
    assert greatest == pytest.approx(1e-4, rel=0.02)


def test_entities_of_a_stream(taught):
    nlp, _, _ = taught
    egs = make_examples(nlp)
    docs = list(nlp.pipe([eg.predicted.copy() for eg in egs], batch_size=2))
    assert [entities(doc) for doc in docs] == [entities(eg.reference) for eg in egs]
    assert all(0 <= ent._.score <= 1 for doc in docs for ent in doc.ents)
