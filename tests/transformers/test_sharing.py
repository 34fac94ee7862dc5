"""One transformer and several components; frozen, replaced, sourced, saved, and read offline."""

import shutil
import socket

import numpy as np
import pytest
import spacy
from spacy.training import Example

from ..pipeline.builders import (
    SENTENCES,
    blank,
    emissions,
    entities,
    make_doc,
    make_example,
    make_examples,
    picture,
    train,
)
from .builders import LISTENER, make_transformer_nlp, save_encoder, transformer_config

TEXTS = [text for text, _ in SENTENCES]


def posts(nlp):
    return [make_doc(nlp, text, image=picture(i)) for i, text in enumerate(TEXTS)]


def emissions_in_pipeline(nlp):
    docs = posts(nlp)
    if "transformer" in nlp.pipe_names:
        docs = list(nlp.get_pipe("transformer").pipe(docs))
    return emissions(nlp, docs)


def weights(nlp):
    module = nlp.get_pipe("transformer").model.transformer
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def changed(before, after):
    return {name for name in before if not before[name].equal(after[name])}


@pytest.fixture(scope="module")
def trained(encoder_dir):
    """Tests must not change it."""
    nlp = make_transformer_nlp(encoder_dir)
    train(nlp, make_examples(nlp), steps=40)
    return nlp


def add_ner(nlp):
    """spaCy's own `ner`, on the same transformer."""
    model = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner"}
    parser = {"extra_state_tokens": False, "hidden_width": 16, "maxout_pieces": 2, "nO": None}
    nlp.add_pipe(
        "ner", config={"model": {**model, **parser, "use_upper": False, "tok2vec": LISTENER}}
    )


@pytest.mark.parametrize("first", ["ner", "mner"])
def test_shared_with_another_component(encoder_dir, first):
    """Both send their gradients, whichever comes last, and both learn."""
    nlp = make_transformer_nlp(encoder_dir, initialize=False)
    add_ner(nlp)
    if first == "ner":
        nlp.remove_pipe("ner")
        config = nlp.config["components"]["mner"]
        nlp.remove_pipe("mner")
        add_ner(nlp)
        nlp.add_pipe("mner", config={"model": config["model"]})
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    assert nlp.get_pipe("transformer").listening_components == nlp.pipe_names[1:]
    sgd = nlp.create_optimizer()
    sgd.learn_rate = 0.01
    every = []
    for _ in range(60):
        losses = {}
        nlp.update(make_examples(nlp), sgd=sgd, losses=losses)
        every.append((losses["ner"], losses["mner"]))
    assert every[-1][0] < 0.5 * every[0][0]
    assert every[-1][1] < 0.5 * every[0][1]
    for name, other in (("mner", "ner"), ("ner", "mner")):
        with nlp.select_pipes(disable=[other]):
            assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0, name


def test_frozen_transformer(encoder_dir):
    """`[training] frozen_components` together with `annotating_components`."""
    nlp = make_transformer_nlp(encoder_dir)
    before = weights(nlp)
    sgd = nlp.create_optimizer()
    sgd.learn_rate = 0.01
    losses = []
    for _ in range(60):
        loss = {}
        nlp.update(
            make_examples(nlp),
            sgd=sgd,
            losses=loss,
            exclude=["transformer"],
            annotates=["transformer"],
        )
        losses.append(loss["mner"])
    assert not changed(before, weights(nlp))
    assert losses[-1] < 0.5 * losses[0]


