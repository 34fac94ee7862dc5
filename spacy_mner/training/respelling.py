"""Text as people type it in a hurry: typos and stretched words, put on tokens so that tags stay in line."""

import random
from typing import List, Sequence

from spacy.tokens import Doc
from spacy.training import Example

from ..pictures import copy_picture

# A word of fewer letters has too little to lose: "the" without a letter is another word.
MIN_TYPO = 4
MIN_ELONGATION = 3
VOWELS = frozenset("aeiouyAEIOUY")


def respell_words(
    words: Sequence[str], rng: random.Random, *, typos: float, elongations: float
) -> List[str]:
    """Misspell words. What is not made of letters alone (users, hashtags, addresses, emoji) stays.

    words (Sequence[str]): tokens.
    rng (random.Random): source of randomness; draws the same number of values for each word, so that
        the rates of one kind of noise do not change where the other strikes.
    typos (float): probability that a word of four letters or more gets one: two neighbours exchanged, a
        letter lost, or a letter doubled.
    elongations (float): probability that the last vowel of a word of three letters or more is stretched.
    RETURNS (List[str]): as many words.
    """
    result = []
    for word in words:
        typo, kind, place, stretch, length = (rng.random() for _ in range(5))
        if word.isalpha():
            if typo < typos and len(word) >= MIN_TYPO:
                word = _add_typo(word, int(3 * kind), place)
            if stretch < elongations and len(word) >= MIN_ELONGATION:
                word = _stretch(word, 3 + int(3 * length))
        result.append(word)
    return result


def respell(doc: Doc, words: Sequence[str]) -> Doc:
    """A copy of a doc with other words: what is annotated on tokens, spaces and the picture stay.

    doc (Doc): never changed.
    words (Sequence[str]): a word for each token; not empty.
    RETURNS (Doc): the new doc, without span groups: their characters have moved.
    """
    annotations = Example(doc, doc).to_dict()
    annotations["token_annotation"]["ORTH"] = list(words)
    annotations["doc_annotation"].pop("spans", None)
    copy = Example.from_dict(blank_copy(doc, words), annotations).reference
    # Where nothing is annotated, an Example makes "O" of it.
    missing = [copy[token.i : token.i + 1] for token in doc if not token.ent_iob]
    copy.set_ents([], missing=missing, default="unmodified")
    copy_picture(doc, copy)
    return copy


def blank_copy(doc: Doc, words: Sequence[str]) -> Doc:
    """Other words with the spaces of a doc, and nothing else."""
    return Doc(doc.vocab, words=list(words), spaces=[bool(token.whitespace_) for token in doc])


def _add_typo(word: str, kind: int, place: float) -> str:
    # The first letter stays, as with people.
    i = 1 + int(place * (len(word) - 2))
    if kind == 0:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    if kind == 1:
        return word[:i] + word[i + 1 :]
    return word[:i] + word[i] + word[i:]


def _stretch(word: str, times: int) -> str:
    vowels = [i for i, letter in enumerate(word) if letter in VOWELS]
    if not vowels:
        return word
    i = vowels[-1]
    return word[:i] + word[i] * times + word[i + 1 :]
