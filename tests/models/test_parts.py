"""One table of properties that every modality, fusion, encoder, decoder and evidence has."""

import json
from typing import Any, Dict, List, NamedTuple

import numpy as np
import pytest
import torch
from spacy.tokens import Doc

from spacy_mner.models.featurize import featurize
from spacy_mner.models.tagger import get_shim, get_tagger
from spacy_mner.models.types import DocModality, Evidence, FormModality
from spacy_mner.tags import bio_tags

from ..util import (
    IMAGE_WIDTH,
    LABELS,
    PARTS,
    TEXTS,
    WIDTH,
    make_docs,
    make_tagger,
    make_vocab,
    resolve,
)

CLOSE = {"atol": 1e-5, "rtol": 1e-4}


class Case(NamedTuple):
    """A part under test: where it goes in the model's config, and its block."""

    kind: str
    name: str
    block: Dict[str, Any]


def case(kind: str, architecture: str, **settings: Any) -> Case:
    return Case(kind, architecture, {"@architectures": f"spacy_mner.{architecture}.v1", **settings})


CASES: List[Case] = [
    case("word", "WordVectors"),
    case("word", "WordVectors", unknown="random"),
    case("word", "WordVectors", unknown="mask"),
    case("word", "WordVectors", trainable=True, min_freq=1, shape_width=3, activation="relu"),
    case("word", "WordVectors", trainable=True, unknown="mask", word_dropout=0.5),
    case("char", "CharBiLSTM", embed_width=4, hidden_width=3, min_freq=1),
    case("char", "CharBiLSTM", embed_width=4, hidden_width=3, max_length=2, activation="none"),
    case("char", "CharCNN", embed_width=4, n_filters=5, min_freq=1),
    case("char", "CharCNN", embed_width=4, n_filters=5, window=5, activation="gelu"),
    case("image", "ImageVectors"),
    case("image", "ImageVectors", rank=2),
    case("image", "ImageVectors", pooling="attention"),
    case("image", "ImageVectors", pooling="attention", rank=3, standardize=False),
    case("fusion", "ModalityAttention"),
    case("fusion", "ModalityAttention", squash="tanh"),
    case("fusion", "ModalityAttention", squash="none"),
    case("fusion", "ModalityAttention", combine="concatenate"),
    case("fusion", "Concatenate"),
    case("encoder", "BiLSTM", hidden_width=4),
    case("encoder", "BiLSTM", hidden_width=4, depth=2),
    case("encoder", "CoupledBiLSTM", hidden_width=4),
    case("decoder", "CRF"),
    case("decoder", "CRF", constrain_training=True),
    case("decoder", "MultitaskCRF"),
    case("decoder", "MultitaskCRF", constrain_training=True),
    case("evidence", "LabelBias"),
    case("evidence", "LabelBias", rank=2),
    case("evidence", "LabelBias", gated=False),
    case("evidence", "LabelBias", n_folds=2),
]
IDS = [
    "-".join([c.name, *(f"{k}={v}" for k, v in c.block.items() if k != "@architectures")])
    for c in CASES
]
every_part = pytest.mark.parametrize("part", CASES, ids=IDS)


def overrides_of(part: Case) -> Dict[str, Any]:
    """The model's config with this part in its place."""
    if part.kind not in ("word", "char", "image"):
        return {part.kind: part.block}
    modalities = {name: PARTS[name] for name in ("word", "char", "image")}
    return {"modalities": {**modalities, part.kind: part.block}}


def tagger(part: Case, docs: List[Doc]):
    """A tagger with this part in its place, whose weights are all away from zero."""
    model = make_tagger(docs, **overrides_of(part))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        # An evidence or a residual that starts at zero would pass any test of invariance.
        module = get_tagger(model)
        for parameter in module.parameters():
            noise = torch.rand(parameter.shape, generator=generator) - 0.5
            parameter += noise.to(parameter.device)
        for child in module.modules():
            # Padding is zero, and no gradient ever changes that.
            if isinstance(child, torch.nn.Embedding) and child.padding_idx is not None:
                child.weight[child.padding_idx] = 0
    return model


def tagger_without_module(part: Case):
    """The same before initialization."""
    return make_tagger([], initialize=False, **overrides_of(part))


