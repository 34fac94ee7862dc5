"""The word modality: an open table, trainable rows, unknown words."""

import numpy as np
import pytest
import torch
from spacy.tokens import Doc
from spacy.vectors import Vectors
from spacy.vocab import Vocab
from thinc.api import Adam

from spacy_mner.models.modalities.lookup import KINDS, NUMBER, URL, USER
from spacy_mner.models.tagger import get_decoder, get_shim, get_tagger

from ..util import make_docs, make_tagger, make_vocab, resolve

TABLE = ["rose", "Paris", "paris", "nyc", "00", "0000", "soo", "so", "obama", "wow", "good", "god"]


def word_modality(vocab, texts, **settings):
    part = resolve({"@architectures": "spacy_mner.WordVectors.v1", **settings})
    part.initialize([Doc(vocab, words=words) for words in texts])
    return part


@pytest.mark.parametrize("trainable", [True, False])
def test_vectors_are_open_at_test_time(trainable):
    """A word that training never saw, but the table has, gets its vector."""
    vocab = make_vocab(TABLE)
    part = word_modality(vocab, [["Paris"]], trainable=trainable)
    features = part.featurize_forms(["OBAMA", "unheard"], vocab)
    assert np.array_equal(features["vectors"][0].numpy(), vocab["obama"].vector)
    assert features["known"].tolist() == [True, False]
    assert features["rows"].tolist() == [0, 0]
    assert not features["vectors"][1].any()


@pytest.mark.parametrize(("form", "key"), [("24", "00"), ("@Obama", "obama"), ("#NYC", "nyc")])
def test_frozen_vectors_climb_the_whole_ladder(form, key):
    """Without trainable rows there is no row of a kind, so the nearest spelling is what is left."""
    vocab = make_vocab(TABLE)
    part = word_modality(vocab, [["Paris"]], trainable=False)
    features = part.featurize_forms([form], vocab)
    assert np.array_equal(features["vectors"][0].numpy(), vocab[key].vector)


def test_kinds_have_rows_of_their_own():
    vocab = make_vocab([*TABLE, "7"])
    texts = [["http://t.co/x", "@zyx", "@Obama", "24", "7"], ["7"]]
    part = word_modality(vocab, texts, trainable=True)
    features = part.featurize_forms(["http://other.com", "@obama", "99", "7"], vocab)
    rows = features["rows"].tolist()
    assert rows[:3] == [part.rows[URL], part.rows[USER], part.rows[NUMBER]]
    assert len(set(rows)) == 4
    # What the table has as it is written is no mere number.
    assert rows[3] == part.rows["7"]
    assert np.array_equal(features["vectors"][3].numpy(), vocab["7"].vector)
    assert not features["vectors"][:3].any()


def test_forms_need_the_minimum_frequency_in_the_table_or_not():
    vocab = make_vocab(TABLE)
    texts = [["zyx", "Zyx", "once", "Paris"], ["rose", "Rose"]]
    part = word_modality(vocab, texts, trainable=True, min_freq=2)
    assert set(part.rows) == {*KINDS, "zyx", "rose"}
    assert sorted(part.rows.values()) == [1, 2, 3, 4, 5]
    features = part.featurize_forms(["ZYX", "once", "ROSE", "Paris"], vocab)
    assert features["rows"].tolist() == [part.rows["zyx"], 0, part.rows["rose"], 0]
    assert features["known"].tolist() == [True, False, True, True]


def test_unknown_words():
    vocab = make_vocab(TABLE)
    made = {
        unknown: word_modality(vocab, [["rose"]], unknown=unknown)
        for unknown in ("zero", "random", "mask")
    }
    forms = ["rose", "zyx", "uvw"]
    random = made["random"].featurize_forms(forms, vocab)["vectors"]
    assert random[1].abs().max() <= 0.25
    assert random[1].abs().max() > 0.05
    assert not torch.equal(random[1], random[2])
    # The same wherever it occurs.
    again = made["random"].featurize_forms(["uvw", "zyx"], vocab)["vectors"]
    assert torch.equal(again, random[[2, 1]])
    for unknown in ("zero", "mask"):
        assert not made[unknown].featurize_forms(forms, vocab)["vectors"][1:].any()
    for unknown, present in (("zero", True), ("random", True), ("mask", False)):
        module = made[unknown].build(4).eval()
        _, mask = module(made[unknown].featurize_forms(forms, vocab))
        assert mask.tolist() == [True, present, present]


