"""Check what the sample is there to show: pictures help, and shuffled pictures do not."""

from pathlib import Path
from typing import Annotated

import srsly
import typer
from wasabi import msg

# F1 points by which a pipeline with pictures must beat the same pipeline without them.
GAIN = 10.0


def check(
    metrics: Annotated[Path, typer.Argument(help="Folder with evaluation-{on,off,shuffled}.json")],
) -> None:
    """Exit with 1 unless pictures gain at least 10 F1 and shuffled pictures lose that gain."""
    scores = {
        images: 100 * srsly.read_json(metrics / f"evaluation-{images}.json")["ents_f"]
        for images in ("on", "off", "shuffled")
    }
    text = ", ".join(f"{images} {score:.2f}" for images, score in scores.items())
    if scores["on"] - scores["off"] < GAIN or scores["on"] - scores["shuffled"] < GAIN:
        msg.fail(f"F1 with pictures {text}: a gain of at least {GAIN} was expected", exits=1)
    msg.good(f"F1 with pictures {text}")


if __name__ == "__main__":
    typer.run(check)
