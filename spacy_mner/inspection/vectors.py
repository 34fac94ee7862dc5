"""How many words of the data have a word vector, and how they are found."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Tuple

from spacy.tokens import Doc
from spacy.vectors import Mode, Vectors

from ..models.modalities.lookup import find_row, kind_of

# How a form is found: as written; by another step of the ladder; as a URL, user name or number, which
# have a row of their own where the vectors are trainable; or not at all.
EXACT, LADDER, KIND, UNKNOWN = "exact", "ladder", "kind", "unknown"
FOUND = (EXACT, LADDER, KIND, UNKNOWN)
N_FREQUENT = 10


@dataclass
class CoverageReport:
    """The share of words found in a table of vectors.

    n_tokens, n_forms (int): what was looked up.
    tokens, forms (Dict[str, float]): shares, from 0 to 1, by how they were found (`FOUND`).
    unknown (List[Tuple[str, int]]): the most frequent unknown forms, with their counts.
    """

    n_tokens: int
    n_forms: int
    tokens: Dict[str, float]
    forms: Dict[str, float]
    unknown: List[Tuple[str, int]] = field(default_factory=list)


def inspect_coverage(
    docs: Iterable[Doc], vectors: Vectors, *, kinds: bool = True
) -> Optional[CoverageReport]:
    """Look the words of docs up as the word modality does.

    docs (Iterable[Doc]): docs of any vocab.
    vectors (Vectors): the table.
    kinds (bool): whether URLs, user names and numbers have rows of their own (`trainable`).
    RETURNS (Optional[CoverageReport]): None without a table or without words. Floret tables have a
        vector for every word: all is "exact".
    """
    counts = Counter(token.text for doc in docs for token in doc)
    if not counts or not vectors.shape[1]:
        return None
    found = {form: _how_found(form, vectors, kinds) for form in counts}
    n_tokens = sum(counts.values())
    tokens = {how: sum(n for form, n in counts.items() if found[form] == how) for how in FOUND}
    forms = Counter(found.values())
    unknown = [(form, n) for form, n in counts.most_common() if found[form] == UNKNOWN]
    return CoverageReport(
        n_tokens=n_tokens,
        n_forms=len(counts),
        tokens={how: n / n_tokens for how, n in tokens.items()},
        forms={how: forms[how] / len(counts) for how in FOUND},
        unknown=unknown[:N_FREQUENT],
    )


def _how_found(form: str, vectors: Vectors, kinds: bool) -> str:
    if vectors.mode != Mode.default:
        return EXACT
    key, row = find_row(form, vectors)
    if row >= 0 and key == form:
        return EXACT
    if kinds and kind_of(form) is not None and key != form.lower():
        return KIND
    return LADDER if row >= 0 else UNKNOWN
