"""Training speed of `mner` next to spaCy's own small `ner`, in one run.

The contestants take turns epoch by epoch on the same posts, with the same word vectors, batches and
optimizer, so that a noisy machine is noisy for both. The best epoch of each counts. For example:

    python benchmarks/train_speed.py corpus/twitter2017/train.spacy corpus/vectors
"""

import random
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from spacy.language import Language
from spacy.training import Example
from spacy_pipelines import make_pipeline, mner_config, ner_config, train_pipeline


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
    settings = mner_config(config)
    contestants = {
        "ner": make_pipeline("ner", ner_config(96, 4), train, vectors),
        "mner": make_pipeline("mner", {"model": settings["model"]}, train, vectors),
    }
    best: dict[str, float] = dict.fromkeys(contestants, 0.0)
    for epoch in range(epochs):
        for name, (nlp, examples, optimizer) in contestants.items():
            random.Random(epoch).shuffle(examples)
            speed = train_epoch(nlp, examples, optimizer, batch_size)
            best[name] = max(best[name], speed)
            print(f"epoch {epoch}  {name:5} {speed:7.0f} posts/s", flush=True)
    print(f"mner trains {best['mner'] / best['ner']:.2f} times as fast as ner")


def train_epoch(nlp: Language, examples: list[Example], optimizer: Any, batch_size: int) -> float:
    """Train on all examples once. RETURNS (float): posts per second."""
    # Predicted docs are annotated by nothing in training, but ner keeps alignments on the example.
    start = time.perf_counter()
    train_pipeline(nlp, examples, optimizer, batch_size)
    return len(examples) / (time.perf_counter() - start)


if __name__ == "__main__":
    typer.run(main)
