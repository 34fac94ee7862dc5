"""The cache of transformed forms cannot change a result, and never outlives what it was made from."""

import copy
import pickle

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from thinc.api import Adam

from spacy_mner.models.cache import FormCache
from spacy_mner.models.featurize import featurize
from spacy_mner.models.tagger import get_decoder, get_shim, get_tagger

from ..util import IMAGE_WIDTH, LABELS, make_docs, make_tagger, make_vocab


def n_cached(model):
    return len(get_tagger(model).cache._slots)


def step(model, docs, sgd):
    output, backprop = model.begin_update(docs)
    allowed = torch.ones(*output.mask.shape, 1 + 2 * len(LABELS), dtype=torch.bool)
    allowed[..., 1:] = False
    backprop(get_decoder(model).loss(output.emissions, output.mask, allowed).mean())
    model.finish_update(sgd)


def uncached(model, docs):
    """The results of a model with these weights and no cache."""
    other = make_tagger([], initialize=False, cache_size=0).from_bytes(model.to_bytes())
    return other.predict(docs).emissions


@pytest.mark.parametrize("capacity", [1, 3, 9, 14, 1000])
def test_same_results_with_any_capacity(capacity):
    """Batches larger than the cache, and a cache that overflows again and again."""
    docs = make_docs()
    model = make_tagger(docs, cache_size=capacity)
    plain = make_tagger(docs, cache_size=0)
    for batch in ([docs[0]], docs, docs[1:3], [docs[4]], docs, docs[::-1], [docs[2]]):
        output, expected = model.predict(batch), plain.predict(batch)
        torch.testing.assert_close(output.emissions, expected.emissions)
        # Padding points to some form or other; its weights mean nothing.
        mask = output.mask
        torch.testing.assert_close(output.weights[mask], expected.weights[mask])
        assert n_cached(model) <= capacity
    assert n_cached(plain) == 0


def test_a_full_cache_is_emptied_in_its_place():
    cache = FormCache(3)
    vectors = make_vocab().vectors
    rows = torch.arange(4.0).view(2, 2)
    assert cache.look_up([5, 6], vectors) == ([0, 1], [0, 1])
    first = cache.update(torch.tensor([0, 1]), {"x": rows})["x"]
    assert cache.look_up([6], vectors) == ([1], [])
    assert cache.look_up([7, 6], vectors) == ([0, 1], [0, 1])
    second = cache.update(torch.tensor([0, 1]), {"x": rows + 10})["x"]
    assert second.data_ptr() == first.data_ptr()
    assert second[:2].tolist() == [[10, 11], [12, 13]]
    assert cache.look_up([5], vectors) == ([2], [0])


def test_every_form_is_computed_once():
    docs = make_docs()
    model = make_tagger(docs)
    computed = []
    module = get_tagger(model).forms["char"]
    module.register_forward_hook(lambda m, args, out: computed.append(len(out[0])))
    model.predict(docs)
    model.predict(docs[::-1])
    model.predict([Doc(docs[0].vocab, words=["Rose", "unheard"])])
    forms = {token.orth for doc in docs for token in doc}
    assert computed == [len(forms), 0, 1]


def test_training_leaves_the_cache_alone_and_an_update_empties_it():
    docs = make_docs()
    model = make_tagger(docs)
    model.predict(docs)
    filled = n_cached(model)
    assert filled > 0
    model.begin_update(docs)
    assert n_cached(model) == filled
    step(model, docs, Adam(0.1))
    assert n_cached(model) == 0
    torch.testing.assert_close(model.predict(docs).emissions, uncached(model, docs))


def test_emptied_on_entering_and_leaving_use_params():
    docs = make_docs()
    model = make_tagger(docs)
    sgd = Adam(0.1, use_averages=True)
    for _ in range(2):
        step(model, docs, sgd)
    plain = model.predict(docs).emissions
    with model.use_params(sgd.averages):
        assert n_cached(model) == 0
        averaged = model.predict(docs).emissions
        torch.testing.assert_close(averaged, uncached(model, docs))
    assert n_cached(model) == 0
    assert torch.equal(model.predict(docs).emissions, plain)
    assert not torch.equal(averaged, plain)


def test_emptied_by_from_bytes_and_resizing():
    docs = make_docs()
    model, other = make_tagger(docs, seed=0), make_tagger(docs, seed=1)
    model.predict(docs)
    model.from_bytes(other.to_bytes())
    assert n_cached(model) == 0
    assert torch.equal(model.predict(docs).emissions, other.predict(docs).emissions)
    model.attrs["resize_output"](model, [*LABELS, "ORG"])
    assert n_cached(model) == 0


