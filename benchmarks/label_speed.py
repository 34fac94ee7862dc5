"""Labelling speed of `mner` next to others, in one run.

Every contestant is trained a little on the same posts, so that it finds about as many entities as there
are, and then labels the same posts in turns, so that a noisy machine is noisy for all. The best round of
each counts. `mner` writes its probabilities too; pictures' vectors are there already. For example:

    python benchmarks/label_speed.py TRAIN.spacy TEST.spacy VECTORS

with corpus/twitter2017/train.spacy, corpus/twitter2017/test.spacy and corpus/vectors.

flair takes part where it is installed.
"""

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer
from plain_pytorch import PlainContestant
from posts import read, tags_of, word_table, words
from spacy.tokens import Doc, DocBin
from spacy_pipelines import (
    NER_SIZES,
    labeller,
    make_pipeline,
    mner_config,
    ner_config,
    train_pipeline,
)
from turns import take_turns

from spacy_mner.extensions import set_extensions

ALL = "mner,mner-no-scores,ner-small,ner-large,plain,flair"


def main(
    train: Annotated[Path, typer.Argument(help="Training data in .spacy format")],
    test: Annotated[Path, typer.Argument(help="Posts to label, in .spacy format")],
    vectors: Annotated[str, typer.Argument(help="Pipeline with word vectors")],
    config: Annotated[Path, typer.Option(help="Config with mner")] = Path("configs/mner.cfg"),
    contestants: Annotated[str, typer.Option(help="Names with commas between")] = ALL,
    train_posts: Annotated[int, typer.Option(help="Posts to train on")] = 600,
    rounds: Annotated[int, typer.Option(help="Rounds of each contestant")] = 4,
    batch_size: Annotated[int, typer.Option(help="Posts to a batch")] = 128,
    threads: Annotated[int, typer.Option(help="Threads of torch")] = 2,
) -> None:
    """Print words per second, and how many times as fast as each other one `mner` is."""
    torch.set_num_threads(threads)
    set_extensions()
    names = [name.strip() for name in contestants.split(",")]
    if importlib.util.find_spec("flair") is None and "flair" in names:
        print("flair is not installed and does not take part")
        names.remove("flair")
    docs = read(test)
    n_words = sum(map(len, docs))
    some = read(train)[:train_posts]
    labellers: dict[str, Callable[[], int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "train.spacy"
        DocBin(docs=some, store_user_data=True).to_disk(part)
        for name in names:
            labellers[name] = make(name, part, some, docs, vectors, config, batch_size)
            print(f"{name}: ready", flush=True)
    turns = take_turns(labellers, rounds)
    print(f"\n{len(docs)} posts, {n_words} words, batches of {batch_size}, {threads} thread(s)")
    print(f"{'':16}{'words/s':>9}{'entities':>10}  mner is as fast")
    for name, result in turns.items():
        times = result.best / turns["mner"].best
        print(f"{name:16}{n_words / result.best:9,.0f}{result.result:10}  {times:.2f} times")


def make(
    name: str,
    train: Path,
    some: list[Doc],
    docs: list[Doc],
    vectors: str,
    config: Path,
    batch_size: int,
) -> Callable[[], int]:
    """A trained contestant, as a function that labels all posts."""
    if name in ("plain", "flair"):
        table, rows = word_table(vectors, [*some, *docs])
        posts, tags = [words(doc) for doc in some], [tags_of(doc) for doc in some]
        test = [words(doc) for doc in docs]
        if name == "plain":
            plain = PlainContestant(table, rows, posts, tags)
            for epoch in range(3):
                plain.train_epoch(16, epoch)
            return plain.labeller(test, batch_size)
        from flair_tagger import FlairContestant

        flair = FlairContestant(table, rows, posts, tags)
        for _ in range(3):
            flair.train_epoch(16)
        return flair.labeller(test, batch_size)
    if name in NER_SIZES:
        settings, factory = ner_config(*NER_SIZES[name]), "ner"
    else:
        settings, factory = {**mner_config(config), "scores": name == "mner"}, "mner"
    settings.pop("factory", None)
    nlp, examples, optimizer = make_pipeline(factory, settings, train, vectors)
    for _ in range(3):
        train_pipeline(nlp, examples, optimizer, 16)
    return labeller(nlp, docs, batch_size)


if __name__ == "__main__":
    typer.run(main)
