"""Pictures of tables and curves, through matplotlib, which is loaded only here."""

import io
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from ..errors import missing_package
from ..output import atomic_bytes

INK, SOFT, GRID = "#1f2933", "#5f6c7b", "#dfe4ea"
# Blue and amber differ in lightness too, so they stay apart in grey print; so do the markers.
LINES = (
    ("#2f6f9f", "o", "-"),
    ("#b06f10", "s", "--"),
    ("#4b7f52", "^", "-."),
    ("#8a4f8d", "D", ":"),
)
FORMATS = ("png", "svg")


class Curve(NamedTuple):
    """A line with error bars.

    name (str): for the legend.
    x, y (Sequence[float]): points.
    sd (Sequence[float]): half the length of each error bar.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    sd: Sequence[float]


def load_pyplot() -> Any:
    """matplotlib's pyplot, without a window.

    RAISES (ImportError): M107 if matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise missing_package("Drawing", "matplotlib", "plots") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update(
        {
            "font.family": "sans-serif",
            "font.size": 11,
            "svg.fonttype": "path",
            # Without these two, the same figure would be another file each time.
            "svg.hashsalt": "spacy_mner",
            "axes.edgecolor": SOFT,
            "text.color": INK,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
        }
    )
    return pyplot


def save_figure(figure: Any, stem: Path) -> List[Path]:
    """Write a figure as PNG and SVG, atomically, and close it.

    stem (Path): path without suffix.
    RETURNS (List[Path]): the files.
    """
    pyplot = load_pyplot()
    paths = []
    for suffix in FORMATS:
        stream = io.BytesIO()
        metadata = {"Date": None} if suffix == "svg" else None
        figure.savefig(
            stream,
            format=suffix,
            dpi=200,
            bbox_inches="tight",
            facecolor="white",
            metadata=metadata,
        )
        path = stem.with_name(f"{stem.name}.{suffix}")
        with atomic_bytes(path) as file:
            file.write(stream.getvalue())
        paths.append(path)
    pyplot.close(figure)
    return paths


def draw_curves(curves: Sequence[Curve], *, x_label: str, y_label: str, title: str = "") -> Any:
    """A line plot with error bars (one standard deviation).

    RETURNS (Figure): for `save_figure`.
    """
    pyplot = load_pyplot()
    figure, axes = pyplot.subplots(figsize=(6.4, 4.0))
    for i, (curve, (color, marker, style)) in enumerate(zip(curves, LINES, strict=False)):
        # A little aside, so that error bars at the same place can be told apart.
        aside = (i - (len(curves) - 1) / 2) * 0.012 * (max(curve.x) - min(curve.x))
        axes.errorbar(
            [x + aside for x in curve.x],
            curve.y,
            yerr=curve.sd if any(curve.sd) else None,
            label=curve.name,
            color=color,
            marker=marker,
            linestyle=style,
            linewidth=1.8,
            markersize=6,
            capsize=4,
        )
    ticks = sorted({x for curve in curves for x in curve.x})
    axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
    if title:
        axes.set_title(title, loc="left", fontsize=12, fontweight="bold")
    finish_axes(axes, x_label=x_label, y_label=y_label)
    return figure


def finish_axes(axes: Any, *, x_label: str, y_label: str) -> None:
    """What all line plots share: named axes, a quiet grid, no frame, a legend."""
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def draw_table(block: Dict[str, Any]) -> Any:
    """A table as a picture.

    block (Dict[str, Any]): from `Table.to_block`.
    RETURNS (Figure): for `save_figure`.
    """
    pyplot = load_pyplot()
    header, rows = block["header"], block["rows"]
    text_columns = set(block["text_columns"])
    widths = [
        max(len(line) for cell in (row[i] for row in [header, *rows]) for line in cell.split("\n"))
        for i in range(len(header))
    ]
    # A character of 10 points is about 0.085 inches wide.
    inches = [0.085 * width + 0.22 for width in widths]
    starts = [sum(inches[:i]) for i in range(len(inches) + 1)]
    height = 0.29
    n_head = 1 + bool(block["groups"])
    total = (len(rows) + n_head) * height
    figure = pyplot.figure(figsize=(starts[-1], total + 0.45))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, starts[-1])
    axes.set_ylim(total + 0.05, -0.4)
    axes.axis("off")
    axes.text(0, -0.2, block["title"], fontsize=12, fontweight="bold", va="center")
    if block["groups"]:
        _draw_groups(axes, block["groups"], starts, height / 2)
    y = (n_head - 0.5) * height
    _draw_row(axes, header, starts, y, text_columns, fontweight="bold", color=SOFT)
    _rule(axes, starts[-1], n_head * height, INK, 1.2)
    for i, row in enumerate(rows):
        if i in block["breaks"]:
            _rule(axes, starts[-1], (n_head + i) * height, GRID, 1.0)
        _draw_row(axes, row, starts, (n_head + i + 0.5) * height, text_columns)
    _rule(axes, starts[-1], total, INK, 1.2)
    return figure


def _draw_row(
    axes: Any,
    cells: Sequence[str],
    starts: Sequence[float],
    y: float,
    text_columns: set,
    **style: Any,
) -> None:
    for i, cell in enumerate(cells):
        left = i in text_columns
        x = starts[i] if left else starts[i + 1] - 0.1
        align = "left" if left else "right"
        axes.text(x, y, cell, ha=align, va="center", **{"fontsize": 10, **style})


def _draw_groups(
    axes: Any, groups: Sequence[Tuple[str, int]], starts: Sequence[float], y: float
) -> None:
    column = 0
    for name, n in groups:
        left, right = starts[column] + 0.15, starts[column + n] - 0.1
        if name:
            axes.text(
                (left + right) / 2, y, name, ha="center", va="center", fontsize=10, color=SOFT
            )
            axes.plot((left, right), (2 * y, 2 * y), color=SOFT, linewidth=0.8)
        column += n


def _rule(axes: Any, width: float, y: float, color: str, weight: float) -> None:
    axes.plot((0, width), (y, y), color=color, linewidth=weight)
