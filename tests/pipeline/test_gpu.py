"""What was learnt on a GPU is saved there, loaded on the CPU, and finds the same."""

import pytest
import spacy
from thinc.api import Adam, prefer_gpu, require_cpu

from spacy_mner.models.tagger import get_tagger

from .builders import SENTENCES, entities, make_doc, make_examples, make_nlp, picture, train


def find(nlp):
    """The entities of the four posts, and their scores."""
    docs = list(nlp.pipe(make_doc(nlp, text, image=picture()) for text, _ in SENTENCES))
    scores = [float(ent._.score) for doc in docs for ent in doc.ents]
    return [entities(doc) for doc in docs], scores


def is_on_gpu(nlp):
    return next(get_tagger(nlp.get_pipe("mner").model).parameters()).is_cuda


@pytest.mark.gpu
def test_trained_on_a_gpu_and_loaded_on_the_cpu(tmp_path):
    assert prefer_gpu()
    try:
        nlp = make_nlp()
        assert is_on_gpu(nlp)
        train(nlp, make_examples(nlp), steps=60, optimizer=Adam(0.01))
        assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
        found, scores = find(nlp)
        assert is_on_gpu(nlp)
        nlp.to_disk(tmp_path / "model")
    finally:
        require_cpu()
    loaded = spacy.load(tmp_path / "model")
    assert not is_on_gpu(loaded)
    assert loaded.evaluate(make_examples(loaded))["ents_f"] == 1.0
    again, scores_again = find(loaded)
    assert again == found
    assert scores_again == pytest.approx(scores, abs=1e-3)
