"""What `scores = true` costs: labelling speed with probabilities of entities and without, in one run.

Both take turns on the same posts, so that a noisy machine is noisy for both. The best round of each
counts. For example:

    python benchmarks/scores_cost.py training/model-last corpus/dev.spacy
"""

import time
from pathlib import Path
from statistics import median
from typing import Annotated

import spacy
import torch
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus

from spacy_mner.extensions import set_extensions
from spacy_mner.pictures import with_pictures
from spacy_mner.pipeline.find import find_mner


def main(
    model: Annotated[str, typer.Argument(help="Trained pipeline")],
    data: Annotated[Path, typer.Argument(help="Posts in .spacy format")],
    rounds: Annotated[int, typer.Option(help="Rounds of each")] = 15,
    threads: Annotated[int, typer.Option(help="Threads of torch")] = 1,
    batch_size: Annotated[int, typer.Option(help="Posts to a batch")] = 256,
) -> None:
    """Print posts per second and what scores cost. The words are in the cache from the first round on."""
    torch.set_num_threads(threads)
    set_extensions()
    nlp = spacy.load(model)
    component = find_mner(nlp)
    docs = [eg.predicted for eg in with_pictures(Corpus(data)(nlp))]
    label(nlp, docs, batch_size)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for i in range(rounds):
        # Who goes first changes, too.
        for scores in (True, False) if i % 2 else (False, True):
            component.scores = scores
            seconds[scores].append(label(nlp, docs, batch_size))
    for scores, name in ((False, "without scores"), (True, "with scores")):
        print(f"{name:15} {len(docs) / min(seconds[scores]):7.0f} posts/s")
    pairs = [a / b for a, b in zip(seconds[True], seconds[False], strict=True)]
    print(
        f"scores cost {100 * (min(seconds[True]) / min(seconds[False]) - 1):.1f} % by the best rounds,"
    )
    print(f"{100 * (median(pairs) - 1):.1f} % by the median of {rounds} pairs")


def label(nlp: Language, docs: list[Doc], batch_size: int) -> float:
    """Label copies of the docs once. RETURNS (float): seconds."""
    copies = [doc.copy() for doc in docs]
    start = time.perf_counter()
    for _ in nlp.pipe(copies, batch_size=batch_size):
        pass
    return time.perf_counter() - start


if __name__ == "__main__":
    typer.run(main)
