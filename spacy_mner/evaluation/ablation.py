"""The three conditions under which a pipeline is evaluated: pictures on, off, shuffled."""

import hashlib
import random
from typing import Any, Dict, Hashable, Iterable, List, Literal, Sequence, get_args

from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors
from ..extensions import set_extensions
from ..training.share_images import SHARED

Condition = Literal["on", "off", "shuffled"]
CONDITIONS: Sequence[str] = get_args(Condition)


def with_pictures(
    examples: Iterable[Example], images: Condition = "on", *, seed: int = 0
) -> List[Example]:
    """Copy examples so that they are ready for prediction under a condition.

    `on`: each predicted doc gets its reference's picture. `off`: no post has a picture.
    `shuffled`: the posts with a picture exchange theirs at random, so that none keeps its own where
    that is possible; posts without one stay without. The docs given are never changed: a reference
    whose picture must change is copied, because the component's scorer looks there.

    examples (Iterable[Example]): Examples as a reader makes them.
    images (str): "on", "off" or "shuffled".
    seed (int): Makes the exchange of pictures repeatable.
    RETURNS (List[Example]): New examples with new predicted docs, in the same order.
    RAISES (ValueError): M006 if the condition is not known.
    """
    if images not in CONDITIONS:
        raise ValueError(
            Errors.M006.format(value=images, setting="images", options=", ".join(CONDITIONS))
        )
    set_extensions()
    examples = list(examples)
    pictures = [_get_picture(eg.reference) for eg in examples]
    if images == "off":
        pictures = [{} for _ in examples]
    elif images == "shuffled":
        owners = [i for i, eg in enumerate(examples) if has_picture(eg.reference)]
        order = derange([_identity(pictures[i]) for i in owners], seed=seed)
        shuffled: List[Dict[str, Any]] = [{} for _ in examples]
        for i, j in zip(owners, order, strict=True):
            shuffled[i] = pictures[owners[j]]
        pictures = shuffled
    copies = []
    for eg, picture in zip(examples, pictures, strict=True):
        reference = eg.reference
        if images != "on":
            reference = reference.copy()
            _set_picture(reference, picture)
        predicted = eg.predicted.copy()
        _set_picture(predicted, picture)
        copies.append(Example(predicted, reference))
    return copies


def has_picture(doc: Doc) -> bool:
    """Whether a post comes with a picture, encoded (`image_vec`) or not (`image`)."""
    return doc._.image_vec is not None or doc._.image is not None


def derange(keys: Sequence[Hashable], *, seed: int = 0) -> List[int]:
    """Draw a permutation under which no place receives a value equal to its own.

    Equal keys are put side by side in random order, and the row is rotated by the length of the
    longest run. This fails only where one key fills more than half of the places, and then as
    rarely as possible.

    keys (Sequence[Hashable]): One key per place; equal keys stand for the same picture.
    seed (int): The same seed gives the same permutation.
    RETURNS (List[int]): For each place, the place its new value comes from.
    """
    runs: Dict[Hashable, List[int]] = {}
    for i, key in enumerate(keys):
        runs.setdefault(key, []).append(i)
    rng = random.Random(seed)
    groups = list(runs.values())
    rng.shuffle(groups)
    for group in groups:
        rng.shuffle(group)
    row = [i for group in groups for i in group]
    shift = max(map(len, groups), default=0)
    order = [0] * len(row)
    for position, place in enumerate(row):
        order[place] = row[(position + shift) % len(row)]
    return order


def _get_picture(doc: Doc) -> Dict[str, Any]:
    values = {name: doc._.get(name) for name in SHARED}
    return {name: value for name, value in values.items() if value is not None}


def _set_picture(doc: Doc, picture: Dict[str, Any]) -> None:
    for name in SHARED:
        # Typed as a dict of str, but extensions are kept under tuples.
        doc.user_data.pop(("._.", name, None, None), None)  # type: ignore[call-overload]
        if name in picture:
            doc._.set(name, picture[name])


def _identity(picture: Dict[str, Any]) -> Hashable:
    """Two posts can show the same picture; an exchange between them would change nothing."""
    vector = picture.get("image_vec")
    if vector is not None:
        return (vector.shape, hashlib.blake2b(vector.tobytes()).digest())
    source = picture["image"]
    return source if isinstance(source, (str, bytes)) else id(source)