def test_frozen_transformer_with_the_references_pictures(encoder_dir):
    """`update` copies the docs to give them their pictures; the transformer's output must come along."""
    nlp = make_transformer_nlp(encoder_dir)
    losses = []
    for remove in (False, True):
        egs = make_examples(nlp)
        for eg in egs:
            if remove:
                eg.predicted._.image_vec = None
        loss = {}
        exclude = {"exclude": ["transformer"], "annotates": ["transformer"]}
        nlp.update(egs, sgd=False, losses=loss, **exclude)
        losses.append(loss["mner"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_evaluation_with_the_references_pictures(trained):
    """The scorer predicts again, on copies with pictures: they have the context as well."""
    egs = make_examples(trained)
    full = trained.evaluate(make_examples(trained))
    for eg in egs:
        eg.predicted._.image_vec = None
    assert trained.evaluate(egs)["ents_f"] == full["ents_f"] == 1.0


def test_frozen_mner(encoder_dir):
    """Neither learns where nobody sends a gradient."""
    nlp = make_transformer_nlp(encoder_dir)
    before, losses = weights(nlp), {}
    nlp.update(make_examples(nlp), sgd=nlp.create_optimizer(), losses=losses, exclude=["mner"])
    assert not changed(before, weights(nlp))
    assert "mner" not in losses


def test_replace_listeners(encoder_dir, tmp_path):
    nlp = make_transformer_nlp(encoder_dir)
    train(nlp, make_examples(nlp), steps=10)
    before = emissions_in_pipeline(nlp)
    nlp.replace_listeners("transformer", "mner", ["model.tok2vec"])
    np.testing.assert_allclose(emissions(nlp, posts(nlp)), before, atol=1e-5)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path, exclude=["transformer"])
    np.testing.assert_allclose(emissions(loaded, posts(loaded)), before, atol=1e-5)
    losses = train(loaded, make_examples(loaded), steps=3)
    assert losses[-1] < losses[0]


def test_sourced_together(trained):
    """Transformer and listener go into another pipeline side by side."""
    nlp = blank()
    for name in ("transformer", "mner"):
        nlp.add_pipe(name, source=trained)
    expected = [entities(doc) for doc in trained.pipe(posts(trained))]
    assert [entities(doc) for doc in nlp.pipe(posts(nlp))] == expected
    assert any(expected)


def test_sourced_with_its_listener_replaced(encoder_dir):
    source = make_transformer_nlp(encoder_dir)
    train(source, make_examples(source), steps=20)
    expected = [entities(doc) for doc in source.pipe(posts(source))]
    source.replace_listeners("transformer", "mner", ["model.tok2vec"])
    nlp = blank()
    nlp.add_pipe("mner", source=source)
    assert [entities(doc) for doc in nlp.pipe(posts(nlp))] == expected


def test_disk_without_folder_and_without_network(tmp_path, encoder_dir, monkeypatch):
    """The saved pipeline holds the encoder: where it came from may be gone."""
    nlp = make_transformer_nlp(shutil.copytree(encoder_dir, tmp_path / "gone"))
    train(nlp, make_examples(nlp), steps=10)
    nlp.to_disk(tmp_path / "model")
    shutil.rmtree(tmp_path / "gone")

    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    loaded = spacy.load(tmp_path / "model")
    np.testing.assert_allclose(emissions_in_pipeline(nlp), emissions_in_pipeline(loaded), atol=1e-6)
    for a, b in zip(nlp.pipe(posts(nlp)), loaded.pipe(posts(loaded)), strict=True):
        assert [(e.text, e.label_, e._.score) for e in a.ents] == [
            (e.text, e.label_, e._.score) for e in b.ents
        ]
    loaded.to_disk(tmp_path / "again")
    again = spacy.load(tmp_path / "again")
    np.testing.assert_allclose(emissions_in_pipeline(nlp), emissions_in_pipeline(again), atol=1e-6)


def test_bytes(trained, encoder_dir):
    other = make_transformer_nlp(encoder_dir, initialize=False).from_bytes(trained.to_bytes())
    np.testing.assert_allclose(
        emissions_in_pipeline(trained), emissions_in_pipeline(other), atol=1e-6
    )


def test_label_added(encoder_dir):
    nlp = make_transformer_nlp(encoder_dir)
    train(nlp, make_examples(nlp), steps=3)
    before = emissions_in_pipeline(nlp)
    nlp.get_pipe("mner").add_label("ZOO")
    after = emissions_in_pipeline(nlp)
    np.testing.assert_allclose(after[..., : before.shape[-1]], before, atol=1e-5)
    losses = train(nlp, make_examples(nlp), steps=3)
    assert losses[-1] < losses[0]


def test_empty_docs(encoder_dir):
    nlp = make_transformer_nlp(encoder_dir)
    assert [len(doc) for doc in nlp.pipe(["", "Ann met Bob", ""])] == [0, 3, 0]
    empty = make_doc(nlp, "")
    egs = [Example(empty, empty.copy()), *make_examples(nlp)]
    losses = train(nlp, egs, steps=3)
    assert losses[-1] < losses[0]


def test_another_encoder_by_folder(tmp_path):
    """The profile names no architecture: whatever `from_pretrained` reads will do."""
    pytest.importorskip("spacy_transformers", reason="the extra `transformers` is not installed")
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel

    folder = save_encoder(tmp_path / "bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = DistilBertConfig(
        vocab_size=len(tokenizer),
        dim=24,
        n_layers=1,
        n_heads=2,
        hidden_dim=32,
        max_position_embeddings=24,
    )
    DistilBertModel(config).save_pretrained(tmp_path / "distil")
    from transformers import DistilBertTokenizerFast

    DistilBertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(tmp_path / "distil")
    nlp = blank()
    nlp.add_pipe("transformer", config=transformer_config(tmp_path / "distil"))
    nlp.add_pipe("mner", config={"model": {"tok2vec": LISTENER}})
    egs = [
        make_example(nlp, text, tags, image=picture(i)) for i, (text, tags) in enumerate(SENTENCES)
    ]
    nlp.initialize(lambda: egs)
    losses = train(nlp, egs, steps=5)
    assert losses[-1] < losses[0]
