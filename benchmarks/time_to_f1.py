"""Training time to the best dev F1 that spaCy's `ner` comes to.

Each contestant is trained by its own usual recipe: `mner` by its config's, `ner` by that of `spacy init
config`. They take turns in slices of training time, so that a noisy machine is noisy for all. On the way they
are scored on the dev posts, which decide when the best is reached: that is what is asked here, and it makes
these F1s no measure of how good the models are. The clock runs for training alone, not for evaluation. For
example:

    python benchmarks/time_to_f1.py TRAIN.spacy DEV.spacy VECTORS

with corpus/twitter2017/train.spacy, corpus/twitter2017/dev.spacy and corpus/vectors.

Needs matplotlib: `pip install "spacy-mner[plots]"`.
"""

from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from learning_curve import Contestant
from recipes import make_with_recipe
from spacy.tokens import DocBin
from spacy_pipelines import NER_SIZES

from spacy_mner.extensions import set_extensions
from spacy_mner.output import write_json
from spacy_mner.visualization.plots import LINES, finish_axes, load_pyplot, save_figure

NAMES = ("mner", *NER_SIZES)


def main(
    train: Annotated[Path, typer.Argument(help="Training data in .spacy format")],
    dev: Annotated[Path, typer.Argument(help="Posts to score, in .spacy format")],
    vectors: Annotated[str, typer.Argument(help="Pipeline with word vectors")],
    output: Annotated[Path, typer.Option(help="Folder for the curves and the plot")] = Path(
        "metrics/time-to-f1"
    ),
    config: Annotated[Path, typer.Option(help="Config with mner")] = Path("configs/mner.cfg"),
    contestants: Annotated[str, typer.Option(help="Names with commas between")] = ",".join(NAMES),
    every: Annotated[int, typer.Option(help="Updates from one evaluation to the next")] = 100,
    patience: Annotated[int, typer.Option(help="Evaluations without a better F1; 0: no end")] = 16,
    max_seconds: Annotated[float, typer.Option(help="Seconds of training of each")] = 3600.0,
    turn: Annotated[float, typer.Option(help="Seconds of training of a turn")] = 30.0,
    seed: Annotated[int, typer.Option(help="Of weights, batches and dropout")] = 0,
    threads: Annotated[int, typer.Option(help="Threads of torch")] = 1,
) -> None:
    """Print seconds to the best F1; write time_to_f1.json, time_to_f1.png and time_to_f1.svg."""
    torch.set_num_threads(threads)
    set_extensions()
    load_pyplot()  # better missed now than after hours
    racing: dict[str, Contestant] = {}
    for name in (name.strip() for name in contestants.split(",")):
        if name not in NAMES:
            raise typer.BadParameter(f"'{name}' is none of {', '.join(NAMES)}")
        nlp = make_with_recipe(name, config, vectors)
        racing[name] = Contestant(nlp, train, dev, every=every, patience=patience, seed=seed)
        print(f"{name}: initialized in {racing[name].seconds:.1f} s", flush=True)
    settings = {
        "train_posts": len(DocBin().from_disk(train)),
        "dev_posts": len(DocBin().from_disk(dev)),
        "every": every,
        "patience": patience,
        "max_seconds": max_seconds,
        "turn": turn,
        "seed": seed,
        "threads": threads,
    }
    while any(contestant.ended_by is None for contestant in racing.values()):
        for name, contestant in racing.items():
            if contestant.ended_by is None:
                contestant.take_turn(turn, max_seconds)
                print(progress(name, contestant), flush=True)
        # What is there is worth keeping if the run is cut off.
        write_json(output / "time_to_f1.json", {**settings, **results(racing)})
    save_figure(draw(racing), output / "time_to_f1")
    print_results(results(racing))


def progress(name: str, contestant: Contestant) -> str:
    best = contestant.best
    return f"{name:10} {contestant.seconds:7.1f} s  best F1 {100 * best.f1:5.2f} at {best.seconds:.1f} s"


def results(racing: dict[str, Contestant]) -> dict[str, Any]:
    """The curves, the best point of each, and when `mner` came as far as the others' best."""
    curves = {
        name: {
            "best": contestant.best._asdict(),
            "ended_by": contestant.ended_by,
            "points": [point._asdict() for point in contestant.points],
        }
        for name, contestant in racing.items()
    }
    reached: dict[str, Any] = {}
    if "mner" in racing:
        for name, other in racing.items():
            if name == "mner":
                continue
            point = racing["mner"].reached(other.best.f1)
            reached[name] = {
                "f1": other.best.f1,
                "seconds": other.best.seconds,
                "mner_seconds": point and point.seconds,
                "ratio": point and other.best.seconds / point.seconds,
            }
    return {"contestants": curves, "reached": reached}


def print_results(found: dict[str, Any]) -> None:
    print(f"\n{'':10}{'best F1':>9}{'seconds':>10}{'updates':>9}  ended by")
    for name, curve in found["contestants"].items():
        best, ended_by = curve["best"], curve["ended_by"]
        print(
            f"{name:10}{100 * best['f1']:9.2f}{best['seconds']:10.1f}{best['updates']:9,}  {ended_by}"
        )
    for name, row in found["reached"].items():
        start = f"F1 {100 * row['f1']:.2f}, the best of {name}: {row['seconds']:.1f} s,"
        if row["ratio"] is None:
            print(f"{start} and mner did not come so far")
        else:
            print(f"{start} mner {row['mner_seconds']:.1f} s, {row['ratio']:.2f} times as fast")


def draw(racing: dict[str, Contestant]) -> Any:
    """RETURNS (Figure): for `save_figure`."""
    figure, axes = load_pyplot().subplots(figsize=(6.4, 4.0))
    for (name, contestant), (color, marker, style) in zip(racing.items(), LINES, strict=False):
        x = [point.seconds for point in contestant.points]
        y = [100 * point.f1 for point in contestant.points]
        axes.plot(x, y, label=name, color=color, linestyle=style, linewidth=1.8)
        # A marker at the best alone: there are many points.
        best = contestant.best
        axes.plot(best.seconds, 100 * best.f1, color=color, marker=marker, markersize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    finish_axes(axes, x_label="seconds of training", y_label="dev F1 (%)")
    return figure


if __name__ == "__main__":
    typer.run(main)