def all_allowed_but(output, tag: int):
    """A constraint (B, T, L): each first token has this tag, all others any."""
    n_tags = len(bio_tags(LABELS))
    allowed = torch.ones(*output.mask.shape, n_tags, dtype=torch.bool)
    allowed[:, 0] = False
    allowed[:, 0, tag] = True
    return allowed.to(output.mask.device)


def loss_of(model, docs, output=None):
    output = model.predict(docs) if output is None else output
    return get_tagger(model).decoder.loss(output.emissions, output.mask, all_allowed_but(output, 1))


@every_part
def test_protocol(part):
    made = resolve(part.block)
    if part.kind in ("word", "char"):
        assert isinstance(made, FormModality)
    elif part.kind == "image":
        assert isinstance(made, DocModality)
    elif part.kind == "evidence":
        assert isinstance(made, Evidence)
    else:
        arguments = {
            "fusion": (3, WIDTH),
            "encoder": (WIDTH,),
            "decoder": (WIDTH, LABELS),
        }[part.kind]
        assert isinstance(made(*arguments), torch.nn.Module)


@every_part
def test_state_round_trip_through_json_gives_equal_outputs(part):
    docs = make_docs()
    model = tagger(part, docs)
    expected = model.predict(docs)
    state = json.loads(json.dumps(get_shim(model).blueprint.get_state()))
    shim = get_shim(tagger_without_module(part))
    shim.blueprint.set_state(state)
    module = shim.blueprint.build()
    module.load_state_dict(get_tagger(model).state_dict())
    module.eval()
    with torch.no_grad():
        output = module(featurize(shim.blueprint, docs, torch.device("cpu")))
    assert torch.equal(output.emissions, expected.emissions)
    assert shim.blueprint.get_state() == state


@every_part
def test_bytes_round_trip(part):
    docs = make_docs()
    model = tagger(part, docs)
    loaded = tagger_without_module(part).from_bytes(model.to_bytes())
    assert torch.equal(loaded.predict(docs).emissions, model.predict(docs).emissions)
    assert loaded.to_bytes() == model.to_bytes()


@every_part
def test_gradients_reach_every_parameter(part):
    docs = make_docs()
    model = tagger(part, docs)
    torch.manual_seed(3)
    for _ in range(4):
        # Word dropout may hide a row in one pass.
        output, backprop = model.begin_update(docs)
        backprop(loss_of(model, docs, output).mean())
    reached = {
        name: parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        for name, parameter in get_tagger(model).named_parameters()
    }
    assert all(reached.values()), [name for name, there in reached.items() if not there]
    for name, parameter in get_tagger(model).named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


@every_part
def test_batch_of_one_is_batch_of_many(part):
    docs = make_docs()
    model = tagger(part, docs)
    together = model.predict(docs)
    for i, doc in enumerate(docs):
        get_tagger(model).cache.clear()
        alone = model.predict([doc])
        torch.testing.assert_close(alone.emissions[0], together.emissions[i, : len(doc)], **CLOSE)
        torch.testing.assert_close(loss_of(model, [doc])[0], loss_of(model, docs)[i], **CLOSE)


@every_part
def test_padding_changes_nothing_in_training_mode(part):
    docs = make_docs()
    if "word_dropout" in part.block:
        part = part._replace(block={**part.block, "word_dropout": 0.0})
    model = tagger(part, docs)
    alone, _ = model.begin_update([docs[3]])
    together, _ = model.begin_update([docs[3], docs[4]])
    torch.testing.assert_close(alone.emissions[0], together.emissions[0, : len(docs[3])], **CLOSE)


@every_part
def test_emissions_on_padding_do_not_count(part):
    docs = make_docs()
    model = tagger(part, docs)
    output = model.predict(docs)
    before = loss_of(model, docs, output)
    decoder = get_tagger(model).decoder
    tags = decoder.decode(output.emissions, output.mask)
    output.emissions[~output.mask] = 1e4
    torch.testing.assert_close(loss_of(model, docs, output), before)
    assert torch.equal(
        decoder.decode(output.emissions, output.mask)[output.mask], tags[output.mask]
    )


