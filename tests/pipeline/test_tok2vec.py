import numpy as np
import pytest
import spacy
from thinc.api import fix_random_seed

from spacy_mner.models.tagger import get_tagger

from .builders import (
    LISTENER,
    SENTENCES,
    TOK2VEC,
    blank,
    emissions,
    entities,
    make_doc,
    make_examples,
    make_nlp,
    model_config,
    picture,
    train,
)

TEXTS = [text for text, _ in SENTENCES]


def make_listening(**config):
    """`tok2vec` and an `mner` that listens to it."""
    fix_random_seed(0)
    nlp = blank()
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe("mner", config={"model": model_config(tok2vec=LISTENER), **config})
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    return nlp


def posts(nlp):
    return [make_doc(nlp, text, image=picture(i)) for i, text in enumerate(TEXTS)]


def weights(model):
    return {
        (i, name): node.get_param(name).copy()
        for i, node in enumerate(model.walk())
        for name in node.param_names
        if node.has_param(name)
    }


def changed(before, after):
    return {key for key in before if not np.array_equal(before[key], after[key])}


@pytest.mark.parametrize("fusion", ["ModalityAttention", "Concatenate"])
@pytest.mark.parametrize("encoder", ["BiLSTM", "CoupledBiLSTM"])
@pytest.mark.parametrize("decoder", ["CRF", "MultitaskCRF"])
def test_own_layer_with_all_parts(fusion, encoder, decoder):
    nlp = make_nlp(
        model=model_config(
            tok2vec=TOK2VEC,
            fusion={"@architectures": f"spacy_mner.{fusion}.v1"},
            encoder={"@architectures": f"spacy_mner.{encoder}.v1", "hidden_width": 16},
            decoder={"@architectures": f"spacy_mner.{decoder}.v1"},
            evidence={"@architectures": "spacy_mner.LabelBias.v1"},
        )
    )
    pipe = nlp.get_pipe("mner")
    before = weights(pipe.model)
    losses = train(nlp, make_examples(nlp), steps=5)
    assert losses[-1] < losses[0]
    assert changed(before, weights(pipe.model)) == set(before)
    assert get_tagger(pipe.model).modality_names[-1] == "context"
    assert "mner" in nlp.pipe_names
    other = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    np.testing.assert_array_equal(emissions(nlp, posts(nlp)), emissions(other, posts(other)))


def test_context_has_a_weight():
    nlp = make_nlp(model=model_config(tok2vec=TOK2VEC), store_weights=True)
    doc = nlp(make_doc(nlp, "Ann met Bob", image=picture()))
    assert list(doc[0]._.modality_weights) == ["word", "char", "image", "context"]
    assert doc[0]._.modality_weights["context"] > 0


def test_gradients_of_the_listener_are_the_derivative():
    """Against finite differences: what reaches tok2vec's output is d loss / d output."""
    nlp = make_nlp(model=model_config(tok2vec=TOK2VEC))
    pipe = nlp.get_pipe("mner")
    egs = make_examples(nlp)[:2]
    docs = [eg.predicted for eg in egs]
    layer = pipe.model.get_ref("tok2vec")
    forward, vectors, gradients = layer._func, {}, {}

    def spy(model, X, is_train):
        rows, backprop = forward(model, X, is_train)
        for key, delta in vectors.items():
            rows[key[0]][key[1], key[2]] += delta

        def spied(d_rows):
            gradients["rows"] = [row.copy() for row in d_rows]
            return backprop(d_rows)

        return rows, spied

    layer._func = spy
    output, backprop = pipe.model.begin_update(docs)
    backprop(pipe.get_loss(egs, output)[1])

    def loss_at(key, delta):
        vectors.clear()
        vectors[key] = delta
        output, _ = pipe.model.begin_update(docs)
        return pipe.get_loss(egs, output)[0]

    for key in ((0, 0, 0), (0, 4, 3), (1, 2, 7)):
        slope = (loss_at(key, 0.02) - loss_at(key, -0.02)) / 0.04
        assert gradients["rows"][key[0]][key[1], key[2]] == pytest.approx(slope, abs=2e-3)
    assert [len(row) for row in gradients["rows"]] == [len(doc) for doc in docs]