def test_emptied_by_a_move_to_a_device():
    docs = make_docs()
    model = make_tagger(docs)
    model.predict(docs)
    get_shim(model).to_device("cpu", -1)
    assert n_cached(model) == 0


def test_a_failing_batch_does_not_poison_the_next_one():
    docs = make_docs()
    model = make_tagger(docs)
    expected = uncached(model, docs)
    broken = make_docs(docs[0].vocab)
    broken[0]._.image_vec = np.ones(IMAGE_WIDTH + 1, dtype=np.float32)
    with pytest.raises(ValueError, match=r"\[M005\]"):
        model.predict(broken)
    torch.testing.assert_close(model.predict(docs).emissions, expected)


def test_an_interrupt_in_the_network_does_not_poison_the_next_batch():
    docs = make_docs()
    model = make_tagger(docs)
    expected = uncached(model, docs)

    def interrupt(*args):
        raise KeyboardInterrupt

    handle = get_tagger(model).forms["word"].register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.predict(docs)
    handle.remove()
    torch.testing.assert_close(model.predict(docs).emissions, expected)


def test_a_word_added_to_the_table_is_seen():
    vocab = make_vocab()
    docs = make_docs(vocab)
    model = make_tagger(docs)
    post = [Doc(vocab, words=["Newword"])]
    before = model.predict(post).emissions
    vocab.set_vector("newword", np.ones(8, dtype=np.float32))
    after = model.predict(post).emissions
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, uncached(model, post))


def test_other_vectors_in_the_same_vocab_are_seen():
    vocab = make_vocab()
    docs = make_docs(vocab)
    model = make_tagger(docs)
    before = model.predict(docs).emissions
    vocab.vectors = make_vocab(seed=5).vectors
    after = model.predict(docs).emissions
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, uncached(model, docs))


def test_in_training_a_forms_features_are_made_once(monkeypatch):
    docs = make_docs()
    model = make_tagger(docs)
    part = get_shim(model).blueprint.forms["char"]
    asked = []
    plain = part.featurize_forms
    monkeypatch.setattr(
        part,
        "featurize_forms",
        lambda forms, vocab: asked.append(len(forms)) or plain(forms, vocab),
    )
    first = featurize(get_shim(model).blueprint, docs, torch.device("cpu"))
    second = featurize(get_shim(model).blueprint, docs[::-1], torch.device("cpu"))
    assert asked == [len({token.orth for doc in docs for token in doc}), 0]
    for modality, values in first.forms.items():
        for name, rows in values.items():
            assert torch.equal(rows, second.forms[modality][name])


def test_another_vocab_with_other_vectors_is_not_served_from_the_cache():
    docs = make_docs()
    model = make_tagger(docs)
    model.predict(docs)
    others = make_docs(make_vocab(seed=5))
    torch.testing.assert_close(model.predict(others).emissions, uncached(model, others))


def test_memory_is_bounded_over_an_endless_stream():
    vocab = make_vocab()
    model = make_tagger(make_docs(vocab), cache_size=20)
    cache = get_tagger(model).cache
    for i in range(30):
        model.predict([Doc(vocab, words=[f"w{i}{j}" for j in range(7)])])
        assert n_cached(model) <= 20
        assert cache._tables["values"].shape[0] == 20


def test_look_up_gives_new_forms_slots_of_their_own():
    cache = FormCache(4)
    table, another = make_vocab().vectors, make_vocab().vectors
    slots, new = cache.look_up([10, 20], table)
    assert len(set(slots)) == 2
    assert new == [0, 1]
    again, new = cache.look_up([20, 30], table)
    assert again[0] == slots[1]
    assert again[1] not in slots
    assert new == [1]
    # Full: emptied, and everything is new.
    assert cache.look_up([40, 50, 20], table)[1] == [0, 1, 2]
    assert cache.look_up([20], another)[1] == [0]
    assert cache.fits(4)
    assert not cache.fits(5)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_and_pickles_are_empty(duplicate):
    cache, table = FormCache(7), make_vocab().vectors
    cache.look_up([1, 2], table)
    cache.update(torch.tensor([0, 1]), {"values": torch.ones(2, 1, 3)})
    copied = duplicate(cache)
    assert copied.capacity == 7
    assert copied.look_up([1, 2], table)[1] == [0, 1]
    assert cache.look_up([1, 2], table)[1] == []
