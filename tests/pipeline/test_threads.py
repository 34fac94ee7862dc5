"""One pipeline, several threads."""

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spacy_mner.models.tagger import get_shim

from .builders import SENTENCES, WORDS, make_doc, make_examples, make_nlp, model_config, train

N_THREADS = 4


@pytest.fixture(scope="module")
def trained():
    # A small cache is emptied all the time, so that slots change under whoever does not hold it.
    nlp = make_nlp(model=model_config(cache_size=40))
    train(nlp, make_examples(nlp), steps=20)
    return nlp


@pytest.fixture
def _switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def make_texts(n=400):
    """Posts with words of their own, so that every thread computes and stores forms."""
    rng = np.random.default_rng(0)
    sentences = [text for text, _ in SENTENCES]
    return [
        f"{sentences[i % len(sentences)]} {rng.choice(WORDS)} {rng.choice(WORDS).title()}{i % 90}"
        for i in range(n)
    ]


def found(doc):
    return [(ent.text, ent.label_, pytest.approx(ent._.score, abs=1e-4)) for ent in doc.ents]


@pytest.mark.usefixtures("_switch_often")
@pytest.mark.parametrize("stream", [False, True], ids=["call", "pipe"])
def test_threads_predict_what_one_would(trained, stream):
    texts = make_texts()

    def predict(part):
        docs = [make_doc(trained, text) for text in part]
        if stream:
            return [found(doc) for doc in trained.pipe(docs, batch_size=4)]
        return [found(trained(doc)) for doc in docs]

    expected = predict(texts)
    assert sum(map(len, expected)) > 300
    parts = [texts[i::N_THREADS] for i in range(N_THREADS)]
    with ThreadPoolExecutor(N_THREADS) as pool:
        results = list(pool.map(predict, parts))
    for i, result in enumerate(results):
        assert result == expected[i::N_THREADS]


def test_a_copy_has_a_lock_of_its_own(trained):
    model = trained.get_pipe("mner").model
    shim = get_shim(model)
    others = [
        get_shim(model.copy()),
        copy.deepcopy(shim),
        pickle.loads(pickle.dumps(shim)),
        get_shim(pickle.loads(pickle.dumps(trained)).get_pipe("mner").model),
    ]
    for other in others:
        assert other.lock is not shim.lock
        with shim.lock, other.lock:
            pass
