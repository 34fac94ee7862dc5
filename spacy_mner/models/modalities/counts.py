"""Word forms of the training docs."""

from typing import Dict, Sequence

from spacy.attrs import ORTH
from spacy.tokens import Doc


def count_forms(docs: Sequence[Doc]) -> Dict[str, int]:
    """How often each word form occurs in the docs, in order of first occurrence."""
    counts: Dict[int, int] = {}
    for doc in docs:
        for orth in doc.to_array(ORTH).tolist():
            counts[orth] = counts.get(orth, 0) + 1
    return {docs[0].vocab.strings[orth]: n for orth, n in counts.items()} if counts else {}
