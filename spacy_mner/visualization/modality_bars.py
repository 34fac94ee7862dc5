"""The weight of each modality for each token, as bars that wrap like text."""

from html import escape
from typing import Any, Dict, List, Sequence

# They differ in lightness too, so they stay apart in grey print. Later modalities take turns.
COLORS = ("#2f6f9f", "#edb95e", "#9c2f5c", "#9ccba6", "#6b5ba8", "#9aa5b1")

CSS = "\n".join(f".m{i} {{ background: {color}; }}" for i, color in enumerate(COLORS)) + (
    """
.bars { display: flex; flex-wrap: wrap; gap: 6px 8px; margin: 10px 0 0; font-size: 13px;
  line-height: 1.3; }
.bars .legend { flex: 0 0 100%; margin: 0; font-size: 13px; }
.bars .legend .dot { margin: 0 5px 0 12px; }
.bars .token { min-width: 34px; max-width: 100%; }
.bars .token span { display: block; max-width: 220px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.bars .bar { display: flex; gap: 1px; height: 7px; border-radius: 2px; overflow: hidden; }
.bars .bar, .bars .dot { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.bars small { color: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }"""
)


def modality_bars(weights: Dict[str, Any], *, max_tokens: int) -> str:
    """Draw the weights of one post.

    weights (Dict[str, Any]): `tokens`, `modalities`, and `values` (a row a token, a column a
        modality), as `spacy mner predict --weights` writes them.
    max_tokens (int): later tokens are left out, and counted.
    RETURNS (str): HTML; everything from the data is escaped.
    """
    names = weights["modalities"]
    legend = "".join(
        f'<span class="dot m{_color(m)}"></span>{escape(name)}' for m, name in enumerate(names)
    )
    parts = [f'<p class="legend">weight of each modality, in percent: {legend}</p>']
    tokens = weights["tokens"]
    for token, row in zip(tokens[:max_tokens], weights["values"], strict=False):
        parts.append(_token(token, row))
    if len(tokens) > max_tokens:
        parts.append(f"<small>and {len(tokens) - max_tokens:,} tokens more</small>")
    return f'<div class="bars">{"".join(parts)}</div>'


def _token(token: str, row: Sequence[float]) -> str:
    shares: List[int] = [round(100 * weight) for weight in row]
    bar = "".join(
        f'<i class="m{_color(m)}" style="flex:{share}"></i>'
        for m, share in enumerate(shares)
        if share > 0
    )
    figures = " ".join(map(str, shares))
    # White space would leave a bar without a name.
    name = escape(token) if token.strip() else "␣"
    return (
        f'<div class="token"><span dir="auto">{name}</span><div class="bar">{bar}</div>'
        f"<small>{figures}</small></div>"
    )


def _color(modality: int) -> int:
    return modality % len(COLORS)
