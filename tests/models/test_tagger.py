"""`MultimodalTagger.v1` as a Thinc model: combinations, state, updates, averages, checks."""

from itertools import product

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from thinc.api import Adam, Config, set_dropout_rate

from spacy_mner.models import shim, tagger
from spacy_mner.models.pytorch.dropout import Dropout
from spacy_mner.models.pytorch.tagger import MultimodalTagger
from spacy_mner.models.tagger import get_decoder, get_tagger, set_labels
from spacy_mner.models.types import Decoder

from ..util import IMAGE_WIDTH, LABELS, PARTS, make_docs, make_tagger, make_vocab, resolve

CLOSE = {"atol": 1e-5, "rtol": 1e-4}
ARCHITECTURES = {
    "fusion": ("ModalityAttention", "Concatenate"),
    "encoder": ("BiLSTM", "CoupledBiLSTM"),
    "decoder": ("CRF", "MultitaskCRF"),
}
EVIDENCE = {"@architectures": "spacy_mner.LabelBias.v1"}
TOK2VEC = Config().from_str(
    """
[model]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 8
depth = 1
embed_size = 50
window_size = 1
maxout_pieces = 2
subword_features = true
"""
)["model"]


def gold(output, tag=1):
    """Every token but the first is unannotated; the first has the tag."""
    n_tags = 1 + 2 * len(LABELS)
    allowed = torch.ones(*output.mask.shape, n_tags, dtype=torch.bool)
    allowed[:, 0] = False
    allowed[:, 0, tag] = True
    return allowed


def loss_of(model, output):
    return get_decoder(model).loss(output.emissions, output.mask, gold(output)).mean()


def step(model, docs, sgd=None):
    output, backprop = model.begin_update(docs)
    loss = loss_of(model, output)
    backprop(loss)
    if sgd is not None:
        model.finish_update(sgd)
    return float(loss.detach())


@pytest.mark.parametrize("images", [True, False], ids=["pictures", "text"])
@pytest.mark.parametrize("evidence", [True, False], ids=["evidence", ""])
@pytest.mark.parametrize("tok2vec", [True, False], ids=["tok2vec", ""])
@pytest.mark.parametrize(
    ("fusion", "encoder", "decoder"), list(product(*ARCHITECTURES.values())), ids=str
)
def test_every_combination_learns_and_can_be_read_back(
    fusion, encoder, decoder, tok2vec, evidence, images
):
    docs = make_docs(images=images)
    overrides = {
        "fusion": {"@architectures": f"spacy_mner.{fusion}.v1"},
        "encoder": {"@architectures": f"spacy_mner.{encoder}.v1", "hidden_width": 4},
        "decoder": {"@architectures": f"spacy_mner.{decoder}.v1"},
    }
    if tok2vec:
        overrides["tok2vec"] = TOK2VEC
    if evidence:
        # A model may be told the picture's width before it sees the first one.
        overrides["evidence"] = {**EVIDENCE, "width": IMAGE_WIDTH}
    names = ("word", "char", "image") if images else ("word", "char")
    if images or not evidence:
        model = make_tagger(docs, modalities=names, **overrides)
    else:
        with pytest.warns(UserWarning, match="MW002"):
            model = make_tagger(docs, modalities=names, **overrides)
    sgd = Adam(0.02)
    losses = [step(model, docs, sgd) for _ in range(8)]
    assert losses[-1] < losses[0]
    expected = model.predict(docs)
    assert expected.emissions.shape[:2] == (len(docs), max(map(len, docs)))
    columns = [*names, *(["context"] if tok2vec else [])]
    assert get_tagger(model).modality_names == columns
    if fusion == "ModalityAttention":
        assert expected.weights.shape[-1] == len(columns)
    other = make_tagger([], modalities=names, initialize=False, **overrides)
    other.from_bytes(model.to_bytes())
    assert torch.equal(other.predict(docs).emissions, expected.emissions)


def test_decoder_follows_its_protocol():
    model = make_tagger(make_docs())
    assert isinstance(get_decoder(model), Decoder)
    assert get_decoder(model).n_tags == 5


