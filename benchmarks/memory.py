"""Resident memory over a long stream of posts, which must stay flat.

Pages that several processes share count for each of them.

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
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import psutil
import spacy
import torch
import typer
from posts import Text, docs, read, text
from spacy.tokens import Doc

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
    texts = stream([text(doc) for doc in read(posts)], n_posts, hard=hard)
    log = Log({first, *(n_posts * k // 10 for k in range(1, 11))})

    def work(part: Iterable[Text]) -> Iterator[Doc]:
        made = docs(nlp.vocab, part)
        return made if docs_only else nlp.pipe(made, n_process=n_process, batch_size=batch_size)

    if zone:
        for part in chunks(texts, 10_000):
            with nlp.memory_zone():
                done = sum(1 for _ in work(part))
            log.add(done)
    else:
        # One stream: other processes live as long as it does, and are counted while they work.
        for _ in work(texts):
            log.add(1)


class Log:
    """Prints resident size whenever so many posts are done.

    marks (Iterable[int]): numbers of posts; what is given at the least of them is what the others are
        compared to.
    """

    def __init__(self, marks: Iterable[int]) -> None:
        self.marks = sorted(marks)
        self.done, self.given, self.start = 0, 0.0, time.perf_counter()

    def add(self, n: int) -> None:
        """So many more posts are done."""
        self.done += n
        if not self.marks or self.done < self.marks[0]:
            return
        while self.marks and self.done >= self.marks[0]:
            self.marks.pop(0)
        size = resident()
        self.given = self.given or size
        rate = self.done / (time.perf_counter() - self.start)
        print(
            f"{self.done:9,} posts  {size:7.0f} MB  {size - self.given:+6.0f}  {rate:5.0f}/s",
            flush=True,
        )


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
