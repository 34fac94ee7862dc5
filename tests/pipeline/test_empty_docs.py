"""Docs without tokens between others, with a tok2vec listener that counts every doc."""

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..util import PARTS, WORDS, make_docs

WIDTH = 8
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": WIDTH,
    "depth": 1,
    "embed_size": 50,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "tok2vec"}


def make_pipeline(*, listen: bool) -> Language:
    nlp = spacy.blank("en")
    for word in WORDS:
        nlp.vocab.set_vector(word, np.ones(WIDTH, dtype=np.float32))
    # Nothing at random: an empty doc may draw numbers, too.
    modalities = {name: {**PARTS[name], "dropout": 0.0} for name in ("word", "char", "image")}
    modalities["word"]["word_dropout"] = 0.0
    model = {"modalities": modalities, "post_dropout": {"image": 0.0}}
    if listen:
        nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
        model["tok2vec"] = LISTENER
    nlp.add_pipe("mner", config={"model": model})
    return nlp


def make_example(doc: Doc) -> Example:
    reference = doc.copy()
    if len(doc):
        reference.ents = [Span(reference, 0, 1, label="PER")]
    return Example(doc, reference)


@pytest.mark.parametrize("listen", [True, False], ids=["listener", ""])
@pytest.mark.parametrize("place", [0, 2, 5])
def test_an_empty_doc_changes_no_loss(listen, place):
    losses = []
    for with_empty in (False, True):
        nlp = make_pipeline(listen=listen)
        examples = [make_example(doc) for doc in make_docs(nlp.vocab)]
        spacy.util.fix_random_seed(0)
        sgd = nlp.initialize(lambda examples=examples: examples)
        if with_empty:
            examples.insert(place, make_example(Doc(nlp.vocab)))
        losses.append([nlp.update(examples, sgd=sgd)["mner"] for _ in range(3)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert losses[0][2] < losses[0][0]


@pytest.mark.parametrize("listen", [True, False], ids=["listener", ""])
def test_only_empty_docs(listen):
    nlp = make_pipeline(listen=listen)
    examples = [make_example(doc) for doc in make_docs(nlp.vocab)]
    sgd = nlp.initialize(lambda: examples)
    empty = [make_example(Doc(nlp.vocab)) for _ in range(2)]
    assert nlp.update(empty, sgd=sgd)["mner"] == 0.0
    assert nlp.update(examples, sgd=sgd)["mner"] > 0.0
    assert [len(doc) for doc in nlp.pipe(["", "Rose sees Paris", ""])] == [0, 3, 0]