def test_listener_learns_and_teaches_tok2vec():
    nlp = make_listening()
    before = weights(nlp.get_pipe("tok2vec").model)
    egs = make_examples(nlp)
    train(nlp, egs, steps=30)
    assert changed(before, weights(nlp.get_pipe("tok2vec").model)) == set(before)
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0


def test_listener_with_pictures_of_the_reference_only():
    """The docs are copied to get their pictures; the listener must still know the batch."""
    nlp = make_listening()
    before = weights(nlp.get_pipe("tok2vec").model)
    egs = make_examples(nlp)
    for eg in egs:
        eg.predicted._.image_vec = None
    # spaCy applies a listener's gradient in the next update.
    losses = train(nlp, egs, steps=2)
    assert losses[1] < losses[0]
    assert changed(before, weights(nlp.get_pipe("tok2vec").model))


def test_frozen_tok2vec_that_annotates():
    nlp = make_listening()
    before = weights(nlp.get_pipe("tok2vec").model)
    egs = make_examples(nlp)
    losses = []
    sgd = nlp.create_optimizer()
    for _ in range(5):
        loss = {}
        nlp.update(egs, sgd=sgd, losses=loss, exclude=["tok2vec"], annotates=["tok2vec"])
        losses.append(loss["mner"])
        egs = make_examples(nlp)
    assert not changed(before, weights(nlp.get_pipe("tok2vec").model))
    assert losses[-1] < losses[0]


def test_frozen_mner():
    nlp = make_listening()
    egs = make_examples(nlp)
    before = [p.detach().clone() for p in get_tagger(nlp.get_pipe("mner").model).parameters()]
    losses = {}
    nlp.update(egs, sgd=nlp.create_optimizer(), losses=losses, exclude=["mner"])
    after = get_tagger(nlp.get_pipe("mner").model).parameters()
    assert all(a.equal(b) for a, b in zip(before, after, strict=True))
    assert "mner" not in losses


def test_replace_listeners(tmp_path):
    nlp = make_listening()
    train(nlp, make_examples(nlp), steps=10)
    before = emissions_in_pipeline(nlp)
    nlp.replace_listeners("tok2vec", "mner", ["model.tok2vec"])
    np.testing.assert_allclose(emissions_in_pipeline(nlp), before, atol=1e-6)
    # It is independent now, also after saving.
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path, exclude=["tok2vec"])
    np.testing.assert_allclose(emissions(loaded, posts(loaded)), before, atol=1e-6)
    losses = train(loaded, make_examples(loaded), steps=3)
    assert losses[-1] < losses[0]


def emissions_in_pipeline(nlp):
    docs = posts(nlp)
    for doc in docs:
        if "tok2vec" in nlp.pipe_names:
            nlp.get_pipe("tok2vec")(doc)
    return emissions(nlp, docs)


def test_listener_survives_saving(tmp_path):
    nlp = make_listening()
    train(nlp, make_examples(nlp), steps=10)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    np.testing.assert_array_equal(emissions_in_pipeline(nlp), emissions_in_pipeline(loaded))


def test_sourced_with_its_listener_replaced():
    source = make_listening()
    train(source, make_examples(source), steps=20)
    expected = [entities(doc) for doc in source.pipe(posts(source))]
    source.replace_listeners("tok2vec", "mner", ["model.tok2vec"])
    nlp = blank()
    nlp.add_pipe("mner", source=source)
    assert [entities(doc) for doc in nlp.pipe(posts(nlp))] == expected


def test_label_added_to_a_listener():
    nlp = make_listening()
    egs = make_examples(nlp)
    train(nlp, egs, steps=3)
    before = emissions_in_pipeline(nlp)
    nlp.get_pipe("mner").add_label("ZOO")
    np.testing.assert_allclose(
        emissions_in_pipeline(nlp)[..., : before.shape[-1]], before, atol=1e-5
    )
    losses = train(nlp, egs, steps=3)
    assert losses[-1] < losses[0]


def test_empty_docs_with_a_listener():
    nlp = make_listening()
    docs = list(nlp.pipe(["", "Ann met Bob", ""]))
    assert [len(doc) for doc in docs] == [0, 3, 0]
    empty = make_doc(nlp, "")
    egs = [spacy.training.Example(empty, empty.copy()), *make_examples(nlp)]
    losses = train(nlp, egs, steps=3)
    assert losses[-1] < losses[0]
