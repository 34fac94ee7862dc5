"""How a noisy word form is found in a table of word vectors."""

import re
from functools import partial
from typing import Iterator, Optional, Tuple

from spacy.strings import get_string_id
from spacy.vectors import Vectors

from ...host_vectors import HostVectors

# Kinds of forms that share one trainable row each, because every single one is rare.
URL, USER, NUMBER = "<url>", "<user>", "<number>"
KINDS = (URL, USER, NUMBER)

_URL = re.compile(
    r"(?:https?://|www\.)\S*|\S+\.(?:com|co|net|org|ly|gl|me|tv|uk|us)(?:/\S*)?", re.I
)
_USER = re.compile(r"@\w+")
# No two parts of it can match the same run of characters: a token may be a thousand signs long.
_NUMBER = re.compile(
    r"[^\w\s]*\d(?:[.,:/%+\-]*\d)*(?:[.,:/%+\-]*(?:st|nd|rd|th|k|m|bn|am|pm|s|x))?[^\w\s]*", re.I
)
_REPEATED = re.compile(r"([^\W\d_])\1{2,}", re.I)
_POSSESSIVE = re.compile(r"['’]s?$", re.I)
_DIGIT = re.compile(r"\d")
_INNER = re.compile(r"\w(?:.*\w)?", re.S)


def candidates(form: str) -> Iterator[str]:
    """Spellings under which a form may stand in a table, the most faithful first.

    The ladder: exact, lower case, without `#` or `@`, digits as 0, without a possessive ending, letters
    repeated three times or more squeezed to two and to one, without outer punctuation.
    """
    yield form
    lower = form.lower()
    yield lower
    bare = lower.lstrip("#@")
    yield bare
    yield _DIGIT.sub("0", bare)
    owner = _POSSESSIVE.sub("", bare)
    yield owner
    yield _REPEATED.sub(r"\1\1", owner)
    yield _REPEATED.sub(r"\1", owner)
    found = _INNER.search(owner)
    inner = found.group() if found else ""
    yield inner
    yield _REPEATED.sub(r"\1", inner)


def kind_of(form: str) -> Optional[str]:
    """`URL`, `USER` or `NUMBER`, or None for an ordinary word."""
    for kind, pattern in ((USER, _USER), (URL, _URL), (NUMBER, _NUMBER)):
        if pattern.fullmatch(form):
            return kind
    return None


def find_row(
    form: str, vectors: Vectors, host: Optional[HostVectors] = None
) -> Tuple[Optional[str], int]:
    """Find a form's row in a table of vectors. A row of zeros says nothing, and counts as none: where a
    later component merges tokens, spaCy gives one to every merged form that the table lacks.

    form (str): the word as written.
    vectors (Vectors): a table with keys (spaCy's "default" mode).
    host (Optional[HostVectors]): what reads a table that may be on a GPU; None = read it where it is.
    RETURNS (Tuple[Optional[str], int]): the spelling found and its row, or (None, -1).
    """
    rows = vectors.key2row
    read = vectors.data.__getitem__ if host is None else partial(host.rows, vectors)
    tried = None
    for spelling in candidates(form):
        if spelling and spelling != tried:
            row = rows.get(get_string_id(spelling), -1)
            if row >= 0 and read(row).any():
                return spelling, row
        tried = spelling
    return None, -1


def is_known(form: str, vectors: Vectors) -> bool:
    """Whether a table has a row for a form, by the ladder of `candidates`."""
    return find_row(form, vectors)[1] >= 0


# Shape classes: how a word is capitalised, which its vector does not show.
SHAPES = (
    "lower", "Title", "UPPER", "Upper1", "camelCase", "#lower", "#Upper", "@user",
    "digits", "alnum", "punct", "other",
)  # fmt: skip


def shape_class(form: str) -> int:
    """Index into `SHAPES` of a word form."""
    if form[:1] == "@" and len(form) > 1:
        return 7
    if form[:1] == "#" and len(form) > 1:
        return 5 if form[1:].islower() else 6
    if form.isalpha():
        if form.islower():
            return 0
        if form.isupper():
            return 3 if len(form) == 1 else 2
        if form[0].isupper() and form[1:].islower():
            return 1
        return 4 if form.lower() != form.upper() else 11
    has_digit = any(c.isdigit() for c in form)
    has_alpha = any(c.isalpha() for c in form)
    if has_digit:
        return 9 if has_alpha else 8
    if not has_alpha:
        return 10
    return 11
