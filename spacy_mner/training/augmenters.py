"""Augmentation for social posts; it keeps the pictures."""

import random
from typing import Callable, Iterator

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors
from ..pictures import copy_picture
from .respelling import blank_copy, respell, respell_words

Augmenter = Callable[[Language, Example], Iterator[Example]]


def create_keep_images_v1(augmenter: Augmenter) -> Augmenter:
    """Wrap an augmenter so that the examples it makes have the picture of their original.

    augmenter (Augmenter): e.g. `spacy.lower_case.v1` or `spacy.orth_variants.v1`.
    RETURNS (Augmenter): for readers that do not keep pictures themselves.
    """
    return keep_images(augmenter)


def create_respell_v1(
    level: float = 0.5, typos: float = 0.1, elongations: float = 0.05, seed: int = 0
) -> Augmenter:
    """Typos and stretched words: "Lodnon", "sooooo". Entities stay where they are.

    level (float): share of the examples that is changed; the others are passed on as they are.
    typos (float): probability that a word of four letters or more gets a typo.
    elongations (float): probability that the last vowel of a word of three letters or more is stretched.
    seed (int): the same seed gives the same noise.
    RETURNS (Augmenter): for `[corpora.train.augmenter]`.
    RAISES (ValueError): M011 for a share or a probability outside [0, 1].
    """
    for setting, value in (("level", level), ("typos", typos), ("elongations", elongations)):
        if not 0 <= value <= 1:
            raise ValueError(Errors.M011.format(setting=setting, value=value, range="from 0 to 1"))
    rng = random.Random(seed)

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        reference = example.reference
        if len(reference) == 0 or rng.random() >= level:
            yield example
            return
        words = [token.text for token in reference]
        words = respell_words(words, rng, typos=typos, elongations=elongations)
        predicted = blank_copy(reference, words)
        copy_picture(reference, predicted)
        yield Example(predicted, respell(reference, words))

    return augment


def keep_images(augmenter: Augmenter) -> Augmenter:
    """spaCy's augmenters build new docs without extension attributes: put the pictures back."""

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        for augmented in augmenter(nlp, example):
            copy_picture(example.predicted, augmented.predicted)
            copy_picture(example.reference, augmented.reference)
            yield augmented

    return augment
