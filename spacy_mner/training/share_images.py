"""Give the predicted docs of examples the pictures of their references."""

from typing import Iterable, List

from spacy.training import Example

# The picture is an input, not an annotation: sharing it leaks nothing.
SHARED = ("image", "image_id", "image_vec")


def share_images(examples: Iterable[Example]) -> List[Example]:
    """Examples whose predicted doc has its reference's picture.

    spaCy's `Corpus`, and with it `spacy evaluate`, `find-threshold` and `debug data`, builds the
    predicted doc anew from the reference's words, without extension attributes. spaCy met the same problem in
    `EntityLinker.use_gold_ents`, and solved it in the component; so do we.

    examples (Iterable[Example]): they and their docs are left as they are.
    RETURNS (List[Example]): the same objects where nothing had to be shared; elsewhere new examples
        with a copy of the predicted doc.
    """
    return [_share(eg) if lacks_image(eg) else eg for eg in examples]


def lacks_image(example: Example) -> bool:
    """Whether the reference has a picture that the predicted doc has not."""
    return example.predicted._.image_vec is None and example.reference._.image_vec is not None


def _share(example: Example) -> Example:
    predicted = example.predicted.copy()
    for name in SHARED:
        if predicted._.get(name) is None:
            predicted._.set(name, example.reference._.get(name))
    return Example(predicted, example.reference)
