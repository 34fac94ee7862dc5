"""Training speed of `mner` next to spaCy's own small `ner`, in one run.

The contestants take turns epoch by epoch on the same posts, with the same word vectors, batches and
optimizer, so that a noisy machine is noisy for both. The best epoch of each counts. For example:

    python benchmarks/train_speed.py corpus/twitter2017/train.spacy corpus/vectors
"""

import random
import time
from pathlib import Path
from typing import Annotated, Any

import spacy
import torch
import typer
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_model, minibatch
from thinc.api import Adam, Config

from spacy_mner.training.corpus import create_corpus_v1

# spaCy's `ner` as its quickstart makes it for CPU: tok2vec width 96, depth 4, static vectors.
SMALL_NER = """
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
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""


def main(
    train: Annotated[Path, typer.Argument(help="Training data in .spacy format")],
    vectors: Annotated[str, typer.Argument(help="Pipeline with word vectors")],
    config: Annotated[Path, typer.Option(help="Config with mner")] = Path("configs/mner.cfg"),
    epochs: Annotated[int, typer.Option(help="Epochs of each contestant")] = 3,
    batch_size: Annotated[int, typer.Option(help="Posts to a batch")] = 16,
    threads: Annotated[int, typer.Option(help="Threads of torch")] = 2,
) -> None:
    """Print posts per second and the ratio."""
    torch.set_num_threads(threads)
    settings = Config().from_disk(config)["components"]["mner"]
    contestants = {
        "ner": make("ner", {"model": Config().from_str(SMALL_NER)["model"]}, train, vectors),
        "mner": make("mner", {"model": settings["model"]}, train, vectors),
    }
    best: dict[str, float] = dict.fromkeys(contestants, 0.0)
    for epoch in range(epochs):
        for name, (nlp, examples, optimizer) in contestants.items():
            random.Random(epoch).shuffle(examples)
            speed = train_epoch(nlp, examples, optimizer, batch_size)
            best[name] = max(best[name], speed)
            print(f"epoch {epoch}  {name:5} {speed:7.0f} posts/s", flush=True)
    print(f"mner trains {best['mner'] / best['ner']:.2f} times as fast as ner")


def make(
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


def train_epoch(nlp: Language, examples: list[Example], optimizer: Any, batch_size: int) -> float:
    """Train on all examples once. RETURNS (float): posts per second."""
    # Predicted docs are annotated by nothing in training, but ner keeps alignments on the example.
    start = time.perf_counter()
    for batch in minibatch(examples, batch_size):
        nlp.update(batch, sgd=optimizer, drop=0.35)
    return len(examples) / (time.perf_counter() - start)


if __name__ == "__main__":
    typer.run(main)
