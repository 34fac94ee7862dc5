"""Token × modality heat maps (Figure 3 of Moon et al. 2018): darker = amplified."""

from html import escape
from typing import Any, Dict, List, Sequence, Tuple

from .plots import GRID, INK, SOFT, load_pyplot

# From paper white to a blue that is dark enough for white figures.
_LIGHT, _DARK = (247, 250, 252), (23, 64, 105)
# Inches.
_MIN_WIDTH = 6.0

Post = Dict[str, Any]


def heatmap_html(post: Post, *, low: float, high: float) -> str:
    """One post as a table: a column a token, a row a modality.

    post (Post): `name`, `tokens`, `gold` and `predicted` (BIO tags), `modalities`, `weights`
        (a row a token, a column a modality), and optionally `picture` and `verdict`.
    low, high (float): weights that are shown in white and in the darkest colour.
    RETURNS (str): HTML; everything from the data is escaped.
    """
    head = "".join(f"<th>{escape(token)}</th>" for token in post["tokens"])
    rows = [f"<tr><th></th>{head}</tr>"]
    for m, modality in enumerate(post["modalities"]):
        cells = []
        for row in post["weights"]:
            share = _share(row[m], low, high)
            text = "#ffffff" if share > 0.55 else INK
            cells.append(f'<td style="background:{_color(share)};color:{text}">{row[m]:.2f}</td>')
        rows.append(f"<tr><th>{escape(modality)}</th>{''.join(cells)}</tr>")
    for name in ("gold", "predicted"):
        cells = []
        for i, tag in enumerate(post[name]):
            kind = "outside" if tag == "O" else "tag"
            if name == "predicted" and tag != post["gold"][i]:
                kind += " wrong"
            cells.append(f'<td class="{kind}">{escape(tag)}</td>')
        rows.append(f"<tr><th>{name}</th>{''.join(cells)}</tr>")
    facts = [
        post["name"],
        post.get("verdict"),
        post.get("picture") and f"picture: {post['picture']}",
    ]
    caption = " · ".join(escape(str(fact)) for fact in facts if fact)
    return (
        f'<div class="heat"><p class="note">{caption}</p>\n<div class="scroll">'
        f"<table>{''.join(rows)}</table></div></div>"
    )


def draw_heatmaps(posts: Sequence[Post], *, low: float, high: float) -> Any:
    """The same through matplotlib, one post below the other.

    posts (Sequence[Post]): see `heatmap_html`; at least one.
    RETURNS (Figure): for `plots.save_figure`.
    """
    pyplot = load_pyplot()
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("weights", [_hex(_LIGHT), _hex(_DARK)])
    cell_width = 0.30 + 0.075 * max(len(_short(t)) for post in posts for t in post["tokens"])
    # In cells; wide enough for the line above a short post.
    longest = max(_MIN_WIDTH / cell_width, *(len(post["tokens"]) for post in posts))
    heights = [0.3 * (len(post["modalities"]) + 3.6) for post in posts]
    figure, grid = pyplot.subplots(
        len(posts),
        1,
        figsize=(1.3 + longest * cell_width, sum(heights) + 0.3),
        gridspec_kw={"height_ratios": heights, "hspace": 0.05},
        squeeze=False,
    )
    for axes, post in zip(grid[:, 0], posts, strict=True):
        _draw(axes, post, colors, low, high, longest, cell_width)
    return figure


def _draw(
    axes: Any, post: Post, colors: Any, low: float, high: float, longest: float, cell_width: float
) -> None:
    n_rows = len(post["modalities"])
    axes.set_xlim(0, longest)
    axes.set_ylim(n_rows + 1.9, -1.7)
    axes.axis("off")
    for t, token in enumerate(post["tokens"]):
        axes.text(t + 0.5, -0.35, _short(token), ha="center", va="center", fontsize=10)
        for m in range(n_rows):
            weight = post["weights"][t][m]
            share = _share(weight, low, high)
            box = (t, m), 1, 1
            axes.add_patch(_rectangle(*box, facecolor=colors(share), edgecolor=GRID, linewidth=0.8))
            color = "white" if share > 0.55 else INK
            axes.text(
                t + 0.5, m + 0.5, f"{weight:.2f}", ha="center", va="center", fontsize=8, color=color
            )
        for r, name in enumerate(("gold", "predicted")):
            tag = post[name][t]
            wrong = name == "predicted" and tag != post["gold"][t]
            color = "#a32020" if wrong else SOFT if tag == "O" else INK
            weight = "normal" if tag == "O" and not wrong else "bold"
            y = n_rows + 0.55 + 0.8 * r
            axes.text(
                t + 0.5, y, tag, ha="center", va="center", fontsize=8, color=color, weight=weight
            )
    for m, modality in enumerate(post["modalities"]):
        axes.text(-0.1, m + 0.5, modality, ha="right", va="center", fontsize=10)
    for r, name in enumerate(("GT", "Pred")):
        y = n_rows + 0.55 + 0.8 * r
        axes.text(-0.1, y, name, ha="right", va="center", fontsize=9, color=SOFT)
    facts = [post["name"], post.get("verdict"), post.get("picture")]
    caption = " · ".join(str(fact) for fact in facts if fact)
    limit = int(longest * cell_width / 0.075)
    caption = caption if len(caption) <= limit else f"{caption[: limit - 1]}…"
    axes.text(0, -1.2, _plain(caption), ha="left", va="center", fontsize=9, color=SOFT)


def _rectangle(corner: Tuple[float, float], width: float, height: float, **style: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, width, height, **style)


def _short(token: str) -> str:
    return _plain(token if len(token) <= 14 else f"{token[:13]}…")


def _plain(text: str) -> str:
    """matplotlib reads what stands between two dollars as mathematics, and its font has no emoji."""
    text = "".join(char if ord(char) < 0x2E80 else "□" for char in text)
    return text.replace("$", r"\$")


def _share(weight: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (weight - low) / max(high - low, 1e-9)))


def _color(share: float) -> str:
    return _hex([round(a + share * (b - a)) for a, b in zip(_LIGHT, _DARK, strict=True)])


def _hex(color: Sequence[int]) -> str:
    channels: List[str] = [f"{channel:02x}" for channel in color]
    return f"#{''.join(channels)}"
