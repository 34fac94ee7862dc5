"""The picture as the state that the encoder starts from (§3.1)."""

import numpy as np
import pytest
import torch

from spacy_mner.models.tagger import get_shim

from ..util import PARTS, make_docs, make_tagger

COUPLED = {"@architectures": "spacy_mner.CoupledBiLSTM.v1", "hidden_width": 4}


def make(docs, **overrides):
    blocks = {"encoder": COUPLED, "initial_state": PARTS["image"], **overrides}
    return make_tagger(docs, modalities=("word", "char"), **blocks)


def test_the_picture_is_no_modality_but_changes_the_output():
    docs = make_docs()
    model = make(docs)
    assert get_shim(model).module.modality_names == ["word", "char"]
    before = model.predict(docs).emissions
    docs[0]._.image_vec = -2 * docs[0]._.image_vec
    after = model.predict(docs).emissions
    assert not torch.allclose(before[0, : len(docs[0])], after[0, : len(docs[0])])
    assert torch.equal(before[1:], after[1:])


def test_without_a_picture_the_state_is_zero():
    docs = make_docs()
    model = make(docs)
    for doc in docs:
        doc._.image_vec = None
    with_state = model.predict(docs).emissions
    module = get_shim(model).module
    module.initial_state = None
    assert torch.allclose(with_state, model.predict(docs).emissions)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_round_trip_and_gradient(pooling):
    docs = make_docs()
    block = {**PARTS["image"], "pooling": pooling}
    model = make(docs, initial_state=block)
    again = make(docs, initial_state=block, initialize=False).from_bytes(model.to_bytes())
    assert torch.equal(model.predict(docs).emissions, again.predict(docs).emissions)
    output, backprop = model.begin_update(docs)
    backprop(output.emissions.square().sum())
    weight = get_shim(model).module.initial_state.transform.linear.weight
    assert weight.grad is not None
    assert weight.grad.abs().sum() > 0


def test_batch_of_one_is_batch_of_many():
    docs = make_docs()
    model = make(docs)
    together = model.predict(docs).emissions
    for i, doc in enumerate(docs):
        alone = model.predict([doc]).emissions[0]
        np.testing.assert_allclose(together[i, : len(doc)], alone, atol=1e-6)


def test_an_encoder_that_takes_no_state_is_refused():
    with pytest.raises(ValueError, match=r"M009.*state_width.*CoupledBiLSTM"):
        make(make_docs(), encoder=PARTS["encoder"])


def test_a_part_without_the_protocol_is_refused():
    with pytest.raises(ValueError, match=r"M009.*'initial_state'.*DocModality"):
        make(make_docs(), initial_state=PARTS["word"])
