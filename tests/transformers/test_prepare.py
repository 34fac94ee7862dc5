"""What is done to an encoder before it is fine-tuned."""

import copy
import warnings

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_mner.training.prepare_transformer import _drop_last_layers
from spacy_mner.training.prepare_transformer import create_prepare_transformer_v1 as prepare

from ..pipeline.builders import blank, make_doc, make_examples, model_config, train
from .builders import make_transformer_nlp, own_layer, save_encoder

torch = pytest.importorskip("torch")

# Short enough for the tiny encoder's window of 24 sub-tokens.
POST = "Ann @bo at http://t.co @ x"


def pieces(nlp, doc):
    """The sub-tokens of each token of a post."""
    doc = nlp.get_pipe("transformer")(doc)
    strings = doc._.trf_data.wordpieces.strings[0]
    return [[strings[i] for i in doc._.trf_data.align[n].data.ravel()] for n in range(len(doc))]


@pytest.fixture(scope="module")
def plain(encoder_dir):
    """Tests must not change it."""
    return make_transformer_nlp(encoder_dir)


@pytest.fixture(scope="module")
def prepared(encoder_dir):
    """The same, prepared in the way that is the default. Tests must not change it."""
    return prepare()(make_transformer_nlp(encoder_dir))


def test_one_word_for_each(plain, prepared):
    doc = make_doc(plain, POST)
    before = pieces(plain, doc.copy())
    after = pieces(prepared, make_doc(prepared, POST))
    assert [doc[i].text for i in range(len(doc)) if before[i] != after[i]] == ["@bo", "http://t.co"]
    assert after[3] == ["h", "##t", "##t", "##p"]
    assert after[1] == ["@", "u", "##s", "##e", "##r"]


def test_each_can_stay(encoder_dir):
    nlp = make_transformer_nlp(encoder_dir)
    doc = make_doc(nlp, POST)
    before = pieces(nlp, doc.copy())
    assert pieces(prepare(url=None, mention=None, split_words=False)(nlp), doc.copy()) == before
    after = pieces(prepare(mention=None)(nlp), doc.copy())
    assert after[1] == before[1]
    assert after[3] != before[3]


@pytest.mark.parametrize("text", ["me@user.com", "@ ann", "http", "http : //t.co", "a @@ b"])
def test_leaves_the_rest(plain, prepared, text):
    before = pieces(plain, make_doc(plain, text))
    assert pieces(prepared, make_doc(prepared, text)) == before


def test_twice_is_once(encoder_dir):
    nlp = prepare()(make_transformer_nlp(encoder_dir))
    doc = make_doc(nlp, POST)
    once = pieces(nlp, doc.copy())
    assert pieces(prepare()(nlp), doc.copy()) == once


def test_context_no_longer_depends_on_the_address(prepared):
    nlp = prepared
    vectors = []
    for address in ("http://t.co/a", "http://t.co/bbbbbbbbbbbbbbbbbbbbbbbbbbbb"):
        doc = nlp.get_pipe("transformer")(Doc(nlp.vocab, words=["Ann", address, "met"]))
        vectors.append(nlp.get_pipe("mner").model.get_ref("tok2vec").predict([doc])[0])
    np.testing.assert_array_equal(*vectors)


def test_runs_after_init_and_is_saved(encoder_dir, tmp_path):
    nlp = make_transformer_nlp(encoder_dir, initialize=False)
    nlp.config["initialize"]["after_init"] = {"@callbacks": "spacy_mner.prepare_transformer.v1"}
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    doc = make_doc(nlp, POST)
    expected = pieces(nlp, doc.copy())
    assert expected[3] == ["h", "##t", "##t", "##p"]
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert pieces(loaded, make_doc(loaded, POST)) == expected


def test_encoder_of_its_own(encoder_dir):
    """The encoder as a layer of `mner`."""
    nlp = blank()
    nlp.add_pipe("mner", config={"model": model_config(tok2vec=own_layer(encoder_dir))})
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    mner = nlp.get_pipe("mner")

    def context(address):
        doc = Doc(nlp.vocab, words=["Ann", address])
        return mner.model.get_ref("tok2vec").predict([doc])[0]

    assert not np.array_equal(context("http://a"), context("http://b"))
    prepare()(nlp)
    np.testing.assert_array_equal(context("http://a"), context("http://b"))


def test_nothing_to_shorten_for(encoder_dir):
    nlp = blank()
    nlp.add_pipe("sentencizer")
    with pytest.raises(ValueError, match=r"\[M170\].*sentencizer"):
        prepare()(nlp)
    nothing = {"url": None, "mention": None, "split_words": False}
    with pytest.raises(ValueError, match=r"\[M171\].*sentencizer"):
        prepare(**nothing)(nlp)
    with pytest.raises(ValueError, match=r"\[M172\].*sentencizer"):
        prepare(**nothing, freeze_embeddings=False, cpu_bfloat16=True)(nlp)
    assert prepare(**nothing, freeze_embeddings=False)(nlp) is nlp


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("AnnArborLake", "Ann Arbor Lake"),
        ("FinalsÉtéTour", "Finals Été Tour"),
        ("realAnnSmith2", "real Ann Smith2"),
        ("ann", "ann"),
        ("ANNArbor", "ANNArbor"),
        ("McAnn", "McAnn"),
        ("iPad", "iPad"),
        ("#AnnArborLake", "#AnnArborLake"),
        ("#x1_AnnArbor", "#x1_AnnArbor"),
    ],
)
def test_words_are_cut_at_capitals(plain, prepared, word, read):
    (before,) = pieces(plain, Doc(plain.vocab, words=[word]))
    (after,) = pieces(prepared, Doc(prepared.vocab, words=[word]))
    tokenizer = prepared.get_pipe("transformer").model.tokenizer
    assert after == tokenizer.tokenize(read)
    assert (after == before) == (word == read)