def test_after_a_fork_torch_has_one_thread_before_tok2vec_runs(monkeypatch):
    """tok2vec may be torch's as well, whose thread pool does not survive a fork."""
    docs = make_docs()
    model = make_tagger(docs, tok2vec=TOK2VEC)
    found = []
    context = tagger._context

    def look(*args):
        found.append(torch.get_num_threads())
        return context(*args)

    monkeypatch.setattr(tagger, "_context", look)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        model.predict(docs)
        monkeypatch.setattr(shim, "_pid", -1)
        model.predict(docs)
    finally:
        torch.set_num_threads(before)
    assert found == [2, 1]


def test_gradients_flow_back_into_tok2vec():
    docs = make_docs()
    model = make_tagger(docs, tok2vec=TOK2VEC)
    tok2vec = model.get_ref("tok2vec")
    step(model, docs)
    gradients = [
        float(np.abs(node.get_grad(name)).sum())
        for node in tok2vec.walk()
        for name in node.param_names
        if node.has_grad(name)
    ]
    assert gradients
    assert max(gradients) > 0
    before = tok2vec.predict(docs)[0].copy()
    step(model, docs, Adam(0.1))
    assert not np.allclose(before, tok2vec.predict(docs)[0])


def test_gradient_of_the_context_is_that_of_finite_differences():
    """What `tok2vec` gets back is the derivative of the loss by its output."""
    docs = make_docs()[:2]
    model = make_tagger(docs, tok2vec=TOK2VEC)
    tok2vec = model.get_ref("tok2vec")
    received = {}
    original = tok2vec._func

    def spy(node, X, is_train):
        Y, backprop = original(node, X, is_train)
        Y = [y.copy() for y in Y]
        Y[0][1, 2] += received.get("shift", 0.0)

        def callback(dY):
            received["dY"] = dY
            return backprop(dY)

        return Y, callback

    tok2vec._func = spy
    output, backprop = model.begin_update(docs)
    backprop(loss_of(model, output))
    losses = []
    for shift in (-1e-2, 1e-2):
        received["shift"] = shift
        losses.append(float(loss_of(model, model.predict(docs)).detach()))
    slope = (losses[1] - losses[0]) / 2e-2
    assert received["dY"][0].shape == (len(docs[0]), 8)
    assert received["dY"][0][1, 2] == pytest.approx(slope, rel=0.05, abs=1e-4)


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"post_dropout": {"picture": 0.5}}, "M006"),
        ({"token_dropout": {"context": 0.5}}, "M006"),
        ({"post_dropout": {"image": 1.0}}, "M011"),
        ({"token_dropout": {"word": -0.1}}, "M011"),
        ({"context_activation": "square", "tok2vec": TOK2VEC}, "M006"),
    ],
)
def test_wrong_settings_are_refused(overrides, code):
    with pytest.raises(ValueError, match=rf"\[{code}\]"):
        make_tagger(make_docs(), **overrides)


@pytest.mark.parametrize("part", ["WordVectors", "CharBiLSTM", "CharCNN", "ImageVectors"])
def test_an_unknown_activation_is_refused_when_the_config_is_read(part):
    build = spacy.registry.architectures.get(f"spacy_mner.{part}.v1")
    with pytest.raises(ValueError, match=r"\[M006\] 'square' .*activation.*tanh, relu, gelu, none"):
        build(activation="square")


def test_a_part_without_the_protocol_is_refused():
    block = {"@architectures": "spacy_mner.MultimodalTagger.v1", "modalities": {}}
    parts = {name: resolve(PARTS[name]) for name in ("fusion", "encoder", "decoder")}
    build = spacy.registry.architectures.get(block["@architectures"])
    with pytest.raises(ValueError, match=r"\[M009\].*smell"):
        build(modalities={"smell": object()}, **parts)


