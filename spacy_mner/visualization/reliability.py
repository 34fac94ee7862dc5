"""A reliability diagram as SVG, without any plotting library, and its section in the report."""

from html import escape
from typing import Any, Dict, List, Sequence

from .results import LOOKS, Evaluation
from .spread import spread_of

# RIGHT: half of the number under the last tick.
SIZE, LEFT, RIGHT, TOP, BOTTOM = 320, 44, 16, 12, 78
PLOT = SIZE - LEFT - RIGHT


def reliability_section(results: Dict[str, List[Evaluation]]) -> str:
    """One diagram a condition; "" where no result knows the probabilities of its entities.

    results (Dict[str, List[Evaluation]]): a group of `load_groups`; the bins of several runs are pooled.
    RETURNS (str): HTML.
    """
    drawings = []
    for condition, found in results.items():
        tables = [r["calibration"] for r in found if r.get("calibration")]
        if not tables or len({table["n_bins"] for table in tables}) > 1:
            continue
        ece = spread_of([{"ece": table["ece"]} for table in tables], "ece")
        caption, color = LOOKS[condition]
        if ece is not None:
            spread = f" ± {ece.sd:.1f}" if ece.n > 1 else ""
            caption += f": ECE {ece.mean:.1f}{spread}"
        svg = reliability_diagram(
            pool_bins([table["bins"] for table in tables]),
            color=color,
            label=f"Share of right entities by probability, {caption}",
        )
        drawings.append(
            '<figure style="display:inline-block;width:31.5%;min-width:240px;margin:0 1.5% 1em 0">'
            f"{svg}<figcaption>{escape(caption)}</figcaption></figure>"
        )
    if not drawings:
        return ""
    note = (
        "Bars: of the predicted entities whose probability lies in a bin, the share that is right. Where "
        "probabilities are true, bars reach the diagonal; below it, the model is too sure of itself. Dark "
        "bars at the bottom: how many entities a bin holds. ECE, the expected calibration error, is the "
        "mean distance in percent. <code>spacy mner calibrate</code> lowers it."
    )
    return f'<h2>Can the probabilities be believed?</h2>\n{"".join(drawings)}\n<p class="note">{note}</p>'


def pool_bins(tables: Sequence[Sequence[Dict[str, Any]]]) -> List[Dict[str, Any]]:
    """The bins of several runs as those of one: counts add up, means are weighted by them."""
    pooled = []
    for same in zip(*tables, strict=True):
        n = sum(b["n"] for b in same)
        pooled.append({"low": same[0]["low"], "high": same[0]["high"], "n": n})
        for key in ("confidence", "accuracy"):
            total = sum(b["n"] * b[key] for b in same if b["n"])
            pooled[-1][key] = total / n if n else None
    return pooled


def reliability_diagram(bins: Sequence[Dict[str, Any]], *, color: str, label: str) -> str:
    """Draw the share of right entities over their probability, and how many there are.

    bins (Sequence[Dict[str, Any]]): as in `evaluation.calibration.calibration`.
    color (str): of the bars.
    label (str): description for readers who cannot see the drawing.
    RETURNS (str): An `<svg>` element.
    """
    parts = [
        f'<svg class="chart" viewBox="0 0 {SIZE} {SIZE + BOTTOM - 44}" role="img" '
        f'aria-label="{escape(label)}">'
    ]
    for tick in (0, 25, 50, 75, 100):
        x, y = _x(tick / 100), _y(tick / 100)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + PLOT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="axis" x="{LEFT - 6}" y="{y + 4}">{tick}</text>')
        parts.append(
            f'<text class="group" x="{x}" y="{_y(0) + 16}" text-anchor="middle">{tick}</text>'
        )
    most = max((b["n"] for b in bins), default=0)
    for b in bins:
        if not b["n"]:
            continue
        x, width = _x(b["low"]), round(PLOT * (b["high"] - b["low"]) - 1.5, 1)
        y = _y(b["accuracy"])
        title = f"{b['n']} entities, probability {100 * b['confidence']:.1f}, right {100 * b['accuracy']:.1f}"
        depth = round(30 * b["n"] / most, 1)
        parts.append(
            f"<g><title>{title}</title>"
            f'<rect x="{x}" y="{y}" width="{width}" height="{round(_y(0) - y, 1)}" '
            f'fill="{escape(color)}"/>'
            f'<circle cx="{_x(b["confidence"])}" cy="{y}" r="2.5" fill="#1f2933"/>'
            f'<rect x="{x}" y="{round(_y(0) + 54 - depth, 1)}" width="{width}" height="{depth}" '
            'fill="#1f2933"/></g>'
        )
    parts.append(
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#1f2933" '
        'stroke-dasharray="4 3"/>'
    )
    parts.append("</svg>")
    return "\n".join(parts)


def _x(value: float) -> float:
    return round(LEFT + PLOT * value, 1)


def _y(value: float) -> float:
    return round(TOP + (SIZE - TOP - 44) * (1 - value), 1)