def encoder_of(nlp):
    """The torch module of the component `transformer`."""
    return nlp.get_pipe("transformer").model.transformer


@pytest.mark.parametrize("freeze", [True, False])
def test_embeddings_are_frozen(encoder_dir, tmp_path, freeze):
    nlp = prepare(freeze_embeddings=freeze)(make_transformer_nlp(encoder_dir))
    before = copy.deepcopy(encoder_of(nlp).state_dict())
    train(nlp, make_examples(nlp), steps=2)
    nlp.to_disk(tmp_path)
    after = encoder_of(spacy.load(tmp_path)).state_dict()
    same = {name for name in before if before[name].equal(after[name])}
    assert ("embeddings.word_embeddings.weight" in same) is freeze
    assert "embeddings.position_embeddings.weight" not in same
    assert "encoder.layer.0.output.dense.weight" not in same


def test_last_layers_are_left_out(tmp_path):
    """The context is then what the layer below gives; saved and loaded, too."""
    folder = save_encoder(tmp_path / "encoder", layers=3)
    nlp = make_transformer_nlp(folder)
    ids = torch.tensor([[2, 10, 12, 3]])
    with torch.inference_mode():
        expected = encoder_of(nlp).eval()(input_ids=ids, output_hidden_states=True).hidden_states[1]
    prepare(drop_last_layers=2)(nlp)
    nlp.to_disk(tmp_path / "nlp")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # spacy-transformers warns of weights that do not fit
        loaded = spacy.load(tmp_path / "nlp")
    for encoder in (encoder_of(nlp), encoder_of(loaded), copy.deepcopy(encoder_of(nlp))):
        with torch.inference_mode():
            found = encoder.eval()(input_ids=ids).last_hidden_state
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    train(loaded, make_examples(loaded), steps=1)


def test_no_layer_is_left_out_twice(tmp_path):
    """Who trains a trained pipeline once more sources its encoder, with the same config."""
    nlp = make_transformer_nlp(save_encoder(tmp_path / "encoder", layers=4))
    layers = []
    for count in (1, 1, 2, 1):
        prepare(drop_last_layers=count)(nlp)
        nlp.to_disk(tmp_path / "nlp")
        nlp = spacy.load(tmp_path / "nlp")
        layers.append(len(encoder_of(nlp).encoder.layer))
    assert layers == [3, 3, 2, 2]


@pytest.mark.parametrize("count", [2, 3, -1])
def test_one_layer_at_least_stays(encoder_dir, count):
    nlp = make_transformer_nlp(encoder_dir)
    with pytest.raises(ValueError, match=rf"\[M173\] drop_last_layers = {count} .*has 2\."):
        prepare(drop_last_layers=count)(nlp)


def test_layers_of_what(encoder_dir):
    nlp = blank()
    nlp.add_pipe("sentencizer")
    nothing = {"url": None, "mention": None, "split_words": False, "freeze_embeddings": False}
    with pytest.raises(ValueError, match=r"\[M173\].*no encoder has a list"):
        prepare(**nothing, drop_last_layers=1)(nlp)


@pytest.mark.parametrize(
    "family", ["Bert", "Roberta", "DistilBert", "DebertaV2", "Electra", "MPNet", "ModernBert"]
)
def test_layers_of_other_encoders(family):
    """Whatever their list of layers is called."""
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "vocab_size": 30}
    config = getattr(transformers, f"{family}Config")(**small, pad_token_id=0)
    encoder = getattr(transformers, f"{family}Model")(config).eval()
    ids = torch.tensor([[2, 10, 12, 3]])
    with torch.inference_mode():
        expected = encoder(input_ids=ids, output_hidden_states=True).hidden_states[2]
        _drop_last_layers([encoder], 1)
        found = encoder(input_ids=ids, output_hidden_states=True).hidden_states
    assert len(found) == 3
    if family != "ModernBert":  # it normalizes what comes last
        torch.testing.assert_close(found[2], expected)


def test_bfloat16_on_the_cpu(encoder_dir):
    nlp = make_transformer_nlp(encoder_dir)
    doc = make_doc(nlp, POST)

    def context():
        return nlp.get_pipe("transformer")(doc.copy())._.trf_data.model_output.last_hidden_state

    exact = context()
    prepare(url=None, mention=None, split_words=False, cpu_bfloat16=True)(nlp)
    rounded = context()
    assert rounded.dtype == np.float32
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(exact, rounded, atol=0.05)
    before = copy.deepcopy(encoder_of(nlp).state_dict())
    train(nlp, make_examples(nlp), steps=2)
    for name, value in encoder_of(nlp).state_dict().items():
        assert value.dtype == before[name].dtype
    assert not before["encoder.layer.0.output.dense.weight"].equal(
        encoder_of(nlp).state_dict()["encoder.layer.0.output.dense.weight"]
    )


def test_bfloat16_ends_with_the_encoder(encoder_dir):
    """Also where the encoder fails, and in a copy of it."""
    nlp = prepare(cpu_bfloat16=True)(make_transformer_nlp(encoder_dir))
    for encoder in (encoder_of(nlp), copy.deepcopy(encoder_of(nlp))):
        ids = torch.tensor([[2, 3]])
        assert encoder(input_ids=ids)[0].dtype == torch.float32
        with pytest.raises(IndexError):
            encoder(input_ids=torch.tensor([[10_000]]))
        assert not torch.is_autocast_enabled("cpu")