@pytest.mark.parametrize("name", ["context", "pop", "training", "a.b"])
def test_names_that_are_taken_are_refused(name):
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 4, "depth": 1, "embed_size": 10,
               "window_size": 1, "maxout_pieces": 2, "subword_features": True,
               "pretrained_vectors": None}  # fmt: skip
    with pytest.raises(ValueError, match=rf"\[M008\].*'{name}'"):
        make_tagger([], initialize=False, modalities={name: PARTS["word"]}, tok2vec=tok2vec)


def test_pictures_alone_are_refused():
    with pytest.raises(ValueError, match=r"\[M009\]"):
        make_tagger(make_docs(), modalities=("image",))


def test_tok2vec_alone_is_enough():
    docs = make_docs()
    model = make_tagger(docs, modalities=(), tok2vec=TOK2VEC)
    assert model.predict(docs).weights.shape[-1] == 1
    sgd = Adam(0.01)
    losses = [step(model, docs, sgd) for _ in range(3)]
    assert losses[-1] < losses[0]


def test_training_dropout_reaches_the_torch_modules():
    docs = make_docs()
    word = {**PARTS["word"], "dropout": 0.25}
    model = make_tagger(docs, modalities={"word": word, "char": PARTS["char"]})
    set_dropout_rate(model, 0.4)
    model.begin_update(docs)
    rates = {n: m.rate for n, m in get_tagger(model).named_modules() if isinstance(m, Dropout)}
    assert rates["forms.word.dropout"] == 0.25
    assert rates["forms.char.dropout"] == 0.4
    assert rates["encoder.dropout"] == 0.4


def test_dropout_acts_in_training_only():
    docs = make_docs()
    model = make_tagger(docs)
    expected = model.predict(docs).emissions
    set_dropout_rate(model, 0.5)
    noisy = [model.begin_update(docs)[0].emissions for _ in range(2)]
    assert not torch.equal(noisy[0], noisy[1])
    assert torch.equal(model.predict(docs).emissions, expected)
    set_dropout_rate(model, 0.0)
    torch.testing.assert_close(model.begin_update(docs)[0].emissions, expected, **CLOSE)


def test_modality_dropout_makes_whole_posts_and_tokens_miss_a_modality():
    vocab = make_vocab()
    docs = [Doc(vocab, words=["rose"] * 50) for _ in range(40)]
    for doc in docs:
        doc._.image_vec = np.ones(IMAGE_WIDTH, dtype=np.float32)
    model = make_tagger(docs, post_dropout={"image": 0.5}, token_dropout={"word": 0.25})
    output, _ = model.begin_update(docs)
    word, char, image = (output.weights[..., m] == 0 for m in range(3))
    # Of a post, the picture is missing for all tokens or for none.
    assert torch.equal(image.all(1), image.any(1))
    assert 0.2 < image.float().mean() < 0.8
    assert 0.2 < word.float().mean() < 0.3
    assert not char.any()
    assert not (model.predict(docs).weights == 0).any()


def test_resizing_keeps_what_is_known_about_the_old_labels():
    docs = make_docs()
    evidence = {"evidence": EVIDENCE, "decoder": {"@architectures": "spacy_mner.MultitaskCRF.v1"}}
    model = make_tagger(docs, labels=["LOC", "PER"], **evidence)
    for _ in range(3):
        step(model, docs, Adam(0.05))
    before = model.predict(docs).emissions
    model.attrs["resize_output"](model, ["LOC", "ORG", "PER"])
    after = model.predict(docs).emissions
    # Tags: O, B-LOC, I-LOC, then ORG, then PER, then the three of the segmentation.
    torch.testing.assert_close(after[..., [0, 1, 2, 5, 6, 7, 8, 9]], before)
    old = torch.tensor([0, 1, 2, 5, 6])
    typed = get_decoder(model).crf.crf
    assert typed.transitions.shape == (7, 7)
    fresh = make_tagger(docs, labels=["LOC", "PER"], **evidence)
    for _ in range(3):
        step(fresh, docs, Adam(0.05))
    same = get_decoder(fresh).crf.crf.transitions
    torch.testing.assert_close(typed.transitions[old][:, old], same)
    output, backprop = model.begin_update(docs)
    backprop(output.emissions.sum())
    model.finish_update(Adam(0.01))


