"""The spaCy pipelines that take part: `mner`, and spaCy's own `ner` in its two settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model, minibatch
from thinc.api import Adam, Config

from spacy_mner.training.corpus import create_corpus_v1

# spaCy's `ner` as its quickstart makes it for CPU: width 96, depth 4 ("efficiency"), and with the
# settings for accuracy: width 256, depth 8. Both read static vectors.
NER_SIZES = {"ner-small": (96, 4), "ner-large": (256, 8)}
NER = """
[model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 64
maxout_pieces = 2
use_upper = true

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = true
width = {width}
depth = {depth}
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""


def ner_config(width: int, depth: int) -> dict[str, Any]:
    """Settings of the factory `ner`."""
    return {"model": Config().from_str(NER.format(width=width, depth=depth))["model"]}


def mner_config(path: Path) -> dict[str, Any]:
    """Settings of the factory `mner` from a training config."""
    return dict(Config().from_disk(path)["components"]["mner"])


def make_pipeline(
    factory: str, config: dict[str, Any], train: Path, vectors: str
) -> tuple[Language, list[Example], Adam]:
    """An initialized pipeline, its examples and its optimizer."""
    nlp = spacy.blank("en")
    nlp.vocab.vectors = load_model(vectors).vocab.vectors
    nlp.add_pipe(factory, config=config)
    examples = list(create_corpus_v1(train)(nlp))
    optimizer = Adam(0.003, beta1=0.9, beta2=0.99, grad_clip=5.0, L2=0.0)
    nlp.initialize(lambda: examples, sgd=optimizer)
    return nlp, examples, optimizer


def train_pipeline(
    nlp: Language, examples: list[Example], optimizer: Adam, batch_size: int
) -> None:
    """One epoch."""
    for batch in minibatch(examples, batch_size):
        nlp.update(batch, sgd=optimizer, drop=0.35)


def labeller(nlp: Language, docs: list[Doc], batch_size: int) -> Callable[[], int]:
    """A function that labels all posts anew. RETURNS: number of entities."""

    def label() -> int:
        blank = []
        for doc in docs:
            new = Doc(
                nlp.vocab,
                words=[token.text for token in doc],
                spaces=[bool(token.whitespace_) for token in doc],
            )
            new._.image_vec = doc._.image_vec
            blank.append(new)
        return sum(len(doc.ents) for doc in nlp.pipe(blank, batch_size=batch_size))

    return label
