"""A grouped bar chart as SVG, without any plotting library."""

from html import escape
from typing import List, NamedTuple, Optional, Sequence

WIDTH, HEIGHT = 760, 270
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 18, 32


class Series(NamedTuple):
    """One bar in every group."""

    name: str
    color: str
    values: List[Optional[float]]


def bar_chart(groups: Sequence[str], series: Sequence[Series], *, label: str) -> str:
    """Draw bars from 0 to 100, side by side in groups, with the value above each.

    groups (Sequence[str]): Names under the groups.
    series (Sequence[Series]): One value per group, in percent; None leaves the place empty.
    label (str): Description for readers who cannot see the chart.
    RETURNS (str): An `<svg>` element.
    """
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">'
    ]
    for tick in range(0, 101, 20):
        y = _y(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="axis" x="{LEFT - 8}" y="{y + 4}">{tick}</text>')
    space = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    bar = min(46.0, 0.8 * space / max(1, len(series)))
    for g, group in enumerate(groups):
        center = LEFT + space * (g + 0.5)
        for s, item in enumerate(series):
            value = item.values[g]
            if value is None:
                continue
            x = center + bar * (s - len(series) / 2)
            parts.append(_bar(x, value, bar, item, group))
        parts.append(
            f'<text class="group" x="{center:.1f}" y="{HEIGHT - 10}">{escape(group)}</text>'
        )
    parts.append("</svg>")
    return "\n".join(parts)


def _bar(x: float, value: float, width: float, series: Series, group: str) -> str:
    y = _y(value)
    size = 12 if width >= 30 else 10
    return (
        f"<g><title>{escape(group)}, {escape(series.name)}: {value:.1f}</title>"
        f'<rect x="{x + 1:.1f}" y="{y}" width="{width - 2:.1f}" height="{_y(0) - y:.1f}" '
        f'rx="2" fill="{escape(series.color)}"/>'
        f'<text class="value" style="font-size:{size}px" x="{x + width / 2:.1f}" y="{y - 5:.1f}">'
        f"{value:.1f}</text></g>"
    )


def _y(value: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / 100), 1)
