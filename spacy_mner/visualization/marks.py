"""Entities in running text, as HTML."""

from html import escape
from typing import Any, Dict, List, Sequence, Tuple

from .colors import COLORS

DEFAULT_COLOR = "#dddddd"

Entity = Dict[str, Any]


def mark_entities(text: str, entities: Sequence[Entity]) -> str:
    """Mark entities in a text with their type.

    text (str): The text of a post.
    entities (Sequence[Entity]): Dicts with `start`, `end` (characters) and `label`, in any order.
        Of two that overlap, the first is shown.
    RETURNS (str): HTML; everything from the data is escaped.
    """
    parts: List[str] = []
    position = 0
    for entity in sorted(entities, key=lambda ent: (ent["start"], -ent["end"])):
        if entity["start"] < position:
            continue
        parts.append(escape(text[position : entity["start"]]))
        parts.append(_mark(text[entity["start"] : entity["end"]], entity["label"]))
        position = entity["end"]
    parts.append(escape(text[position:]))
    return "".join(parts)


def compare_entities(text: str, gold: Sequence[Entity], predicted: Sequence[Entity]) -> str:
    """List the predicted entities of a post, right or wrong, and the ones it missed.

    text (str): The text of a post.
    gold (Sequence[Entity]): Entities as in `mark_entities`.
    predicted (Sequence[Entity]): The same.
    RETURNS (str): HTML.
    """
    golds = {_key(entity) for entity in gold}
    found = {_key(entity) for entity in predicted}
    parts = []
    for start, end, label in sorted(found):
        right = (start, end, label) in golds
        sign, kind, word = ("✓", "right", "right") if right else ("✗", "wrong", "wrong")
        mark = _mark(text[start:end], label)
        parts.append(f'<span class="{kind}" title="{word}">{sign} {mark}</span>')
    for start, end, label in sorted(golds - found):
        mark = _mark(text[start:end], label)
        parts.append(f'<span class="missed" title="missed">missed {mark}</span>')
    return " ".join(parts) or '<span class="none">no entity</span>'


def _mark(text: str, label: str) -> str:
    color = COLORS.get(label, DEFAULT_COLOR)
    return f'<mark style="background:{color}">{escape(text)} <b>{escape(label)}</b></mark>'


def _key(entity: Entity) -> Tuple[int, int, str]:
    return entity["start"], entity["end"], entity["label"]
