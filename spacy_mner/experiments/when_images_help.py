"""Table 2: the posts that the picture fixes, and those that it breaks."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..evaluation.spans import Span, entity_pair
from ..extensions import token_weights
from ..pictures import with_pictures
from ..pipeline.find import find_mner
from ..visualization.table import Cell, Table
from .captions import describe_picture
from .probabilities import span_probabilities

FIXED, BROKEN = "fixed", "broken"
KINDS = (FIXED, BROKEN)


@dataclass(frozen=True)
class Change:
    """One entity that only one of the two pipelines gets right.

    span (Span): (label, start, end) in tokens of the reference.
    kind (str): "fixed" (the pipeline with pictures is right) or "broken".
    is_gold (bool): a gold entity that one of them found; otherwise a wrong entity that one of them
        predicted.
    gain (float): by how much the picture's pipeline finds the right answer more probable, from -1 to 1.
    """

    span: Span
    kind: str
    is_gold: bool
    gain: float


@dataclass
class ChangedPost:
    """A post with at least one change.

    index (int): its place in the data.
    doc (Doc): the reference.
    gold, with_picture, without (List[Span]): entities of the gold and of the two pipelines.
    changes (List[Change]): the most telling first.
    weights (Dict[str, float]): mean modality weights on the tokens that changed; empty without attention.
    """

    index: int
    doc: Doc
    gold: List[Span]
    with_picture: List[Span]
    without: List[Span]
    changes: List[Change]
    weights: Dict[str, float] = field(default_factory=dict)

    def telling(self, kind: str) -> float:
        """How much the probabilities of the right answers differ, for the changes of one kind."""
        gains = [abs(change.gain) for change in self.changes if change.kind == kind]
        return max(gains, default=0.0)


def find_changes(
    with_picture: Language,
    without: Language,
    examples: Sequence[Example],
    others: Optional[Sequence[Example]] = None,
) -> List[ChangedPost]:
    """Compare two pipelines post by post.

    with_picture, without (Language): trained pipelines; the second one gets no pictures.
    examples (Sequence[Example]): the data. Never changed.
    others (Optional[Sequence[Example]]): the same posts in the vocab of the second pipeline, where the two
        do not share one: its word vectors are those of the docs.
    RETURNS (List[ChangedPost]): posts on which they differ in a right or wrong entity, in their order.
    """
    component, other = find_mner(with_picture), find_mner(without)
    stored, component.store_weights = component.store_weights, True
    try:
        seeing = _predict(with_picture, with_pictures(examples, "on"))
    finally:
        component.store_weights = stored
    blind = _predict(without, with_pictures(others or examples, "off"))
    posts = []
    for index, (a, b) in enumerate(zip(seeing, blind, strict=True)):
        pair_a, pair_b = entity_pair(a), entity_pair(b)
        if pair_a is None or pair_b is None:
            continue
        gold, found, missed = set(pair_a.gold), set(pair_a.predicted), set(pair_b.predicted)
        differing = sorted(found ^ missed, key=lambda span: span[1:])
        if not differing:
            continue
        # Spans are in tokens of the reference; probabilities need those of the predicted docs.
        same = len(a.predicted) == len(a.reference)
        p_a = span_probabilities(component, a.predicted, differing) if same else []
        p_b = span_probabilities(other, b.predicted, differing) if same else []
        changes = []
        for i, span in enumerate(differing):
            is_gold = span in gold
            kind = FIXED if is_gold == (span in found) else BROKEN
            rise = p_a[i] - p_b[i] if same else 0.0
            changes.append(Change(span, kind, is_gold, rise if is_gold else -rise))
        changes.sort(key=lambda change: -abs(change.gain))
        posts.append(
            ChangedPost(
                index=index,
                doc=a.reference,
                gold=pair_a.gold,
                with_picture=pair_a.predicted,
                without=pair_b.predicted,
                changes=changes,
                weights=_mean_weights(a.predicted, differing) if same else {},
            )
        )
    return posts


def counts_table(posts: Sequence[ChangedPost], examples: Sequence[Example]) -> Table:
    """How many entities of each type were fixed and broken."""
    counts: Counter = Counter(
        (change.span[0], change.kind, change.is_gold) for post in posts for change in post.changes
    )
    gold = Counter(ent.label_ for eg in examples for ent in eg.reference.ents)
    rows: List[Sequence[Cell]] = []
    total = [0, 0, 0, 0]
    for label in sorted({*gold, *(label for label, _, _ in counts)}):
        cells = [counts[label, kind, is_gold] for is_gold in (True, False) for kind in KINDS]
        rows.append([label, gold[label], *cells, _net(cells)])
        total = [a + b for a, b in zip(total, cells, strict=True)]
    rows.append(["all", sum(gold.values()), *total, _net(total)])
    return Table(
        title="Entities that the picture fixes and breaks",
        header=["type", "gold", "found", "lost", "avoided", "made", "net"],
        groups=[("", 2), ("Gold entities", 2), ("Wrong entities", 2), ("", 1)],
        rows=rows,
        breaks=[len(rows) - 1],
        note=(
            f"Of {len(examples):,} posts, {len(posts)} are labelled differently. Found and lost: gold "
            "entities that only the pipeline with pictures, or only the one without, finds. Avoided and "
            "made: wrong entities of the pipeline without, or of the one with pictures, alone. Net: "
            "found + avoided − lost − made."
        ),
    )


def change_blocks(
    posts: Sequence[ChangedPost], captions: Dict[str, str], *, limit: int
) -> List[Dict[str, Any]]:
    """A block a kind and type, the most telling posts first, for `sections.py`.

    limit (int): posts a block.
    """
    blocks = []
    for kind in KINDS:
        labels = sorted({c.span[0] for post in posts for c in post.changes if c.kind == kind})
        for label in labels:
            # A post stands under the type of its most telling change of that kind.
            found = [post for post in posts if _main_label(post, kind) == label]
            if not found:
                continue
            found.sort(key=lambda post: (-post.telling(kind), post.index))
            shown = found[:limit]
            note = "" if len(shown) == len(found) else f"The {limit} most telling of {len(found)}."
            blocks.append(
                {
                    "type": "changes",
                    "title": f"{kind.capitalize()} by the picture: {label}",
                    "note": note,
                    "posts": [_describe(post, kind, captions) for post in shown],
                }
            )
    return blocks


def _main_label(post: ChangedPost, kind: str) -> Optional[str]:
    return next((c.span[0] for c in post.changes if c.kind == kind), None)


def _describe(post: ChangedPost, kind: str, captions: Dict[str, str]) -> Dict[str, Any]:
    facts = {}
    first = next(change for change in post.changes if change.kind == kind)
    what = "gold entity" if first.is_gold else "wrong entity"
    text = post.doc[first.span[1] : first.span[2]].text
    rise = first.gain if first.is_gold else -first.gain
    change = f"{rise:+.2f}".replace("-", "−")
    facts["probability"] = f"{what} “{text}”: {change} with the picture"
    if post.weights:
        shares = (f"{name} {weight:.2f}" for name, weight in post.weights.items())
        facts["weights"] = ", ".join(shares)
    return {
        "name": str(post.index + 1),
        "text": post.doc.text,
        "picture": describe_picture(post.doc, captions),
        "gold": _to_chars(post.doc, post.gold),
        "predicted": {
            "with picture": _to_chars(post.doc, post.with_picture),
            "without": _to_chars(post.doc, post.without),
        },
        "facts": facts,
    }


def _predict(nlp: Language, examples: List[Example]) -> List[Example]:
    for eg, doc in zip(examples, nlp.pipe([eg.predicted for eg in examples]), strict=True):
        eg.predicted = doc
    return examples


def _mean_weights(doc: Doc, spans: Iterable[Span]) -> Dict[str, float]:
    weights = token_weights(doc)
    if weights is None:
        return {}
    tokens = sorted({i for _, start, end in spans for i in range(start, end)})
    means = weights[tokens].mean(0).tolist()
    return dict(zip(doc._.modality_names, means, strict=True))


def _to_chars(doc: Doc, spans: Iterable[Span]) -> List[Dict[str, Any]]:
    found = []
    for label, start, end in spans:
        part = doc[start:end]
        found.append({"start": part.start_char, "end": part.end_char, "label": label})
    return found


def _net(cells: Sequence[int]) -> int:
    found, lost, avoided, made = cells
    return found + avoided - lost - made
