"""The shim: saving and reading, weight averages. Nothing is pickled, nothing is half restored."""

import gc
import pickle

import numpy as np
import pytest
import srsly
import torch
from thinc.api import Adam, fix_random_seed

from spacy_mner.models.tagger import get_decoder, get_shim, get_tagger, set_labels

from ..util import LABELS, make_docs, make_tagger


def step(model, docs, sgd):
    """One update towards "no entity anywhere"."""
    output, backprop = model.begin_update(docs)
    allowed = torch.zeros(*output.mask.shape, 1 + 2 * len(LABELS), dtype=torch.bool)
    allowed[..., 0] = True
    backprop(get_decoder(model).loss(output.emissions, output.mask, allowed).mean())
    model.finish_update(sgd)


def weights(model):
    return {n: p.detach().clone() for n, p in get_tagger(model).named_parameters()}


def test_without_docs_initialize_does_nothing():
    model = make_tagger([], initialize=False)
    set_labels(model, LABELS)
    model.initialize()
    assert not get_shim(model).is_built
    with pytest.raises(ValueError, match=r"\[M001\]"):
        model.predict(make_docs())


def test_bytes_before_initialization():
    fresh = make_tagger([], initialize=False)
    loaded = make_tagger([], initialize=False).from_bytes(fresh.to_bytes())
    assert not get_shim(loaded).is_built
    docs = make_docs()
    set_labels(loaded, LABELS)
    loaded.initialize(X=docs)
    assert get_shim(loaded).is_built


def test_disk_and_pickle(tmp_path):
    docs = make_docs()
    model = make_tagger(docs)
    expected = model.predict(docs).emissions
    model.to_disk(tmp_path / "model")
    loaded = make_tagger([], initialize=False).from_disk(tmp_path / "model")
    assert torch.equal(loaded.predict(docs).emissions, expected)
    assert torch.equal(pickle.loads(pickle.dumps(model)).predict(docs).emissions, expected)


def test_saved_bytes_hold_no_pickle():
    message = srsly.msgpack_loads(get_shim(make_tagger(make_docs())).to_bytes())
    assert set(message) == {"version", "blueprint", "weights"}
    assert srsly.json_loads(srsly.json_dumps(message["blueprint"])) == message["blueprint"]
    assert all(isinstance(value, np.ndarray) for value in message["weights"].values())
    assert all(value.dtype.kind in "fiub" for value in message["weights"].values())


def test_weights_of_another_config_are_refused():
    docs = make_docs()
    data = make_tagger(docs).to_bytes()
    other = make_tagger([], initialize=False, width=7)
    with pytest.raises(ValueError, match=r"\[M010\]"):
        other.from_bytes(data)


def test_another_set_of_modalities_is_refused():
    data = make_tagger(make_docs()).to_bytes()
    other = make_tagger([], initialize=False, modalities=("word", "char"))
    with pytest.raises(ValueError, match=r"\[M009\]"):
        other.from_bytes(data)


def test_modalities_in_another_order_are_put_in_the_saved_one():
    """The fusion's weights know the modalities by position alone."""
    docs = make_docs()
    model = make_tagger(docs, modalities=("word", "char", "image"))
    other = make_tagger([], initialize=False, modalities=("image", "char", "word"))
    other.from_bytes(model.to_bytes())
    assert get_tagger(other).modality_names == ["word", "char", "image"]
    assert torch.equal(other.predict(docs).emissions, model.predict(docs).emissions)


def test_averages_are_averages():
    docs = make_docs()
    model = make_tagger(docs)
    sgd = Adam(0.05, use_averages=True)
    shim = get_shim(model)
    seen = []
    for _ in range(4):
        step(model, docs, sgd)
        seen.append(weights(model))
    trained = seen[-1]
    # Thinc's rule: avg += (1 - decay_t) (w - avg), decay_t = (1 + t) / (10 + t).
    expected = {}
    for t, row in enumerate(seen, 1):
        decay = min(0.9999, (1 + t) / (10 + t))
        for name, value in row.items():
            average = expected.setdefault(name, torch.zeros_like(value))
            average += (1 - decay) * (value - average)
    plain = model.predict(docs).emissions
    with model.use_params(sgd.averages):
        for name, value in get_tagger(model).named_parameters():
            assert torch.equal(value.data, torch.as_tensor(sgd.averages[shim.id, name])), name
        used = weights(model)
        averaged = model.predict(docs).emissions
    assert not torch.equal(averaged, plain)
    assert torch.equal(model.predict(docs).emissions, plain)
    for name, value in weights(model).items():
        assert torch.equal(value, trained[name])
        torch.testing.assert_close(used[name], expected[name])


def test_use_params_puts_the_weights_back_after_an_error():
    docs = make_docs()
    model = make_tagger(docs)
    sgd = Adam(0.05, use_averages=True)
    step(model, docs, sgd)
    before = weights(model)
    with pytest.raises(RuntimeError, match="stop"), model.use_params(sgd.averages):
        raise RuntimeError("stop")
    assert all(torch.equal(before[n], p) for n, p in get_tagger(model).named_parameters())


def test_same_seed_same_model():
    docs = make_docs()
    a, b = make_tagger(docs, seed=3), make_tagger(docs, seed=3)
    assert a.to_bytes() == b.to_bytes()
    assert a.to_bytes() != make_tagger(docs, seed=4).to_bytes()


def test_training_leaves_nothing_behind():
    """Thinc's own shim keeps every former tensor of every weight alive."""
    docs = make_docs()
    model = make_tagger(docs)
    sgd = Adam(0.05, use_averages=True)
    step(model, docs, sgd)
    counts = []
    for _ in range(3):
        step(model, docs, sgd)
        gc.collect()
        counts.append(sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects()))
    assert counts[0] == counts[-1]


class Scaler:
    """What Thinc's scaler of gradients does, without a GPU: it scales what goes back, and unscales all
    that it is given."""

    found_inf = False

    def scale(self, tensors, inplace):
        return [tensor * 1024 for tensor in tensors]

    def unscale(self, tensors):
        for tensor in tensors:
            tensor.div_(1024)
        return False


def test_gradients_of_several_batches_add_up_when_they_are_scaled():
    """`accumulate_gradient` with mixed precision."""
    parts = make_docs()[:2], make_docs()[2:4]
    sums = []
    for scaled in (False, True):
        model = make_tagger(make_docs())
        shim = get_shim(model)
        if scaled:
            shim._grad_scaler = Scaler()
        for docs in parts:
            fix_random_seed(0)
            output, backprop = model.begin_update(docs)
            backprop(output.emissions.square().sum())
        sums.append({n: p.grad for n, p in shim.module.named_parameters() if p.grad is not None})
    assert sums[0].keys() == sums[1].keys()
    assert sums[0]["decoder.emissions.weight"].abs().sum() > 0
    for name, grad in sums[0].items():
        torch.testing.assert_close(sums[1][name], grad, rtol=1e-4, atol=1e-6)
