"""Table 3: how a model bears the loss of word vectors, with and without modality attention."""

import math
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

from ..errors import Errors
from ..visualization.plots import Curve, draw_curves, save_figure
from ..visualization.spread import spread_of
from ..visualization.table import Cell, Table, Value
from .multi_seed import Result, gain_of
from .runs import Data
from .tables import MICRO

# Without and with attention, by the rows of Table 1.
PAIR = ("wc-concat", "wc-attention")
NAMES = {"wc-concat": "without modality attention", "wc-attention": "with modality attention"}
SHARES = (1.0, 0.75, 0.5, 0.25)
# F1 on SnapCaptions that the paper reports.
PAPER = {1.0: (48.8, 50.5), 0.75: (48.7, 50.1), 0.5: (47.8, 49.6), 0.25: (46.4, 48.7)}

Runs = Mapping[str, Mapping[float, Sequence[Result]]]


def check_share(share: float, data: Data) -> None:
    """Check that a share of the word vectors can be kept.

    RAISES (ValueError): M139 if it cannot.
    """
    problem = ""
    if not 0 < share <= 1 or not math.isclose(100 * share, round(100 * share)):
        problem = "give whole percents, from .01 to 1"
    elif share < 1 and data.vectors is None:
        problem = "there are no word vectors; give --vectors"
    if problem:
        raise ValueError(Errors.M139.format(value=share, problem=problem))


def run_name(row: str, share: float) -> str:
    """The name of a run: with all words, it is the run of Table 1."""
    return row if share == 1 else f"{row}-vocab{round(100 * share)}"


def vocab_table(runs: Runs) -> Table:
    """A line a share of the words.

    runs (Runs): results by row and share, one a seed.
    """
    rows: List[Sequence[Cell]] = []
    plain, attention = (runs[name] for name in PAIR)
    for share in sorted(plain, reverse=True):
        scores = [spread_of(found[share], "scores", "ents_f") for found in (plain, attention)]
        known = spread_of(plain[share], "known_tokens")
        paper: List[Cell] = [Value(value) for value in PAPER.get(share, ())] or [None, None]
        rows.append(
            [
                f"{100 * share:g} %",
                known and known.value(),
                *(score.value() if score else None for score in scores),
                gain_of(attention[share], plain[share]).value(),
                *paper,
            ]
        )
    return Table(
        title="Table 3: typed F1 with fewer word vectors",
        header=["Words kept", "Tokens known %", "w/o", "with", "with − w/o", "w/o", "with"],
        groups=[("", 2), ("Modality attention", 3), ("Paper (SnapCaptions)", 2)],
        rows=rows,
        note=(
            f"{MICRO} Rows wc-concat and wc-attention of Table 1; the removed words are missing in "
            "training and in scoring, and are drawn anew for each seed. Tokens known: of the scored "
            "posts, after all spellings were tried. The difference is taken seed by seed."
        ),
    )


def draw_vocab(runs: Runs, folder: Path) -> Dict[str, Any]:
    """The line plot with error bars, as PNG and SVG. RETURNS (Dict[str, Any]): the block."""
    curves = []
    for name in PAIR:
        shares = sorted(runs[name])
        found = [spread_of(runs[name][share], "scores", "ents_f") for share in shares]
        points = [(100 * x, s.mean, s.sd) for x, s in zip(shares, found, strict=True) if s]
        curves.append(Curve(NAMES[name], *(list(column) for column in zip(*points, strict=True))))
    figure = draw_curves(curves, x_label="word vectors kept (%)", y_label="typed F1 (%)")
    save_figure(figure, folder / "vocab-plot")
    return {
        "type": "figure",
        "file": "vocab-plot.svg",
        "alt": "F1 against the share of word vectors that are kept, with and without attention",
        "note": "Error bars: one standard deviation over the seeds.",
    }
