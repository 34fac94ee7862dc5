"""Entities as plain spans in the tokens of the reference, and the rule that matches them."""

from typing import Dict, Hashable, Iterable, List, NamedTuple, Optional, Set, Tuple, TypeVar

from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

KeyT = TypeVar("KeyT", bound=Hashable)
Span = Tuple[str, int, int]


class EntityPair(NamedTuple):
    """The entities of one post, both as (label, start, end) in tokens of the reference."""

    gold: List[Span]
    predicted: List[Span]


def entity_pair(eg: Example) -> Optional[EntityPair]:
    """Bring the gold and the predicted entities of a post into one coordinate system.

    A prediction that touches a token without entity annotation is neither right nor wrong and is
    left out; one that aligns with no token of the reference is left out too. Both rules are those
    of `spacy.scorer.get_ner_prf`.

    eg (Example): Predicted and reference doc; their tokens may differ.
    RETURNS (Optional[EntityPair]): The spans, or None where the reference has no entity annotation.
    """
    if not eg.reference.has_annotation("ENT_IOB"):
        return None
    gold = [(ent.label_, ent.start, ent.end) for ent in eg.reference.ents]
    predicted = []
    x2y = eg.alignment.x2y
    for ent in eg.predicted.ents:
        indices = x2y[ent.start : ent.end]
        if len(indices) == 0:
            continue
        start, end = int(indices[0]), int(indices[-1]) + 1
        if all(token.ent_iob != 0 for token in eg.reference[start:end]):
            predicted.append((ent.label_, start, end))
    return EntityPair(gold, predicted)


def boundaries(spans: Iterable[Span]) -> List[Tuple[int, int]]:
    """Forget the labels: what segmentation (untyped) scores compare."""
    return [(start, end) for _, start, end in spans]


def match(gold: Iterable[KeyT], predicted: Iterable[KeyT]) -> Tuple[PRFScore, Set[KeyT]]:
    """Match predictions with golds one to one: a second prediction of the same gold is wrong.

    gold (Iterable): Distinct keys, typed spans or boundaries.
    predicted (Iterable): Keys of the same kind; two predictions can share a key where several
        tokens of the predicted doc make one of the reference.
    RETURNS (Tuple[PRFScore, Set]): The counts, and the golds that were found.
    """
    missing = set(gold)
    found: Set[KeyT] = set()
    counts = PRFScore()
    for key in predicted:
        if key in missing:
            missing.remove(key)
            found.add(key)
            counts.tp += 1
        else:
            counts.fp += 1
    counts.fn = len(missing)
    return counts, found


def mention_key(text: str) -> str:
    """The surface form of a mention: case and the amount of white space do not matter."""
    return " ".join(text.split()).casefold()


def collect_mentions(docs: Iterable[Doc]) -> Set[str]:
    """The surface forms of all entities in annotated docs.

    docs (Iterable[Doc]): Usually the training data.
    RETURNS (Set[str]): Keys as made by `mention_key`.
    """
    return {mention_key(ent.text) for doc in docs for ent in doc.ents}


def prf(counts: PRFScore, prefix: str) -> Dict[str, Optional[float]]:
    """Counts as spaCy reports them: three floats, or None where there was nothing to count.

    counts (PRFScore): Counts of a whole set of posts.
    prefix (str): Start of the keys, such as "ents_seg".
    RETURNS (Dict[str, Optional[float]]): `{prefix}_p`, `{prefix}_r` and `{prefix}_f`, from 0 to 1.
    """
    if len(counts) == 0:
        return {f"{prefix}_p": None, f"{prefix}_r": None, f"{prefix}_f": None}
    return {
        f"{prefix}_p": counts.precision,
        f"{prefix}_r": counts.recall,
        f"{prefix}_f": counts.fscore,
    }
