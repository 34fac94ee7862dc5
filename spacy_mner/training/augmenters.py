"""Augmentation that keeps the pictures."""

from typing import Callable, Iterator

from spacy.language import Language
from spacy.training import Example

from ..pictures import copy_picture

Augmenter = Callable[[Language, Example], Iterator[Example]]


def create_keep_images_v1(augmenter: Augmenter) -> Augmenter:
    """Wrap an augmenter so that the examples it makes have the picture of their original.

    augmenter (Augmenter): e.g. `spacy.lower_case.v1` or `spacy.orth_variants.v1`.
    RETURNS (Augmenter): for readers that do not keep pictures themselves.
    """
    return keep_images(augmenter)


def keep_images(augmenter: Augmenter) -> Augmenter:
    """spaCy's augmenters build new docs without extension attributes: put the pictures back."""

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        for augmented in augmenter(nlp, example):
            copy_picture(example.predicted, augmented.predicted)
            copy_picture(example.reference, augmented.reference)
            yield augmented

    return augment