def test_second_initialization_learns_the_new_data():
    """Widths and alphabets come from the data given last."""
    model = make_tagger(make_docs())
    other = make_docs(make_vocab(width=11))
    for doc in other:
        if doc._.image_vec is not None:
            doc._.image_vec = np.ones(3, dtype=np.float32)
    set_labels(model, ["ORG"])
    model.initialize(X=other)
    module = get_tagger(model)
    assert isinstance(module, MultimodalTagger)
    assert module.forms["word"].residual.weight.shape[1] == 11
    assert module.docs["image"].standardize.mean.shape == (3,)
    assert model.predict(other).emissions.shape[-1] == 3


def test_wrong_picture_width_and_shape_are_named():
    docs = make_docs()
    model = make_tagger(docs)
    docs[0]._.image_vec = np.ones(IMAGE_WIDTH + 1, dtype=np.float32)
    with pytest.raises(ValueError, match=r"\[M005\].*width 6.*width 5"):
        model.predict(docs)
    docs[0]._.image_vec = np.ones((1, 2, IMAGE_WIDTH), dtype=np.float32)
    with pytest.raises(ValueError, match=r"\[M004\]"):
        model.predict(docs)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_damaged_picture_warns_and_counts_as_missing(value):
    docs = make_docs()
    model = make_tagger(docs)
    docs[0]._.image_vec = None
    expected = model.predict(docs)
    docs[0]._.image_vec = np.full(IMAGE_WIDTH, value, dtype=np.float32)
    with pytest.warns(UserWarning, match="MW003"):
        output = model.predict(docs)
    assert torch.equal(output.emissions, expected.emissions)
    assert (output.weights[0, :, 2] == 0).all()


def test_pictures_may_be_read_only_or_float64_or_in_regions():
    docs = make_docs()
    model = make_tagger(docs)
    expected = model.predict(docs).emissions
    for doc in docs:
        if doc._.image_vec is not None:
            array = doc._.image_vec.astype("float64")
            array.flags.writeable = False
            doc._.image_vec = array
    assert torch.equal(model.predict(docs).emissions, expected)
    docs[0]._.image_vec = np.stack([docs[0]._.image_vec] * 3)
    torch.testing.assert_close(model.predict(docs).emissions, expected, **CLOSE)
    docs[1]._.image_vec = np.zeros((0, IMAGE_WIDTH), dtype=np.float32)
    torch.testing.assert_close(model.predict(docs).emissions, expected, **CLOSE)


@pytest.mark.parametrize("encoder", ["BiLSTM", "CoupledBiLSTM"])
@pytest.mark.parametrize("fusion", ["ModalityAttention", "Concatenate"])
def test_merging_forms_once_is_merging_every_token(encoder, fusion, monkeypatch):
    docs = make_docs(images=False)
    model = make_tagger(
        docs,
        modalities=("word", "char"),
        encoder={"@architectures": f"spacy_mner.{encoder}.v1", "hidden_width": 6},
        fusion={"@architectures": f"spacy_mner.{fusion}.v1"},
    )
    # Once with an empty cache, once with what it keeps; one post at a time, and together.
    found = [model.predict(docs), model.predict(docs)]
    alone = [model.predict([doc]).emissions[0] for doc in docs if len(doc)]
    monkeypatch.setattr(MultimodalTagger, "_is_merged_by_form", lambda self: False)
    get_tagger(model).cache.clear()
    expected = model.predict(docs)
    for output in found:
        torch.testing.assert_close(output.emissions[output.mask], expected.emissions[output.mask])
        if expected.weights is not None:
            torch.testing.assert_close(output.weights[output.mask], expected.weights[output.mask])
    for row, doc in zip(alone, [doc for doc in docs if len(doc)], strict=True):
        i = docs.index(doc)
        torch.testing.assert_close(row[: len(doc)], expected.emissions[i, : len(doc)])
