"""Resident memory over a long stream of posts, which must stay flat.

    pip install psutil
    python benchmarks/memory.py MODEL POSTS.spacy --posts 1000000

Hard vocabulary: in each post, half of the words are ones that were never seen before, so that the cache of
word forms and spaCy's StringStore see as much as they ever will. (The StringStore grows with every new
string; `--zone` labels inside `nlp.memory_zone()`, which frees them.) `--docs-only` makes the same posts and
does not label them: what grows then is what spaCy keeps.
"""

import itertools
import random
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import psutil
import spacy
import torch
import typer
from posts import Text, docs, label, read, text

MEGABYTE = 2**20


def main(
    model: Annotated[Path, typer.Argument(help="Trained pipeline")],
    posts: Annotated[Path, typer.Argument(help="Posts in .spacy format, used again and again")],
    n_posts: Annotated[int, typer.Option("--posts", help="Posts to label")] = 1_000_000,
    first: Annotated[int, typer.Option(help="Posts after which memory is taken as given")] = 10_000,
    hard: Annotated[bool, typer.Option("--hard", help="Half of the words are new")] = False,
    zone: Annotated[bool, typer.Option("--zone", help="Label in memory zones")] = False,
    docs_only: Annotated[bool, typer.Option("--docs-only", help="Do not label")] = False,
    n_process: Annotated[int, typer.Option(help="Processes of nlp.pipe")] = 1,
    batch_size: Annotated[int, typer.Option(help="Posts to a batch")] = 128,
) -> None:
    """Print resident size (with child processes) as posts go by, and its growth after the first ones."""
    torch.set_num_threads(1)
    nlp = spacy.load(model)
    texts = [text(doc) for doc in read(posts)]
    done, start, given = 0, time.perf_counter(), 0.0
    marks = sorted({first, *(n_posts * k // 10 for k in range(1, 11))})
    for part in chunks(stream(texts, n_posts, hard=hard), 10_000):
        with nlp.memory_zone() if zone else nullcontext():
            if docs_only:
                done += sum(1 for _ in docs(nlp.vocab, part))
            else:
                done += label(nlp, part, batch_size, n_process)
        if done >= marks[0]:
            size = resident()
            given = given or size
            rate = done / (time.perf_counter() - start)
            print(
                f"{done:9,} posts  {size:7.0f} MB  {size - given:+6.0f}  {rate:5.0f}/s", flush=True
            )
            while marks and done >= marks[0]:
                marks.pop(0)
        if not marks:
            break


def stream(texts: list[Text], n_posts: int, *, hard: bool) -> Iterator[Text]:
    """Posts without end, up to so many."""
    rng = random.Random(0)
    for words, vector in itertools.islice(itertools.cycle(texts), n_posts):
        if hard:
            words = [w if rng.random() < 0.5 else f"w{rng.getrandbits(48):x}" for w in words]
        yield words, vector


def chunks(items: Iterator, size: int) -> Iterator[list]:
    """Lists of so many."""
    while part := list(itertools.islice(items, size)):
        yield part


def resident() -> float:
    """Megabytes of this process and its children."""
    process = psutil.Process()
    family = [process, *process.children(recursive=True)]
    return sum(member.memory_info().rss for member in family) / MEGABYTE


if __name__ == "__main__":
    typer.run(main)
