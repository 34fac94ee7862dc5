"""Random posts with gold and predicted entities."""

from typing import List

from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

LABELS = ("PER", "LOC", "ORG", "MISC")
VOCAB = Vocab()


@st.composite
def bio_tags(draw: st.DrawFn, length: int) -> List[str]:
    """A legal BIO sequence."""
    tags: List[str] = []
    for _ in range(length):
        options = ["O", *(f"B-{label}" for label in LABELS)]
        if tags and tags[-1] != "O":
            options += [f"I-{tags[-1][2:]}"] * 3
        tags.append(draw(st.sampled_from(options)))
    return tags


@st.composite
def tag_pairs(draw: st.DrawFn) -> List[tuple]:
    """Gold and predicted tags of a few posts."""
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=6))
    return [(draw(bio_tags(n)), draw(bio_tags(n))) for n in lengths]


@st.composite
def examples(draw: st.DrawFn) -> List[Example]:
    """Posts whose two tokenizations may differ, with partial or no annotation now and then."""
    result = []
    for _ in range(draw(st.integers(1, 5))):
        pieces = draw(st.lists(st.sampled_from(["ab", "cd", "x", "yz"]), min_size=1, max_size=8))
        predicted = Doc(VOCAB, words=_join(draw, pieces), spaces=None)
        reference = Doc(VOCAB, words=_join(draw, pieces), spaces=None)
        predicted.set_ents(_draw_spans(draw, predicted))
        if draw(st.integers(0, 5)):
            missing = [reference[0:1]] if draw(st.booleans()) else []
            ents = [ent for ent in _draw_spans(draw, reference) if ent.start > 0 or not missing]
            reference.set_ents(ents, missing=missing, default="outside")
        result.append(Example(predicted, reference))
    return result


def _join(draw: st.DrawFn, pieces: List[str]) -> List[str]:
    """Glue some neighbouring pieces together: another tokenization of the same characters."""
    words = [pieces[0]]
    for piece in pieces[1:]:
        if draw(st.integers(0, 3)):
            words.append(piece)
        else:
            words[-1] += piece
    return words


def _draw_spans(draw: st.DrawFn, doc: Doc) -> List[Span]:
    spans = []
    start = 0
    while start < len(doc):
        end = draw(st.integers(start, min(len(doc), start + 3)))
        if end > start:
            spans.append(Span(doc, start, end, label=draw(st.sampled_from(LABELS))))
        start = end + draw(st.integers(0, 1)) if end > start else start + 1
    return spans
