"""What the component writes on a doc: entities, and a span group that says which of them are its own.

`doc.spans[key]` holds the entities in their order. Its `attrs` survive `DocBin`, and retokenization
(`merge_entities`), after which the group's own spans may be out of reach:

| attr         | value                                                                             |
|--------------|-----------------------------------------------------------------------------------|
| `source`     | `extensions.SCORES_SOURCE`                                                        |
| `index`      | position of each entity in the lists below, by `extensions.span_key`              |
| `components` | list of str: the component that found each entity                                 |
| `scores`     | float32 (n_entities,): their probabilities, NaN where none was computed; or absent |
| `sentences`  | bool: whether the doc had sentence boundaries, which entities do not cross        |
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from spacy.attrs import SENT_START
from spacy.tokens import Doc, Span, SpanGroup

from ..extensions import SCORES_SOURCE, span_key
from ..tags import preset_entities


class FoundEntity(NamedTuple):
    """An entity that a component found.

    ent (Span): the entity.
    component (str): the component's name.
    score (float): its probability; NaN if it was not computed.
    """

    ent: Span
    component: str
    score: float


def write_entities(
    doc: Doc, ents: List[Span], scores: Optional[np.ndarray], *, key: str, component: str
) -> None:
    """Add predicted entities to a doc. What the doc says already stays.

    Entities that a component of this package found earlier, be it this one in an earlier pass or
    another one with the same key, stay in the span group with their scores.

    doc (Doc): changed in place.
    ents (List[Span]): the new entities, on tokens that the doc leaves open.
    scores (Optional[ndarray]): (n_entities,) probabilities, or None if they are not computed.
    key (str): of the span group.
    component (str): the component's name.
    """
    values = [np.nan] * len(ents) if scores is None else scores.tolist()
    # Before the entities are set: what is preset now and was found by us stays ours.
    found = _found_earlier(doc, key)
    annotated, missing = preset_entities(doc)
    if annotated:
        doc.set_ents(ents, default="unmodified")
        _set_outside(doc, missing, ents)
    else:
        doc.set_ents(ents, default="outside")
    found += [FoundEntity(*row) for row in zip(ents, [component] * len(ents), values, strict=True)]
    found.sort(key=lambda entity: entity.ent.start)
    attrs: Dict[str, Any] = {
        "source": SCORES_SOURCE,
        "index": {span_key(entity.ent): i for i, entity in enumerate(found)},
        "components": [entity.component for entity in found],
        "sentences": doc.has_annotation("SENT_START"),
    }
    row = np.asarray([entity.score for entity in found], dtype=np.float32)
    if scores is not None or not np.isnan(row).all():
        attrs["scores"] = row
    doc.spans[key] = SpanGroup(doc, name=key, attrs=attrs, spans=[entity.ent for entity in found])


def remove_entities(doc: Doc, *, key: str, component: str) -> None:
    """Make a doc what it was for a component: without what that wrote, and without sentence boundaries that
    were not there; entities and blocked tokens of others stay.

    doc (Doc): changed in place.
    key (str): of the span group.
    component (str): the component's name.
    """
    ours = {span_key(f.ent) for f in _found_earlier(doc, key) if f.component == component}
    if key in doc.spans and doc.spans[key].attrs.get("sentences") is False:
        # Set since then, by another component.
        none: Any = np.zeros((len(doc), 1), dtype="uint64")
        doc.from_array([SENT_START], none)
    kept = [ent for ent in doc.ents if span_key(ent) not in ours]
    blocked = [doc[t.i : t.i + 1] for t in doc if t.ent_iob == 3 and not t.ent_type]
    doc.set_ents(kept, blocked=blocked, default="missing")


def _found_earlier(doc: Doc, key: str) -> List[FoundEntity]:
    """The entities of the doc that its span group knows; by offsets, as tokens may have changed."""
    attrs = doc.spans[key].attrs if key in doc.spans else {}
    if attrs.get("source") != SCORES_SOURCE:
        return []
    index, components = attrs.get("index", {}), attrs.get("components", [])
    scores = attrs.get("scores", [np.nan] * len(components))
    places = [(ent, index.get(span_key(ent))) for ent in doc.ents]
    return [FoundEntity(ent, components[i], float(scores[i])) for ent, i in places if i is not None]


def _set_outside(doc: Doc, missing: Sequence[Tuple[int, int]], ents: Sequence[Span]) -> None:
    """Mark as O what had no annotation and got no entity."""
    inside = {i for ent in ents for i in range(ent.start, ent.end)}
    outside = [
        doc[i : i + 1] for start, end in missing for i in range(start, end) if i not in inside
    ]
    if outside:
        doc.set_ents([], outside=outside, default="unmodified")