def test_an_untrained_row_is_the_tables_vector():
    vocab = make_vocab(TABLE)
    part = word_modality(vocab, [["rose"]], trainable=True)
    frozen = word_modality(vocab, [["rose"]], trainable=False)
    torch.manual_seed(0)
    trained_module = part.build(4).eval()
    torch.manual_seed(0)
    frozen_module = frozen.build(4).eval()
    frozen_module.transform.load_state_dict(trained_module.transform.state_dict())
    a, _ = trained_module(part.featurize_forms(["rose", "zyx"], vocab))
    b, _ = frozen_module(frozen.featurize_forms(["rose", "zyx"], vocab))
    assert torch.equal(a, b)


def test_word_dropout_makes_words_unknown():
    vocab = make_vocab(TABLE)
    part = word_modality(
        vocab, [["rose"]], trainable=True, unknown="mask", word_dropout=0.5, dropout=0.0
    )
    module = part.build(4).train()
    features = part.featurize_forms(["rose"] * 400, vocab)
    values, present = module(features)
    assert 0.4 < present.float().mean() < 0.6
    unknown = module.transform(torch.zeros(1, module.transform.linear.in_features))
    torch.testing.assert_close(values[~present], unknown.expand_as(values[~present]))
    assert module.eval()(features)[1].all()


def test_trainable_rows_train_and_the_table_stays():
    vocab = make_vocab()
    docs = make_docs(vocab)
    model = make_tagger(docs)
    table = vocab.vectors.data.copy()
    step(model, docs, Adam(0.1))
    residual = get_tagger(model).forms["word"].residual.weight
    assert not residual[0].any()
    rows = get_shim(model).blueprint.forms["word"].rows
    assert residual[rows["rose"]].any()
    assert np.array_equal(vocab.vectors.data, table)


def step(model, docs, sgd):
    output, backprop = model.begin_update(docs)
    allowed = torch.zeros(*output.mask.shape, get_decoder(model).n_tags, dtype=torch.bool)
    allowed[..., 1] = True
    loss = get_decoder(model).loss(output.emissions, output.mask, allowed).mean()
    backprop(loss)
    model.finish_update(sgd)
    return float(loss.detach())


@pytest.mark.parametrize("trainable", [True, False])
def test_without_vectors_a_warning_and_a_model_that_learns(trainable):
    docs = make_docs(Vocab(), images=False)
    word = {"@architectures": "spacy_mner.WordVectors.v1", "trainable": trainable, "min_freq": 1}
    word["default_width"] = 7
    with pytest.warns(UserWarning, match="MW001"):
        model = make_tagger(docs, modalities={"word": word})
    residual = get_tagger(model).forms["word"].residual.weight
    assert residual.shape[1] == 7
    sgd = Adam(0.05)
    losses = [step(model, docs, sgd) for _ in range(10)]
    assert losses[-1] < losses[0] / 2
    # Vectors that come later are not what the model was trained with: they are not read.
    expected = model.predict(docs).emissions
    later = make_docs(make_vocab(), images=False)
    torch.testing.assert_close(model.predict(later).emissions, expected)


def test_vectors_of_another_width_are_refused():
    model = make_tagger(make_docs())
    others = make_docs(make_vocab(width=9))
    with pytest.raises(ValueError, match=r"\[M003\].*width 9.*width 8"):
        model.predict(others)
    with pytest.raises(ValueError, match=r"\[M003\].*width 0"):
        model.predict(make_docs(Vocab()))


def floret_vocab(width=8):
    vocab = Vocab()
    rng = np.random.default_rng(0)
    vocab.vectors = Vectors(
        strings=vocab.strings,
        data=rng.normal(size=(50, width)).astype("float32"),
        mode="floret",
        hash_count=2,
        minn=3,
        maxn=4,
    )
    return vocab


@pytest.mark.parametrize("trainable", [True, False])
def test_floret_vectors(trainable):
    vocab = floret_vocab()
    part = word_modality(vocab, [["rose", "24"]], trainable=trainable)
    features = part.featurize_forms(["rose", "unheard"], vocab)
    for i, form in enumerate(("rose", "unheard")):
        np.testing.assert_allclose(
            features["vectors"][i].numpy(), vocab[form].vector, rtol=1e-5, atol=1e-6
        )
    assert features["known"].all()
    docs = make_docs(vocab)
    model = make_tagger(docs)
    expected = model.predict(docs).emissions
    other = make_tagger([], initialize=False).from_bytes(model.to_bytes())
    assert torch.equal(other.predict(docs).emissions, expected)


def test_state_does_not_depend_on_the_order_of_the_posts():
    vocab = make_vocab(TABLE)
    texts = [["rose", "zyx"], ["zyx", "Paris"], ["24"]]
    a = word_modality(vocab, texts, trainable=True)
    b = word_modality(vocab, texts[::-1], trainable=True)
    assert a.get_state() == b.get_state()
