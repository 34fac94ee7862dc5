"""What is won when srsly's registries of codecs are not searched for every message.

Labelling in this process and in others (a post goes there and back as bytes), and reading posts from a
file, with plain registries and with ours. Both take turns; the best round of each counts. For example:

    python benchmarks/codecs_speed.py training/model-last corpus/test.spacy

How long a search takes depends on how many packages are installed.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import spacy
import srsly
import torch
import typer
from catalogue import Registry
from posts import label, read, text
from turns import take_turns

from spacy_mner.codecs import RememberingRegistry
from spacy_mner.extensions import set_extensions

KINDS = {"plain": Registry, "remembering": RememberingRegistry}


def main(
    model: Annotated[Path, typer.Argument(help="Trained pipeline")],
    posts: Annotated[Path, typer.Argument(help="Posts in .spacy format")],
    n_posts: Annotated[int, typer.Option("--posts", help="Posts to label", min=1)] = 5_000,
    n_process: Annotated[int, typer.Option(help="Processes of nlp.pipe", min=2)] = 2,
    rounds: Annotated[int, typer.Option(help="Rounds of each", min=1)] = 3,
    batch_size: Annotated[int, typer.Option(help="Posts to a batch")] = 128,
) -> None:
    """Print posts per second, and how many times as fast it is with registries that remember."""
    torch.set_num_threads(1)
    set_extensions()
    nlp = spacy.load(model)
    texts = [text(doc) for doc in read(posts)]
    texts = (texts * (n_posts // len(texts) + 1))[:n_posts]
    tasks: dict[str, Callable[[], int]] = {
        "read from a file": lambda: len(read(posts)),
        "label, 1 process": lambda: label(nlp, texts, batch_size),
        f"label, {n_process} processes": lambda: label(nlp, texts, batch_size, n_process),
    }
    turns = take_turns(
        {
            (task, kind): partial(with_registries, registry, work)
            for task, work in tasks.items()
            for kind, registry in KINDS.items()
        },
        rounds,
    )
    print(f"{'posts/s':20} {'plain':>8} {'remembering':>12} {'times':>6}")
    for task in tasks:
        plain, ours = (turns[task, kind].result / turns[task, kind].best for kind in KINDS)
        print(f"{task:20} {plain:8.0f} {ours:12.0f} {ours / plain:6.2f}")


def with_registries(registry: type[Registry], work: Callable[[], int]) -> int:
    """Do the work with such registries of codecs. RETURNS: number of posts."""
    for codecs in (srsly.msgpack_encoders, srsly.msgpack_decoders):
        codecs.__class__ = registry
    return work()


if __name__ == "__main__":
    typer.run(main)