@every_part
def test_a_missing_picture_has_no_weight_and_its_filler_is_not_read(part):
    docs = make_docs()
    model = tagger(part, docs)
    module = get_tagger(model)
    module.eval()
    shim = get_shim(model)
    batch = featurize(shim.blueprint, docs, torch.device("cpu"))
    with torch.no_grad():
        expected = module(batch)
        batch.docs["image"]["vectors"][~batch.docs["image"]["regions"]] = 1e6
        if batch.evidence is not None:
            batch.evidence["vectors"][~batch.evidence["present"]] = 1e6
        output = module(batch)
    assert torch.equal(output.emissions, expected.emissions)
    if output.weights is not None:
        without = torch.tensor([doc._.image_vec is None for doc in docs])
        column = module.modality_names.index("image")
        assert (output.weights[without, :, column] == 0).all()
        assert (output.weights[~without, 0, column] > 0).all()


@every_part
def test_weights_are_a_distribution_over_real_tokens(part):
    docs = make_docs()
    output = tagger(part, docs).predict(docs)
    if part.name == "Concatenate":
        assert output.weights is None
        return
    real = output.weights[output.mask]
    torch.testing.assert_close(real.sum(-1), torch.ones(len(real)))


@every_part
def test_one_token_and_a_long_post(part):
    vocab = make_vocab()
    docs = make_docs(vocab)
    model = tagger(part, docs)
    long = Doc(vocab, words=[w for words in TEXTS for w in words] * 24)
    long._.image_vec = np.ones(IMAGE_WIDTH, dtype=np.float32)
    assert len(long) > 500
    output = model.predict([docs[3], long])
    assert torch.isfinite(output.emissions).all()
    assert torch.isfinite(loss_of(model, [docs[3], long], output)).all()
    tags = get_tagger(model).decoder.decode(output.emissions, output.mask)
    assert tags.shape == output.mask.shape


@every_part
def test_docs_without_tokens(part):
    vocab = make_vocab()
    docs = make_docs(vocab)
    model = tagger(part, docs)
    empty = Doc(vocab)
    empty._.image_vec = np.ones(IMAGE_WIDTH, dtype=np.float32)
    alone = model.predict([empty])
    assert alone.emissions.shape[:2] == (1, 0)
    mixed = model.predict([empty, docs[0]])
    assert not mixed.mask[0].any()
    torch.testing.assert_close(mixed.emissions[1], model.predict([docs[0]]).emissions[0], **CLOSE)
    assert loss_of(model, [empty, docs[0]])[0] == 0


@every_part
def test_names_and_shapes_that_thinc_optimizers_can_hold(part):
    """0-d parameters crash Thinc's optimizers; W, b and E collide with its own parameters."""
    for name, parameter in get_tagger(tagger(part, make_docs())).named_parameters():
        assert parameter.dim() > 0, name
        assert name.rpartition(".")[2] not in ("W", "b", "E"), name


@every_part
def test_copy_has_weights_of_its_own(part):
    docs = make_docs()
    model = tagger(part, docs)
    before = model.predict(docs).emissions.clone()
    copied = model.copy()
    assert torch.equal(copied.predict(docs).emissions, before)
    with torch.no_grad():
        for parameter in get_tagger(copied).parameters():
            parameter += 1.0
    get_tagger(copied).cache.clear()
    assert torch.equal(model.predict(docs).emissions, before)
    assert not torch.equal(copied.predict(docs).emissions, before)
    assert get_shim(copied).id != get_shim(model).id


@pytest.mark.gpu
@every_part
def test_gpu_gives_the_cpus_results(part):
    from thinc.api import prefer_gpu, require_cpu

    docs = make_docs()
    on_cpu = tagger(part, docs)
    expected = on_cpu.predict(docs).emissions
    assert prefer_gpu()
    try:
        on_gpu = tagger_without_module(part).from_bytes(on_cpu.to_bytes())
        output = on_gpu.predict(docs)
        assert output.emissions.device.type == "cuda"
        torch.testing.assert_close(output.emissions.cpu(), expected, atol=1e-4, rtol=1e-3)
        trained, backprop = on_gpu.begin_update(docs)
        backprop(loss_of(on_gpu, docs, trained).mean())
    finally:
        require_cpu()
