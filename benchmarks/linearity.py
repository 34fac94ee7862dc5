"""How the cost of labelling grows: with the number of posts, and with their length.

Posts are labelled as a stream, none is kept. Number: the same posts again and again, ten times as many at
each step. Length: the same tokens, cut into posts of 5 to 500. The sizes take turns, so that a noisy machine
is noisy for all, and the best round of each counts; more than 10,000 posts are labelled once. The words are
in the cache from the start. For example:

    python benchmarks/linearity.py training/model-last corpus/test.spacy metrics/linearity

The slope is that of a line through the logarithms: cost grows with that power, and 1 is linear.

Needs matplotlib: `pip install "spacy-mner[plots]"`.
"""

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import spacy
import torch
import typer
from posts import Text, label, read, text
from spacy.language import Language
from turns import take_turns

from spacy_mner.extensions import set_extensions
from spacy_mner.output import atomic_text
from spacy_mner.visualization.plots import LINES, SOFT, finish_axes, load_pyplot, save_figure

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
LENGTHS = (5, 10, 20, 50, 100, 200, 500)
# More posts than these are labelled in the first round alone.
ONCE = 10_000

Stream = Callable[[], Iterator[Text]]


class Row(NamedTuple):
    """What was labelled in how many seconds.

    grows (str): "posts" or "length".
    """

    grows: str
    posts: int
    tokens: int
    seconds: float


def main(
    model: Annotated[Path, typer.Argument(help="Trained pipeline")],
    posts: Annotated[Path, typer.Argument(help="Posts in .spacy format, used again and again")],
    output: Annotated[Path, typer.Argument(help="Folder for the table and the plot")],
    max_posts: Annotated[int, typer.Option(help="Greatest number of posts", min=100)] = 1_000_000,
    tokens: Annotated[int, typer.Option(help="Tokens for each length", min=500)] = 20_000,
    repeats: Annotated[int, typer.Option(help="Rounds of each size", min=1)] = 3,
    batch_size: Annotated[int, typer.Option(help="Posts to a batch")] = 128,
    threads: Annotated[int, typer.Option(help="Threads of torch")] = 1,
) -> None:
    """Print seconds and slopes; write linearity.csv, linearity.png and linearity.svg."""
    torch.set_num_threads(threads)
    set_extensions()
    load_pyplot()  # better missed now than after hours
    nlp = spacy.load(model)
    texts = [text(doc) for doc in read(posts)]
    label(nlp, texts, batch_size)
    by_size: dict[int, Stream] = {
        size: lambda size=size: itertools.islice(itertools.cycle(texts), size)  # type: ignore[misc]
        for size in SIZES
        if size <= max_posts
    }
    by_length: dict[int, Stream] = {
        length: lambda length=length: cut(texts, length, tokens // length)  # type: ignore[misc]
        for length in LENGTHS
    }
    rows = [
        *measure("posts", nlp, by_size, repeats, batch_size),
        *measure("length", nlp, by_length, repeats, batch_size),
    ]
    print(f"{len(texts)} posts again and again, batches of {batch_size}, {threads} thread(s)")
    print_table(rows)
    write_table(rows, output / "linearity.csv")
    save_figure(draw(rows), output / "linearity")


def measure(
    grows: str, nlp: Language, streams: dict[int, Stream], repeats: int, batch_size: int
) -> list[Row]:
    """The best time of each stream, in turns."""
    counts = {size: count(make()) for size, make in streams.items()}

    def label_stream(size: int) -> None:
        label(nlp, streams[size](), batch_size)

    again = {size: partial(label_stream, size) for size in streams if counts[size][0] <= ONCE}
    once = {size: partial(label_stream, size) for size in streams if size not in again}
    turns = take_turns(again, repeats) | take_turns(once, 1)
    return [Row(grows, *counts[size], turns[size].best) for size in streams]


def count(texts: Iterable[Text]) -> tuple[int, int]:
    """Posts and tokens."""
    posts = tokens = 0
    for words, _ in texts:
        posts += 1
        tokens += len(words)
    return posts, tokens


def cut(texts: list[Text], length: int, n_posts: int) -> Iterator[Text]:
    """Posts of so many tokens, from those of the texts one after the other. Each has the picture of the text
    that it begins in."""
    stream = ((word, vector) for words, vector in itertools.cycle(texts) for word in words)
    for _ in range(n_posts):
        part = list(itertools.islice(stream, length))
        yield [word for word, _ in part], part[0][1]


def points(rows: list[Row], grows: str) -> tuple[list[float], list[float]]:
    """What grows, and what it costs: seconds by posts, or seconds a post by its length."""
    some = [row for row in rows if row.grows == grows]
    if grows == "posts":
        return [row.posts for row in some], [row.seconds for row in some]
    return [row.tokens / row.posts for row in some], [row.seconds / row.posts for row in some]


def slope(x: list[float], y: list[float]) -> float:
    """The exponent of y ~ x ** slope, by least squares of the logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def print_table(rows: list[Row]) -> None:
    for grows in ("posts", "length"):
        print(
            f"\n{'posts':>9}{'tokens':>12}{'tokens/post':>13}{'seconds':>10}{'µs/post':>10}{'µs/token':>10}"
        )
        for row in (row for row in rows if row.grows == grows):
            print(
                f"{row.posts:9,}{row.tokens:12,}{row.tokens / row.posts:13.1f}{row.seconds:10.3f}"
                f"{1e6 * row.seconds / row.posts:10.1f}{1e6 * row.seconds / row.tokens:10.2f}"
            )
        print(f"slope by {grows}: {slope(*points(rows, grows)):.3f}")


def write_table(rows: list[Row], path: Path) -> None:
    with atomic_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*Row._fields, "us_per_post", "us_per_token"])
        for row in rows:
            each = (1e6 * row.seconds / n for n in (row.posts, row.tokens))
            writer.writerow([*row, *(round(us, 3) for us in each)])


def draw(rows: list[Row]) -> Any:
    """RETURNS (Figure): for `save_figure`."""
    figure, panels = load_pyplot().subplots(1, 2, figsize=(9.6, 3.8))
    for axes, grows, (color, marker, style) in zip(
        panels, ("posts", "length"), LINES, strict=False
    ):
        x, y = points(rows, grows)
        if grows == "length":
            y = [1000 * seconds for seconds in y]
        # Through the dearest point, where what a call costs in any case weighs least.
        linear = [y[-1] * value / x[-1] for value in x]
        axes.plot(x, linear, color=SOFT, linestyle=":", linewidth=1.8, label="slope 1")
        name = f"measured, slope {slope(x, y):.2f}"
        axes.plot(x, y, color=color, marker=marker, linestyle=style, linewidth=1.8, label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
    finish_axes(panels[0], x_label="posts", y_label="seconds")
    finish_axes(panels[1], x_label="tokens of a post", y_label="milliseconds a post")
    panels[1].set_xticks(LENGTHS, [str(length) for length in LENGTHS])
    panels[1].minorticks_off()
    figure.tight_layout(w_pad=3)
    return figure


if __name__ == "__main__":
    typer.run(main)
