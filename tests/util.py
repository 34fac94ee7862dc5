"""Docs, tables of vectors and taggers, built by hand for the tests of the model."""

from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
import spacy
from spacy.lang.lex_attrs import LEX_ATTRS
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Config, Model, fix_random_seed

from spacy_mner.extensions import set_extensions
from spacy_mner.models.tagger import set_labels

set_extensions()

WIDTH = 6
IMAGE_WIDTH = 5
LABELS = ["LOC", "PER"]
WORDS = ["rose", "paris", "sees", "a", "in", "the", "the", "daisy", "party", "nyc", "00"]
TEXTS = [
    ["Rose", "sees", "Paris"],
    ["a", "rose", "in", "#NYC", "http://t.co/x", "@daisy"],
    ["sooooo", "DAISY"],
    ["party"],
    ["the", "party", "in", "the", "party", "24", "??", "Zyx", "Zyx"],
]

PARTS: Dict[str, Any] = {
    "word": {"@architectures": "spacy_mner.WordVectors.v1", "trainable": True, "shape_width": 3},
    "char": {
        "@architectures": "spacy_mner.CharBiLSTM.v1",
        "embed_width": 4,
        "hidden_width": 3,
        "min_freq": 1,
    },
    "image": {"@architectures": "spacy_mner.ImageVectors.v1"},
    "fusion": {"@architectures": "spacy_mner.ModalityAttention.v1"},
    "encoder": {"@architectures": "spacy_mner.BiLSTM.v1", "hidden_width": 4},
    "decoder": {"@architectures": "spacy_mner.CRF.v1"},
}


def make_vocab(words: Sequence[str] = WORDS, width: int = 8, seed: int = 0) -> Vocab:
    """A vocab with random vectors (len(words), width)."""
    vocab = Vocab(lex_attr_getters=LEX_ATTRS)
    rng = np.random.default_rng(seed)
    for word in dict.fromkeys(words):
        vocab.set_vector(word, rng.normal(size=width).astype("float32"))
    return vocab


def make_docs(vocab: Optional[Vocab] = None, *, images: bool = True, seed: int = 0) -> List[Doc]:
    """A few posts; every second one has a picture, one of them of two regions."""
    vocab = make_vocab() if vocab is None else vocab
    rng = np.random.default_rng(seed)
    docs = [Doc(vocab, words=words) for words in TEXTS]
    if images:
        for i, shape in ((0, (IMAGE_WIDTH,)), (2, (2, IMAGE_WIDTH)), (4, (IMAGE_WIDTH,))):
            docs[i]._.image_vec = rng.normal(size=shape).astype("float32")
    return docs


def resolve(block: Dict[str, Any]) -> Any:
    """Make a registered part from its block of config."""
    return spacy.registry.resolve({"part": block})["part"]


def make_tagger(
    docs: Sequence[Doc],
    *,
    labels: Sequence[str] = LABELS,
    modalities: Union[Sequence[str], Dict[str, Any]] = ("word", "char", "image"),
    initialize: bool = True,
    seed: int = 0,
    **overrides: Any,
) -> Model:
    """A small tagger.

    labels (Sequence[str]): entity labels.
    modalities (Union[Sequence[str], Dict[str, Any]]): names in `PARTS`, or blocks by name.
    overrides (Any): blocks of config or values of `MultimodalTagger.v1`.
    """
    fix_random_seed(seed)
    block = {
        "@architectures": "spacy_mner.MultimodalTagger.v1",
        "width": WIDTH,
        "modalities": (
            modalities
            if isinstance(modalities, dict)
            else {name: PARTS[name] for name in modalities}
        ),
        "fusion": PARTS["fusion"],
        "encoder": PARTS["encoder"],
        "decoder": PARTS["decoder"],
        **overrides,
    }
    model = resolve(Config({"model": block})["model"])
    if initialize:
        set_labels(model, labels)
        # Every second post holds the first label, and so on: enough for a fit.
        held = np.eye(2, len(labels), dtype="float32")[np.arange(len(docs)) // 2 % 2]
        model.initialize(X=list(docs), Y=held)
    return model
