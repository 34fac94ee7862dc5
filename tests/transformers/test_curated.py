"""The same encoder by way of spacy-curated-transformers, whose releases below 1.0 go with this Thinc."""

import json

import numpy as np
import pytest
import spacy

from spacy_mner.models.tagger import get_tagger
from spacy_mner.training.prepare_transformer import create_prepare_transformer_v1 as prepare

from ..pipeline.builders import blank, emissions, make_doc, make_examples, model_config, train
from .builders import MAX_LENGTH, WIDTH

LISTENER = {
    "@architectures": "spacy-curated-transformers.LastTransformerLayerListener.v1",
    "width": WIDTH,
    "pooling": {"@layers": "reduce_mean.v1"},
    "upstream": "transformer",
    "grad_factor": 1.0,
}


@pytest.fixture(scope="module")
def nlp(encoder_dir):
    pytest.importorskip(
        "spacy_curated_transformers", reason="spacy-curated-transformers is not installed"
    )
    # Its loader takes the weights alone, so the architecture has to be the one that they are of.
    hf_config = json.loads((encoder_dir / "config.json").read_text("utf8"))
    model = {
        "@architectures": "spacy-curated-transformers.BertTransformer.v1",
        "vocab_size": hf_config["vocab_size"],
        "hidden_width": hf_config["hidden_size"],
        "intermediate_width": hf_config["intermediate_size"],
        "num_attention_heads": hf_config["num_attention_heads"],
        "num_hidden_layers": hf_config["num_hidden_layers"],
        "max_position_embeddings": hf_config["max_position_embeddings"],
        "model_max_length": MAX_LENGTH,
        "piece_encoder": {"@architectures": "spacy-curated-transformers.BertWordpieceEncoder.v1"},
        "with_spans": {
            "@architectures": "spacy-curated-transformers.WithStridedSpans.v1",
            "stride": 12,
            "window": 16,
        },
    }
    nlp = blank()
    nlp.add_pipe("curated_transformer", name="transformer", config={"model": model})
    nlp.add_pipe("mner", config={"model": model_config(tok2vec=LISTENER, learn_rate_factor=2.0)})
    loaders = {
        "encoder_loader": "spacy-curated-transformers.HFTransformerEncoderLoader.v1",
        "piecer_loader": "spacy-curated-transformers.HFPieceEncoderLoader.v1",
    }
    nlp.config["initialize"]["components"]["transformer"] = {
        key: {"@model_loaders": loader, "name": str(encoder_dir)} for key, loader in loaders.items()
    }
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    return nlp


def test_context_counts(nlp):
    assert get_tagger(nlp.get_pipe("mner").model).modality_names[-1] == "context"
    doc = nlp.get_pipe("transformer")(make_doc(nlp, "Ann met xyz"))
    weights = nlp.get_pipe("mner").model.predict([doc]).weights[0, :, -1]
    assert (weights > 0).all()


def test_survives_saving(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    texts = ["Ann met Bob in Oslo", "Acme works with " + "Carl and " * 15 + "Daisy"]
    both = []
    for pipeline in (nlp, loaded):
        docs = list(pipeline.get_pipe("transformer").pipe([make_doc(pipeline, t) for t in texts]))
        both.append(emissions(pipeline, docs))
    np.testing.assert_allclose(*both, atol=1e-6)


def test_prepared_as_far_as_it_can_be(nlp):
    """Nothing of it is Hugging Face's; the error says what to turn off, and then it works."""
    with pytest.raises(ValueError, match=r"\[M170\].*url = null.*split_words = false"):
        prepare()(nlp)
    unread = {"url": None, "mention": None, "split_words": False}
    with pytest.raises(ValueError, match=r"\[M173\].*drop_last_layers = 0"):
        prepare(**unread, drop_last_layers=1)(nlp)
    with pytest.raises(ValueError, match=r"\[M171\].*freeze_embeddings = false"):
        prepare(**unread)(nlp)
    assert prepare(**unread, freeze_embeddings=False)(nlp) is nlp


@pytest.mark.xfail(
    np.lib.NumpyVersion(np.__version__) >= "2.4.0",
    reason="0.3.1 makes a float of an array with one value, which NumPy 2.4 refuses",
    raises=TypeError,
    strict=True,
)
@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")
def test_fine_tuned(nlp):
    losses = train(nlp, make_examples(nlp), steps=60)
    assert losses[-1] < 0.5 * losses[0]
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
