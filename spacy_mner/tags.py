"""BIO tags: their order, the gold tags of examples, and the spans that a row of tags means."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE, IS_SPACE, ORTH, SENT_START, SPACY
from spacy.tokens import Doc
from spacy.training import Example

from .errors import Errors

# spaCy's values of token.ent_iob
MISSING, INSIDE, OUTSIDE, BEGIN = 0, 1, 2, 3
# A gold tag that is not known: the loss sums over all tags of the token.
UNKNOWN_TAG = -1


class Entity(NamedTuple):
    """A span of tokens `start` to `end` (exclusive) and the index of its label."""

    start: int
    end: int
    label: int


def bio_tags(labels: Sequence[str]) -> List[str]:
    """The tags in their fixed order: O, then B-X and I-X of each label.

    The tag ids follow from the index `i` of the label: B is `1 + 2i`, I is `2 + 2i`.
    """
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def gold_tags(example: Example, label_ids: Dict[str, int]) -> np.ndarray:
    """The gold tag ids of the predicted doc's tokens.

    example (Example): predicted and reference doc; their tokens may differ.
    label_ids (Dict[str, int]): index of each label.
    RETURNS (ndarray): int64 (n_tokens,), `UNKNOWN_TAG` where the annotation is missing or cannot be
        aligned with the predicted tokens. White space at the border of an entity is O.
    RAISES (ValueError): M012 for a label that is not in `label_ids`.
    """
    predicted, reference = example.predicted, example.reference
    if _same_tokens(predicted, reference):
        tags = _reference_tags(reference, label_ids)
    else:
        tags = _aligned_tags(example, label_ids)
    return _trim_gold(tags, space_tokens(predicted))


def _aligned_tags(example: Example, label_ids: Dict[str, int]) -> np.ndarray:
    predicted = example.predicted
    tags = np.full(len(predicted), UNKNOWN_TAG, dtype=np.int64)
    for i, tag in enumerate(example.get_aligned_ner()):
        if tag is None or tag == "-":
            continue
        prefix, _, label = tag.partition("-")
        if prefix == "O":
            tags[i] = 0
        else:
            tags[i] = 1 + 2 * _label_id(label, label_ids) + (prefix in "IL")
    return tags


def _label_id(label: str, label_ids: Dict[str, int]) -> int:
    if label not in label_ids:
        raise ValueError(Errors.M012.format(label=label, labels=", ".join(label_ids)))
    return label_ids[label]


def _same_tokens(a: Doc, b: Doc) -> bool:
    attrs = [ORTH, SPACY]
    return len(a) == len(b) and np.array_equal(a.to_array(attrs), b.to_array(attrs))


def _reference_tags(reference: Doc, label_ids: Dict[str, int]) -> np.ndarray:
    attrs = reference.to_array([ENT_IOB, ENT_TYPE]).astype(np.uint64).reshape(-1, 2)
    iob, types = attrs[:, 0], attrs[:, 1]
    tags = np.where(iob == OUTSIDE, 0, UNKNOWN_TAG).astype(np.int64)
    # A blocked token (B without a label) is known to be outside an entity.
    tags[(iob == BEGIN) & (types == 0)] = 0
    for type_ in np.unique(types[types != 0]):
        label = _label_id(reference.vocab.strings[int(type_)], label_ids)
        tags[(types == type_) & (iob == BEGIN)] = 1 + 2 * label
        tags[(types == type_) & (iob == INSIDE)] = 2 + 2 * label
    return tags


def _trim_gold(tags: np.ndarray, space: np.ndarray) -> np.ndarray:
    """Take white space off the borders of gold entities, where no prediction has any.

    spaCy's `ner` refuses such annotation (E024).
    """
    for i in np.flatnonzero(space).tolist():
        if tags[i] > 0 and tags[i] % 2 == 1:
            if i + 1 < len(tags) and tags[i + 1] == tags[i] + 1:
                tags[i + 1] = tags[i]
            tags[i] = 0
    for i in np.flatnonzero(space)[::-1].tolist():
        inside = tags[i] > 0 and tags[i] % 2 == 0
        if inside and (i + 1 == len(tags) or tags[i + 1] != tags[i]):
            tags[i] = 0
    return tags


def space_tokens(doc: Doc) -> np.ndarray:
    """Which tokens are white space, bool (n_tokens,)."""
    return doc.to_array([IS_SPACE]).reshape(-1) == 1


def trim(entity: Entity, doc: Doc) -> Entity:
    """Take white space off the end of an entity, as no entity should end on it.

    A tag cannot be forbidden for what follows it, so this comes after decoding. The beginning needs no
    trimming: see `preset_constraints`.

    entity (Entity): as decoded.
    doc (Doc): its doc.
    """
    end = entity.end
    while end > entity.start + 1 and doc[end - 1].is_space:
        end -= 1
    return entity._replace(end=end) if end < entity.end else entity


def post_labels(examples: Sequence[Example], labels: Sequence[str]) -> np.ndarray:
    """Which labels each post holds.

    examples (Sequence[Example]): n examples.
    labels (Sequence[str]): N labels.
    RETURNS (ndarray): float32 (n, N): 1 where an entity of the reference has the label, else 0; NaN for
        a post without any entity annotation.
    """
    ids = {label: i for i, label in enumerate(labels)}
    held = np.zeros((len(examples), len(labels)), dtype=np.float32)
    for row, eg in zip(held, examples, strict=True):
        if not eg.reference.has_annotation("ENT_IOB"):
            row[:] = np.nan
        for ent in eg.reference.ents:
            if ent.label_ in ids:
                row[ids[ent.label_]] = 1.0
    return held


def entities_from_tags(tags: np.ndarray) -> List[List[Entity]]:
    """The entities of B rows of legal tag ids (B, T), O on padding."""
    found: List[List[Entity]] = [[] for _ in tags]
    rows = tags.tolist()
    # All beginnings at once: most posts have few, and a search through each post costs more than the rest.
    for b, start in np.argwhere(tags % 2 == 1).tolist():
        row, end = rows[b], start + 1
        while end < len(row) and row[end] == row[start] + 1:
            end += 1
        found[b].append(Entity(start, end, (row[start] - 1) // 2))
    return found


def preset_constraints(docs: Sequence[Doc], width: int, n_tags: int) -> Optional[np.ndarray]:
    """What the docs already say about their entities, as spaCy's `ner` reads it.

    Tokens of preset entities and blocked tokens stay as they are (the decoder must put O there), no
    entity begins on white space, and none runs across a sentence boundary that is set.

    docs (Sequence[Doc]): B docs.
    width (int): T, the padded length.
    n_tags (int): L.
    RETURNS (Optional[ndarray]): bool (B, T, L), the tags that each token may take; None = all.
    """
    allowed = None
    for row, doc in enumerate(docs):
        attrs = doc.to_array([ENT_IOB, IS_SPACE, SENT_START]).reshape(-1, 3)
        # SENT_START is 1 for a start and 2**64 - 1 for "no start" in spaCy's unsigned arrays.
        preset = (attrs[:, 0] == BEGIN) | (attrs[:, 0] == INSIDE)
        space = attrs[:, 1] == 1
        starts = attrs[:, 2] == 1
        if not (preset.any() or space.any() or starts[1:].any()):
            continue
        if allowed is None:
            allowed = np.ones((len(docs), width, n_tags), dtype=bool)
        allowed[row, : len(doc)][preset, 1:] = False
        allowed[row, : len(doc)][space, 1::2] = False
        allowed[row, : len(doc)][starts, 2::2] = False
    return allowed


def preset_entities(doc: Doc) -> Tuple[bool, List[Tuple[int, int]]]:
    """Whether the doc holds any entity annotation, and the runs of tokens without one."""
    if not doc.has_annotation("ENT_IOB"):
        return False, []
    iob = doc.to_array([ENT_IOB])
    missing = np.flatnonzero(iob == MISSING)
    if missing.size == len(doc):
        return False, []
    breaks = np.flatnonzero(np.diff(missing) > 1) + 1
    runs = [(int(run[0]), int(run[-1]) + 1) for run in np.split(missing, breaks) if run.size]
    return True, runs
