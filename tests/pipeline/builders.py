"""Small pipelines, posts and examples, made by hand."""

from copy import deepcopy
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vectors import Vectors
from thinc.api import Optimizer, fix_random_seed

IMAGE_WIDTH = 6
VECTOR_WIDTH = 12
# fmt: off
WORDS = [
    "ann", "bob", "carl", "daisy", "oslo", "rome", "paris", "acme", "corp", "met", "in", "at", "the",
    "on", "a", "likes", "visits", "works", "for", "and", "table", "with", "java", "cup",
]
# fmt: on

MODEL: Dict[str, Any] = {
    "@architectures": "spacy_mner.MultimodalTagger.v1",
    "width": 24,
    "tok2vec": None,
    "modalities": {
        "word": {
            "@architectures": "spacy_mner.WordVectors.v1",
            "trainable": True,
            "word_dropout": 0.0,
            "dropout": None,
        },
        "char": {
            "@architectures": "spacy_mner.CharCNN.v1",
            "embed_width": 8,
            "n_filters": 8,
        },
        "image": {
            "@architectures": "spacy_mner.ImageVectors.v1",
            "standardize": False,
            "rank": None,
            "dropout": None,
        },
    },
    # The picture is a modality here, in place of the default config's evidence.
    "post_dropout": {"image": 0.0},
    "fusion": {"@architectures": "spacy_mner.ModalityAttention.v1"},
    "encoder": {"@architectures": "spacy_mner.BiLSTM.v1", "hidden_width": 16},
    "decoder": {"@architectures": "spacy_mner.CRF.v1"},
    "evidence": None,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "*"}
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 16,
    "depth": 1,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}

SENTENCES = (
    ("Ann met Bob in Oslo", "B-PER O B-PER O B-LOC"),
    ("Acme Corp works for Carl", "B-ORG I-ORG O O B-PER"),
    ("the table in Rome", "O O O B-LOC"),
    ("Daisy visits Paris with Acme", "B-PER O B-LOC O B-ORG"),
)


def blank(*, vectors: bool = True) -> Language:
    """An English pipeline, with vectors for `WORDS`."""
    nlp = spacy.blank("en")
    if vectors:
        set_vectors(nlp, VECTOR_WIDTH)
    return nlp


def set_vectors(nlp: Language, width: int) -> None:
    data = np.random.default_rng(0).normal(size=(len(WORDS), width)).astype("float32")
    nlp.vocab.vectors = Vectors(data=data, keys=WORDS, strings=nlp.vocab.strings)


def model_config(**changes: Any) -> Dict[str, Any]:
    """The small model, with parts exchanged: `decoder={...}`; None takes one away."""
    return {**deepcopy(MODEL), **changes}


def make_doc(nlp: Language, text: str, tags: Optional[str] = None, *, image: Any = None) -> Doc:
    words = text.split()
    doc = Doc(nlp.vocab, words=words, ents=None if tags is None else tags.split())
    doc._.image_vec = image
    return doc


def make_example(nlp: Language, text: str, tags: str, *, image: Any = None) -> Example:
    """The predicted doc has the picture, as after `spacy_mner.Corpus.v1`."""
    return Example(make_doc(nlp, text, image=image), make_doc(nlp, text, tags, image=image))


def picture(seed: int = 0, *, regions: Optional[int] = None) -> np.ndarray:
    shape = (IMAGE_WIDTH,) if regions is None else (regions, IMAGE_WIDTH)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def make_examples(nlp: Language) -> List[Example]:
    """Four posts; every other one has a picture."""
    return [
        make_example(nlp, text, tags, image=picture(i) if i % 2 == 0 else None)
        for i, (text, tags) in enumerate(SENTENCES)
    ]


def make_nlp(
    *,
    vectors: bool = True,
    examples: Optional[Sequence[Example]] = None,
    initialize: bool = True,
    model: Optional[Dict[str, Any]] = None,
    **config: Any,
) -> Language:
    """A pipeline with the small `mner`, initialized with the four posts."""
    fix_random_seed(0)
    nlp = blank(vectors=vectors)
    nlp.add_pipe("mner", config={"model": model or MODEL, **config})
    if initialize:
        egs = make_examples(nlp) if examples is None else list(examples)
        nlp.initialize(lambda: egs)
    return nlp


def copy_nlp(trained: Language, **config: Any) -> Language:
    """The same weights in a pipeline of its own, which a test may change.

    config (Any): settings of `mner`, in place of the trained pipeline's.
    """
    return make_nlp(initialize=False, **config).from_bytes(trained.to_bytes())


def train(
    nlp: Language,
    examples: Sequence[Example],
    *,
    steps: int = 40,
    learn_rate: float = 0.01,
    optimizer: Optional[Optimizer] = None,
    drop: float = 0.0,
) -> List[float]:
    """Train on all examples at each step; returns the losses."""
    sgd = optimizer or nlp.create_optimizer()
    if optimizer is None:
        sgd.learn_rate = learn_rate
    losses = []
    for _ in range(steps):
        # As `spacy train` does: fresh predicted docs at each step.
        copies = [Example(eg.predicted.copy(), eg.reference) for eg in examples]
        loss: Dict[str, float] = {}
        nlp.update(copies, sgd=sgd, losses=loss, drop=drop)
        losses.append(loss["mner"])
    return losses


def entities(doc: Doc) -> List[tuple]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def emissions(nlp: Language, docs: Sequence[Doc]) -> np.ndarray:
    """The raw scores of the tags (B, T, L)."""
    return nlp.get_pipe("mner").model.predict(list(docs)).emissions.detach().numpy()
