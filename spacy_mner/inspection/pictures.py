"""What there is to see: counts over the pictures of the examples."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, Hashable, List, Optional, Sequence, Tuple

import numpy as np
from spacy.tokens import Doc
from spacy.training import Example

from ..extensions import set_extensions

set_extensions()


@dataclass
class PresenceShare:
    """How many of the posts with and without a picture hold an entity type.

    with_picture, without_picture (float): shares, from 0 to 1.
    z (float): standard errors between the two shares (pooled test of two proportions).
    """

    with_picture: float
    without_picture: float
    z: float


@dataclass
class PictureReport:
    """The counts of the pictures of one part of the data.

    with_picture, without_picture (int): posts with and without a vector.
    not_encoded (int): of the latter, those that have a picture (`Doc._.image`) which must be encoded.
    widths (Dict[int, int]): posts by the width D of their vector.
    regions (Dict[int, int]): posts by the number R of their regions.
    zero, not_finite (int): vectors that are all zero, or hold NaN or infinite values.
    bad_shapes (Dict[str, int]): vectors that are neither (D,) nor (R, D) with values, by shape.
    distinct (int): different vectors.
    most_repeated (int): posts that share the most frequent vector.
    by_type (Dict[str, PresenceShare]): for each entity type.
    """

    with_picture: int = 0
    without_picture: int = 0
    not_encoded: int = 0
    widths: Dict[int, int] = field(default_factory=dict)
    regions: Dict[int, int] = field(default_factory=dict)
    zero: int = 0
    not_finite: int = 0
    bad_shapes: Dict[str, int] = field(default_factory=dict)
    distinct: int = 0
    most_repeated: int = 0
    by_type: Dict[str, PresenceShare] = field(default_factory=dict)


def inspect_pictures(examples: Sequence[Example]) -> PictureReport:
    """Count the pictures of examples. Nothing is refused: what is wrong is counted."""
    report = PictureReport()
    widths: Counter = Counter()
    regions: Counter = Counter()
    bad_shapes: Counter = Counter()
    keys: Counter = Counter()
    for eg in examples:
        vector = raw_picture(eg.reference)
        if vector is None:
            report.without_picture += 1
            report.not_encoded += eg.reference._.image is not None
            continue
        report.with_picture += 1
        keys[picture_key(eg.reference)] += 1
        if vector.ndim not in (1, 2) or not vector.size:
            bad_shapes[str(vector.shape)] += 1
            continue
        widths[vector.shape[-1]] += 1
        regions[1 if vector.ndim == 1 else len(vector)] += 1
        finite = bool(np.isfinite(vector).all())
        report.not_finite += not finite
        report.zero += finite and not vector.any()
    report.widths = dict(sorted(widths.items()))
    report.regions = dict(sorted(regions.items()))
    report.bad_shapes = dict(bad_shapes)
    report.distinct = len(keys)
    report.most_repeated = max(keys.values(), default=0)
    report.by_type = types_by_presence(examples)
    return report


def types_by_presence(examples: Sequence[Example]) -> Dict[str, PresenceShare]:
    """Compare how often posts with and without a picture hold each entity type.

    Pictures are rarely missing at random: where they are not, "there is a picture" says something
    about the entities, and a model can learn that instead of what the picture shows.

    examples (Sequence[Example]): posts without any annotation are left out.
    RETURNS (Dict[str, PresenceShare]): by type; empty unless there are posts of both kinds.
    """
    docs = [eg.reference for eg in examples if eg.reference.has_annotation("ENT_IOB")]
    counts: Dict[bool, Counter] = {True: Counter(), False: Counter()}
    totals: Counter = Counter()
    for doc in docs:
        has = raw_picture(doc) is not None
        totals[has] += 1
        counts[has].update({ent.label_ for ent in doc.ents})
    if not (totals[True] and totals[False]):
        return {}
    labels = sorted({*counts[True], *counts[False]})
    return {
        label: _compare((counts[True][label], totals[True]), (counts[False][label], totals[False]))
        for label in labels
    }


def raw_picture(doc: Doc) -> Optional[np.ndarray]:
    """The vector of a post as it is stored, as float32, without any check; None = no picture.

    What is no array of numbers comes back as an empty one.
    """
    value = doc._.image_vec
    if value is None:
        return None
    try:
        return np.asarray(value.get() if hasattr(value, "get") else value, dtype=np.float32)
    except (TypeError, ValueError):
        return np.empty(0, dtype=np.float32)


def picture_key(doc: Doc) -> Hashable:
    """A key of the picture's vector, or the picture's id or path where it has none, or None."""
    vector = raw_picture(doc)
    if vector is not None:
        return vector.shape, hashlib.blake2b(vector.tobytes(), digest_size=16).digest()
    source = doc._.image_id or doc._.image
    return source if isinstance(source, (str, bytes)) else None


def _compare(a: Tuple[int, int], b: Tuple[int, int]) -> PresenceShare:
    (hits_a, n_a), (hits_b, n_b) = a, b
    share_a, share_b = hits_a / n_a, hits_b / n_b
    pooled = (hits_a + hits_b) / (n_a + n_b)
    error = (pooled * (1 - pooled) * (1 / n_a + 1 / n_b)) ** 0.5
    z = abs(share_a - share_b) / error if error else 0.0
    return PresenceShare(round(share_a, 4), round(share_b, 4), round(z, 2))


def region_summary(regions: Dict[int, int]) -> List[float]:
    """Least, mean and greatest number of regions."""
    total = sum(regions.values())
    mean = sum(r * n for r, n in regions.items()) / total if total else 0.0
    return [min(regions, default=0), mean, max(regions, default=0)]
