"""Evaluate a pipeline with pictures, without, or with the pictures of other posts."""

import random
from collections import Counter
from timeit import default_timer as timer
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set

import numpy
from spacy.language import Language
from spacy.scorer import PRFScore, Scorer
from spacy.training import Example, validate_examples

from ..errors import Errors
from ..pictures import Condition, has_picture, with_pictures
from .calibration import calibration, judge_entities
from .counts import post_counts
from .scorer import score_entities
from .spans import Span, boundaries, entity_pair, match, mention_key


def evaluate(
    nlp: Language,
    examples: Iterable[Example],
    images: Condition = "on",
    seed: int = 0,
    *,
    train_mentions: Optional[Set[str]] = None,
    n_examples: int = 0,
    counts: bool = False,
    batch_size: Optional[int] = None,
    progress: bool = False,
) -> Dict[str, Any]:
    """Predict the entities of posts and score them, as `spacy evaluate` does and beyond.

    The result holds every score of the pipeline's components (`ents_p`, `ents_per_type`, ...), the
    scores of `score_entities`, and

    | key                                 | what                                            |
    |-------------------------------------|-------------------------------------------------|
    | `images`, `seed`                    | the condition                                   |
    | `n_posts`, `n_tokens`, `n_entities` | size of the data, by the gold annotation        |
    | `n_entities_per_type`               | entities of the gold for each type              |
    | `n_with_image`                      | posts that come with a picture                  |
    | `with_image`, `without_image`       | scores on these posts alone                     |
    | `seen`, `unseen`                    | recall of mentions in `train_mentions` or not   |
    | `calibration`                       | whether the entities' probabilities are true    |
    | `speed`, `posts_per_second`         | tokens and posts per second                     |
    | `examples`                          | posts with gold and predicted entities          |
    | `counts`                            | on request: `PostCounts` of each post           |

    Which posts have a picture is a matter of the data: the division is the same in all conditions.
    `seen` and `unseen` are None without `train_mentions`, `calibration` (its keys: see
    `calibration.calibration`) where no entity has a probability (`scores = false`).

    nlp (Language): The pipeline.
    examples (Iterable[Example]): The data, as made by a corpus reader. Never changed.
    images (str): "on" (each post has its picture), "off" (none), or "shuffled" (another post's).
    seed (int): Seed of the shuffling.
    train_mentions (Optional[Set[str]]): Surface forms, see `collect_mentions`.
    n_examples (int): How many posts to put under `examples`. They are drawn from those with a
        gold entity, by lot that knows the data alone: the same for every model and condition.
    counts (bool): Put the counts of each post under `counts`, for significance tests.
    batch_size (Optional[int]): Posts per batch. Defaults to the pipeline's.
    progress (bool): Show a progress bar on stderr.
    RETURNS (Dict[str, Any]): JSON values; scores are from 0 to 1.
    RAISES (ValueError): M006 if the condition is not known, M060 if there are no examples.
    """
    source = list(examples)
    if not source:
        raise ValueError(Errors.M060)
    validate_examples(source, "evaluate")
    copies = with_pictures(source, images, seed=seed)
    seconds = _predict(nlp, copies, batch_size=batch_size, progress=progress)
    # The pipeline's own scores come last: they must be those of `spacy evaluate`.
    scores = score_entities(copies)
    scores.update(Scorer(nlp=nlp).score(copies))
    judged = judge_entities(copies)
    pictured = [has_picture(eg.reference) for eg in source]
    with_image = [eg for eg, has in zip(copies, pictured, strict=True) if has]
    without_image = [eg for eg, has in zip(copies, pictured, strict=True) if not has]
    scores.update(
        {
            "images": images,
            "seed": seed,
            "n_posts": len(copies),
            "n_tokens": sum(len(eg.reference) for eg in copies),
            "n_entities": sum(len(eg.reference.ents) for eg in copies),
            "n_entities_per_type": _count_types(copies),
            "n_with_image": len(with_image),
            "with_image": _score_part(with_image),
            "without_image": _score_part(without_image),
            "seen": None,
            "unseen": None,
            "calibration": None if judged is None else calibration(judged),
            "speed": sum(len(eg.predicted) for eg in copies) / seconds,
            "posts_per_second": len(copies) / seconds,
            "examples": _describe(source, copies, n_examples),
        }
    )
    if counts:
        scores["counts"] = post_counts(copies)
    if train_mentions is not None:
        scores.update(_score_mentions(copies, train_mentions))
    return _plain(scores)


