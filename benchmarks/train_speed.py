"""Training speed of `mner` next to spaCy's own `ner` and to a plain PyTorch model, in one run.

The contestants take turns epoch by epoch on the same posts, with the same word vectors and batches, so that
a noisy machine is noisy for all. The best epoch of each counts. For example:

    python benchmarks/train_speed.py corpus/twitter2017/train.spacy corpus/vectors
"""

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from plain_pytorch import PlainContestant
from posts import read, tags_of, word_table, words
from spacy_pipelines import NER_SIZES, make_pipeline, mner_config, ner_config, train_pipeline
from turns import take_turns

from spacy_mner.extensions import set_extensions


def main(
    train: Annotated[Path, typer.Argument(help="Training data in .spacy format")],
    vectors: Annotated[str, typer.Argument(help="Pipeline with word vectors")],
    config: Annotated[Path, typer.Option(help="Config with mner")] = Path("configs/mner.cfg"),
    epochs: Annotated[int, typer.Option(help="Epochs of each contestant")] = 3,
    batch_size: Annotated[int, typer.Option(help="Posts to a batch")] = 16,
    threads: Annotated[int, typer.Option(help="Threads of torch")] = 2,
) -> None:
    """Print posts per second, and how many times as fast as each other one `mner` is."""
    torch.set_num_threads(threads)
    set_extensions()
    n_posts = len(read(train))
    model = {"model": mner_config(config)["model"]}
    contestants = {
        "mner": pipeline_epoch("mner", model, train, vectors, batch_size),
        "ner-small": pipeline_epoch(
            "ner", ner_config(*NER_SIZES["ner-small"]), train, vectors, batch_size
        ),
        "plain": plain_epoch(train, vectors, batch_size),
    }

    def report_epoch(name: str, seconds: float) -> None:
        print(f"{name:10} {n_posts / seconds:7.0f} posts/s in this epoch", flush=True)

    turns = take_turns(contestants, epochs, after_turn=report_epoch)
    for name, result in turns.items():
        times = result.best / turns["mner"].best
        print(f"{name:10} {n_posts / result.best:7.0f} posts/s  mner is {times:.2f} times as fast")


def pipeline_epoch(
    factory: str, settings: dict[str, Any], train: Path, vectors: str, batch_size: int
) -> Callable[[], None]:
    """A function that trains a pipeline on all posts once, each time in another order."""
    nlp, examples, optimizer = make_pipeline(factory, settings, train, vectors)
    epochs = itertools.count()

    def train_epoch() -> None:
        random.Random(next(epochs)).shuffle(examples)
        train_pipeline(nlp, examples, optimizer, batch_size)

    return train_epoch


def plain_epoch(train: Path, vectors: str, batch_size: int) -> Callable[[], None]:
    """The same for the plain PyTorch model."""
    docs = read(train)
    table, rows = word_table(vectors, docs)
    posts, tags = [words(doc) for doc in docs], [tags_of(doc) for doc in docs]
    plain = PlainContestant(table, rows, posts, tags)
    epochs = itertools.count()
    return lambda: plain.train_epoch(batch_size, next(epochs))


if __name__ == "__main__":
    typer.run(main)
