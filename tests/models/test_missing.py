"""Modalities that are made to miss in prediction."""

import pytest
import torch

from spacy_mner.models.featurize import featurize
from spacy_mner.models.tagger import get_shim, missing_modalities

from ..util import make_docs, make_tagger


def test_weight_is_zero_and_the_values_are_not_read():
    docs = make_docs()
    model = make_tagger(docs)
    module = get_shim(model).module
    for m, name in enumerate(module.modality_names):
        with missing_modalities(model, [name]):
            output = model.predict(docs)
            assert output.weights[..., m].abs().max() == 0
            module_of = module.forms if name in module.forms else module.docs
            with torch.no_grad():
                module_of[name].transform.linear.bias.add_(1.0)
            module.cache.clear()
            again = model.predict(docs)
            assert torch.equal(output.emissions, again.emissions)
            with torch.no_grad():
                module_of[name].transform.linear.bias.sub_(1.0)
            module.cache.clear()


def test_without_the_picture_is_as_posts_without_one():
    docs = make_docs()
    model = make_tagger(docs)
    with missing_modalities(model, ["image"]):
        masked = model.predict(docs).emissions
    for doc in docs:
        doc._.image_vec = None
    assert torch.equal(masked, model.predict(docs).emissions)


@pytest.mark.parametrize("name", ["word", "char"])
def test_the_cache_stays_right(name):
    docs = make_docs()
    model = make_tagger(docs)
    full = model.predict(docs).emissions
    with missing_modalities(model, [name]):
        masked = model.predict(docs).emissions
    assert not torch.allclose(full, masked)
    # The first prediction after, and one whose cache was filled inside the block.
    assert torch.equal(full, model.predict(docs).emissions)
    get_shim(model).module.cache.clear()
    with missing_modalities(model, [name]):
        assert torch.equal(masked, model.predict(docs).emissions)
    assert torch.equal(full, model.predict(docs).emissions)


def test_the_query_of_the_picture_does_not_see_it_either():
    docs = make_docs()
    attending = {"@architectures": "spacy_mner.ImageVectors.v1", "pooling": "attention"}
    parts = {"word": {"@architectures": "spacy_mner.WordVectors.v1", "trainable": True}}
    model = make_tagger(docs, modalities={**parts, "image": attending})
    module = get_shim(model).module
    with missing_modalities(model, ["word"]):
        before = model.predict(docs).emissions
        with torch.no_grad():
            module.forms["word"].transform.linear.weight.mul_(3.0)
        module.cache.clear()
        assert torch.equal(before, model.predict(docs).emissions)


@pytest.mark.parametrize("dropout", ["post_dropout", "token_dropout"])
def test_the_query_does_not_see_what_was_dropped_in_training(dropout):
    docs = make_docs()
    gated = {"@architectures": "spacy_mner.ImageVectors.v1", "gated": True, "dropout": 0.0}
    parts = {"word": {"@architectures": "spacy_mner.WordVectors.v1", "trainable": True}}
    always = {dropout: {"word": 1.0 - 1e-9}}
    model = make_tagger(docs, modalities={**parts, "image": gated}, **always)
    module = get_shim(model).module

    def merged():
        batch = featurize(get_shim(model).blueprint, docs, torch.device("cpu"))
        torch.manual_seed(0)
        return module.train()._merge_tokens(batch, None)[0]

    before = merged()
    with torch.no_grad():
        module.forms["word"].transform.linear.weight.mul_(3.0)
    assert torch.equal(before, merged())


def test_blocks_nest_and_end_after_an_error():
    docs = make_docs()
    model = make_tagger(docs)
    full = model.predict(docs).emissions
    with missing_modalities(model, ["word"]), missing_modalities(model, ["char"]):
        weights = model.predict(docs).weights
        assert weights[..., :2].abs().max() == 0

    def fail():
        with missing_modalities(model, ["word"]):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert torch.equal(full, model.predict(docs).emissions)


def test_unknown_modality():
    model = make_tagger(make_docs())
    with (
        pytest.raises(ValueError, match=r"M006.*'sound'.*word, char, image"),
        missing_modalities(model, ["sound"]),
    ):
        pass
