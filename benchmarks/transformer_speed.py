"""What the profile with a transformer costs beside the standard one: time of an update, words per second.

The contestants take turns on the same posts, so that a noisy machine is noisy for all; the best turn of each
counts. For example:

    python benchmarks/transformer_speed.py corpus/twitter2017/train.spacy corpus/twitter2017/test.spacy \\
        corpus/vectors ENCODER_FOLDER --threads 1
"""

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from recipes import make_with_recipe
from spacy.training import Corpus, Example
from spacy.util import registry
from turns import take_turns

from spacy_mner.extensions import set_extensions
from spacy_mner.pictures import share_images

PREPARE = "initialize.after_init"
# Each has what the one before it has, too.
STEPS: dict[str, dict[str, Any]] = {
    "transformer, all is trained": {f"{PREPARE}.freeze_embeddings": False},
    "embeddings are frozen": {f"{PREPARE}.freeze_embeddings": True},
    "bfloat16": {f"{PREPARE}.cpu_bfloat16": True},
}
STANDARD = "standard profile"


def main(
    train: Annotated[Path, typer.Argument(help="Training data in .spacy format")],
    test: Annotated[Path, typer.Argument(help="Posts that are labelled, in .spacy format")],
    vectors: Annotated[str, typer.Argument(help="Pipeline with word vectors")],
    encoder: Annotated[str, typer.Argument(help="Name or folder of the encoder")],
    configs: Annotated[Path, typer.Option(help="Folder with both configs")] = Path("configs"),
    updates: Annotated[int, typer.Option(help="Updates in a turn")] = 10,
    turns: Annotated[int, typer.Option(help="Turns of each contestant")] = 4,
    posts: Annotated[int, typer.Option(help="Posts that are read; the first ones")] = 500,
    threads: Annotated[int, typer.Option(help="Threads of torch")] = 1,
) -> None:
    """Print both tables."""
    torch.set_num_threads(threads)
    set_extensions()
    contestants = {STANDARD: make(configs / "mner.cfg", {}, train, vectors, posts)}
    settings: dict[str, Any] = {"paths.transformer": encoder}
    for name, more in STEPS.items():
        settings |= more
        contestants[name] = make(configs / "transformer.cfg", settings, train, vectors, posts)
    training = best_turns(
        {name: update for name, (_, update) in contestants.items()}, updates, turns
    )
    report("training", training, lambda seconds: f"{1000 * seconds / updates:8.0f} ms an update")
    # Predicted in single precision: bfloat16 is a matter of training.
    name = "embeddings are frozen"
    pipelines = {key: contestants[key][0] for key in (STANDARD, name)}
    n_words = 0
    labelling: dict[str, Callable[[], None]] = {}
    for key, nlp in pipelines.items():
        egs = share_images(itertools.islice(Corpus(test)(nlp), posts))
        n_words = sum(len(eg.predicted) for eg in egs)
        labelling[key] = lambda nlp=nlp, egs=egs: label(nlp, egs)  # type: ignore[misc]
    report(
        "labelling",
        best_turns(labelling, 1, turns),
        lambda seconds: f"{n_words / seconds:8,.0f} words/s",
    )


def make(
    config: Path, settings: dict[str, Any], train: Path, vectors: str, posts: int
) -> tuple[Any, Callable[[], None]]:
    """RETURNS: an initialized pipeline, and a function that makes its next update."""
    nlp = make_with_recipe("mner", config, vectors, settings=settings)
    egs = share_images(itertools.islice(Corpus(train)(nlp), posts))
    nlp.initialize(lambda: egs)
    training = nlp.config.interpolate()["training"]
    batcher = registry.resolve({"batcher": training["batcher"]})["batcher"]
    optimizer = registry.resolve({"optimizer": training["optimizer"]})["optimizer"]
    batches = batcher(itertools.cycle(egs))

    def update() -> None:
        nlp.update(next(batches), sgd=optimizer, drop=training["dropout"], losses={})

    return nlp, update


def label(nlp: Any, examples: list[Example]) -> None:
    """Label copies of all posts."""
    for _ in nlp.pipe(eg.predicted.copy() for eg in examples):
        pass


def best_turns(
    contestants: dict[str, Callable[[], None]], repeats: int, turns: int
) -> dict[str, float]:
    """RETURNS: seconds of the best turn of each, after a call that does not count."""

    def turn(call: Callable[[], None]) -> None:
        for _ in range(repeats):
            call()

    take_turns(contestants, 1)
    counted = {name: partial(turn, call) for name, call in contestants.items()}
    return {name: result.best for name, result in take_turns(counted, turns).items()}


def report(title: str, seconds: dict[str, float], show: Callable[[float], str]) -> None:
    """Print a line each, with the ratio to the standard profile."""
    print(title)
    for name, value in seconds.items():
        ratio = value / seconds[STANDARD]
        print(f"  {name:28} {show(value)}, {ratio:5.2f} times the time of the standard profile")


if __name__ == "__main__":
    typer.run(main)