def _predict(
    nlp: Language, examples: Sequence[Example], *, batch_size: Optional[int], progress: bool
) -> float:
    """Run the pipeline on the predicted docs. RETURNS (float): Seconds, counted as spaCy does."""
    from tqdm import tqdm

    start = timer()
    for eg in examples:
        # For timing alone: `Language.evaluate` counts the tokenizer's time as well.
        nlp.make_doc(eg.reference.text)
    docs = nlp.pipe((eg.predicted for eg in examples), batch_size=batch_size)
    bar = tqdm(docs, total=len(examples), desc="evaluate", unit="post", disable=not progress)
    for eg, doc in zip(examples, bar, strict=True):
        eg.predicted = doc
    return timer() - start


def _count_types(examples: Iterable[Example]) -> Dict[str, int]:
    counts = Counter(ent.label_ for eg in examples for ent in eg.reference.ents)
    return dict(sorted(counts.items()))


def _score_part(examples: List[Example]) -> Dict[str, Any]:
    scores = score_entities(examples)
    scores["n_posts"] = len(examples)
    scores["n_entities"] = sum(len(eg.reference.ents) for eg in examples)
    return scores


def _score_mentions(examples: Iterable[Example], train_mentions: Set[str]) -> Dict[str, Any]:
    """Recall alone: a wrong prediction belongs to no gold mention, so precision has no meaning."""
    typed = {True: PRFScore(), False: PRFScore()}
    segmentation = {True: PRFScore(), False: PRFScore()}
    for eg in examples:
        pair = entity_pair(eg)
        if pair is None:
            continue
        _, found = match(pair.gold, pair.predicted)
        _, found_boundaries = match(boundaries(pair.gold), boundaries(pair.predicted))
        for label, start, end in pair.gold:
            seen = mention_key(eg.reference[start:end].text) in train_mentions
            _count(typed[seen], (label, start, end) in found)
            _count(segmentation[seen], (start, end) in found_boundaries)
    return {
        name: {
            "n_entities": len(typed[seen]),
            "ents_r": typed[seen].recall if len(typed[seen]) else None,
            "ents_seg_r": segmentation[seen].recall if len(typed[seen]) else None,
        }
        for name, seen in (("seen", True), ("unseen", False))
    }


def _count(counts: PRFScore, found: bool) -> None:
    if found:
        counts.tp += 1
    else:
        counts.fn += 1


def _describe(
    source: Sequence[Example], examples: Sequence[Example], limit: int
) -> List[Dict[str, Any]]:
    """Gold and predicted entities of some posts, with character offsets in the reference."""
    candidates = [i for i, eg in enumerate(source) if eg.reference.ents]
    chosen = sorted(random.Random(0).sample(candidates, min(limit, len(candidates))))
    rows = []
    for i in chosen:
        eg = examples[i]
        pair = entity_pair(eg)
        if pair is None:
            continue
        rows.append(
            {
                "index": i,
                "id": source[i].reference._.image_id,
                "text": eg.reference.text,
                "has_image": has_picture(source[i].reference),
                "gold": [_to_chars(eg, span) for span in pair.gold],
                "predicted": [_to_chars(eg, span) for span in pair.predicted],
            }
        )
    return rows


def _to_chars(eg: Example, span: Span) -> Dict[str, Any]:
    label, start, end = span
    part = eg.reference[start:end]
    return {"start": part.start_char, "end": part.end_char, "label": label}


def _plain(value: Any) -> Any:
    """Replace NumPy numbers, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, numpy.generic):
        return value.item()
    return value
