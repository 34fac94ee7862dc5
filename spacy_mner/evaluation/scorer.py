"""The scorer of the component `mner`."""

from typing import Any, Callable, Dict, Iterable, Set

from spacy.scorer import PRFScore, get_ner_prf
from spacy.training import Example

from .spans import boundaries, entity_pair, match, prf


def make_mner_scorer_v1() -> Callable[..., Dict[str, Any]]:
    """Typed, segmentation and macro scores of entities: see `score_entities`.

    RETURNS (Callable): `score_entities`, called with examples.
    """
    return score_entities


def score_entities(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    """Score entities, with and without their type.

    | key                      | what                                                             |
    |--------------------------|------------------------------------------------------------------|
    | `ents_p/r/f`             | typed, micro: boundaries and type must be right, all spans pooled |
    | `ents_per_type`          | the same for each type                                           |
    | `ents_seg_p/r/f`         | segmentation, micro: boundaries alone                            |
    | `ents_macro_p/r/f`       | mean of the per-type figures over the types that the gold has    |

    The first two rows are spaCy's own figures. Typed micro figures cannot be above the segmentation
    figures; macro figures can. All are from 0 to 1, or None where there is no entity at all.

    examples (Iterable[Example]): Predicted and reference docs.
    RETURNS (Dict[str, Any]): The scores.
    """
    examples = list(examples)
    scores: Dict[str, Any] = get_ner_prf(examples, **kwargs)
    segmentation = PRFScore()
    gold_types: Set[str] = set()
    for eg in examples:
        pair = entity_pair(eg)
        if pair is None:
            continue
        segmentation += match(boundaries(pair.gold), boundaries(pair.predicted))[0]
        gold_types.update(label for label, _, _ in pair.gold)
    scores.update(prf(segmentation, "ents_seg"))
    for figure in ("p", "r", "f"):
        values = [scores["ents_per_type"][label][figure] for label in gold_types]
        scores[f"ents_macro_{figure}"] = sum(values) / len(values) if values else None
    return scores
