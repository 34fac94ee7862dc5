"""The picture of a post: who has one, who lacks it, and the three conditions of an evaluation.

A picture is three attributes that belong together: `Doc._.image` (what is looked at),
`Doc._.image_vec` (its vector) and `Doc._.image_id` (its key in a feature store). Wherever a picture
goes from one doc to another, all three go. A post *has* a picture if it has a vector, or an image
that can be encoded. The id alone is a name: data sets give one to posts whose picture is lost, too.
The picture is an input, not an annotation: handing it on leaks nothing.
"""

import hashlib
import random
from typing import Any, Dict, Hashable, Iterable, List, Literal, Sequence, get_args

from spacy.tokens import Doc
from spacy.training import Example

from .errors import check_choice
from .extensions import set_extensions

PICTURE_EXTENSIONS = ("image", "image_id", "image_vec")

Condition = Literal["on", "off", "shuffled"]
CONDITIONS: Sequence[str] = get_args(Condition)


def has_picture(doc: Doc) -> bool:
    """Whether a post comes with a picture, encoded (`image_vec`) or not (`image`)."""
    return doc._.image_vec is not None or doc._.image is not None


def lacks_image(example: Example) -> bool:
    """Whether the reference knows something of the picture that the predicted doc does not.

    A predicted doc that has a vector lacks nothing: it has been given its picture, maybe another one.
    """
    predicted, reference = example.predicted, example.reference
    return predicted._.image_vec is None and any(
        predicted._.get(name) is None and reference._.get(name) is not None
        for name in PICTURE_EXTENSIONS
    )


def share_images(examples: Iterable[Example]) -> List[Example]:
    """Examples whose predicted doc has its reference's picture.

    spaCy's `Corpus`, and with it `spacy evaluate`, `find-threshold` and `debug data`, builds the
    predicted doc anew from the reference's words, without extension attributes. spaCy met the same
    problem in `EntityLinker.use_gold_ents`, and solved it in the component; so do we.

    examples (Iterable[Example]): they and their docs are left as they are.
    RETURNS (List[Example]): the same objects where nothing had to be shared; elsewhere new examples
        with a copy of the predicted doc.
    """
    return [_share(eg) if lacks_image(eg) else eg for eg in examples]


def copy_picture(source: Doc, target: Doc) -> None:
    """Give a doc what it does not know of its picture.

    source (Doc): the post that has the picture.
    target (Doc): changed in place; what it has already stays.
    """
    for name in PICTURE_EXTENSIONS:
        if target._.get(name) is None and source._.get(name) is not None:
            target._.set(name, source._.get(name))


def with_pictures(
    examples: Iterable[Example], images: Condition = "on", *, seed: int = 0
) -> List[Example]:
    """Copy examples so that they are ready for prediction under a condition.

    `on`: each predicted doc gets its reference's picture. `off`: no post has a picture.
    `shuffled`: the posts with a picture exchange theirs at random, so that none keeps its own where
    that is possible; posts without one stay without. Posts that have nothing but an id exchange
    their ids, which a pipeline with a feature store turns into pictures. The docs given are never
    changed: a reference whose picture must change is copied, because the component's scorer looks
    there.

    examples (Iterable[Example]): Examples as a reader makes them.
    images (str): "on", "off" or "shuffled".
    seed (int): Makes the exchange of pictures repeatable.
    RETURNS (List[Example]): New examples with new predicted docs, in the same order.
    RAISES (ValueError): M006 if the condition is not known.
    """
    check_choice("images", images, CONDITIONS)
    set_extensions()
    examples = list(examples)
    pictures = [_get_picture(eg.reference) for eg in examples]
    if images == "off":
        pictures = [{} for _ in examples]
    elif images == "shuffled":
        has = [has_picture(eg.reference) for eg in examples]
        # Apart: a post whose picture is lost must not get one by the exchange.
        for group in (True, False):
            owners = [i for i, picture in enumerate(pictures) if picture and has[i] is group]
            order = derange([_identity(pictures[i]) for i in owners], seed=seed)
            moved = [pictures[owners[j]] for j in order]
            for i, picture in zip(owners, moved, strict=True):
                pictures[i] = picture
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


def _share(example: Example) -> Example:
    predicted = example.predicted.copy()
    copy_picture(example.reference, predicted)
    return Example(predicted, example.reference)


def _get_picture(doc: Doc) -> Dict[str, Any]:
    values = {name: doc._.get(name) for name in PICTURE_EXTENSIONS}
    return {name: value for name, value in values.items() if value is not None}


def _set_picture(doc: Doc, picture: Dict[str, Any]) -> None:
    for name in PICTURE_EXTENSIONS:
        # Typed as a dict of str, but extensions are kept under tuples.
        doc.user_data.pop(("._.", name, None, None), None)  # type: ignore[call-overload]
        if name in picture:
            doc._.set(name, picture[name])


def _identity(picture: Dict[str, Any]) -> Hashable:
    """Two posts can show the same picture; an exchange between them would change nothing."""
    vector = picture.get("image_vec")
    if vector is not None:
        return (vector.shape, hashlib.blake2b(vector.tobytes()).digest())
    source = picture.get("image", picture.get("image_id"))
    return source if isinstance(source, (str, bytes)) else id(source)
