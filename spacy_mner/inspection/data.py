"""What there is to learn from: counts over the training and dev examples."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, Hashable, List, Sequence

from spacy.tokens import Doc, Span
from spacy.training import Example

from .pictures import PictureReport, inspect_pictures, picture_key

# How many posts or entities are quoted where something looks wrong.
N_QUOTED = 3
# Longer texts are cut: they only help to find the post again.
QUOTE_LENGTH = 50


@dataclass
class PartReport:
    """The counts of one part of the data.

    posts, tokens, entities (int): how many there are.
    labels (Dict[str, int]): entities by type, the most frequent first.
    unannotated (int): posts in which no token is annotated, not even with O.
    missing_tokens (int): tokens without annotation in the other posts.
    empty (int): posts without a token.
    space, punct (List[str]): entities that begin or end with white space, with punctuation.
    misaligned (int): tokens of the pipeline that are not exactly one token of the annotation.
    misaligned_texts (List[str]): a few of their posts.
    lost (int): entities whose boundaries fall inside a token of the pipeline.
    duplicates (List[str]): posts that repeat another one of this part, with its picture.
    contradictions (List[str]): those of them that are annotated differently.
    pictures (PictureReport): see there.
    """

    posts: int = 0
    tokens: int = 0
    entities: int = 0
    labels: Dict[str, int] = field(default_factory=dict)
    unannotated: int = 0
    missing_tokens: int = 0
    empty: int = 0
    space: List[str] = field(default_factory=list)
    punct: List[str] = field(default_factory=list)
    misaligned: int = 0
    misaligned_texts: List[str] = field(default_factory=list)
    lost: int = 0
    duplicates: List[str] = field(default_factory=list)
    contradictions: List[str] = field(default_factory=list)
    pictures: PictureReport = field(default_factory=PictureReport)


@dataclass
class DataReport:
    """The counts of the training and the dev data, and what they share.

    overlap (List[str]): dev posts that occur in the training data with the same text and picture.
    same_text (int): dev posts whose text occurs there, with whatever picture.
    same_picture (int): dev posts whose picture occurs there, with whatever text.
    """

    train: PartReport
    dev: PartReport
    overlap: List[str]
    same_text: int
    same_picture: int


def inspect_data(train: Sequence[Example], dev: Sequence[Example]) -> DataReport:
    """Count what the examples of a training and a dev corpus hold.

    train, dev (Sequence[Example]): as a reader yields them. They are left as they are.
    RETURNS (DataReport): plain counts, without judgement: see `findings`.
    """
    train_keys = [picture_key(eg.reference) for eg in train]
    dev_keys = [picture_key(eg.reference) for eg in dev]
    posts = {(eg.reference.text, key) for eg, key in zip(train, train_keys, strict=True)}
    texts = {eg.reference.text for eg in train}
    pictures = set(train_keys) - {None}
    return DataReport(
        train=inspect_part(train),
        dev=inspect_part(dev),
        overlap=[
            quote(eg.reference.text)
            for eg, key in zip(dev, dev_keys, strict=True)
            if (eg.reference.text, key) in posts
        ],
        same_text=sum(eg.reference.text in texts for eg in dev),
        same_picture=sum(key in pictures for key in dev_keys),
    )


def inspect_part(examples: Sequence[Example]) -> PartReport:
    """Count what the examples of one part of the data hold."""
    report = PartReport(posts=len(examples), pictures=inspect_pictures(examples))
    labels: Counter = Counter()
    # Two posts with the same text and picture are the same post.
    annotations: Dict[Hashable, Hashable] = {}
    for eg in examples:
        doc = eg.reference
        report.tokens += len(doc)
        report.empty += not len(doc)
        labels.update(ent.label_ for ent in doc.ents)
        _count_annotation(doc, report)
        _count_boundaries(doc, report)
        _count_alignment(eg, report)
        key = (doc.text, picture_key(doc))
        spans = tuple((ent.start_char, ent.end_char, ent.label_) for ent in doc.ents)
        if key in annotations:
            report.duplicates.append(quote(doc.text))
            if annotations[key] != spans:
                report.contradictions.append(quote(doc.text))
        annotations.setdefault(key, spans)
    report.labels = dict(sorted(labels.items(), key=lambda item: (-item[1], item[0])))
    report.entities = sum(labels.values())
    return report


def quote(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTE_LENGTH else line[: QUOTE_LENGTH - 1] + "…"


def _count_annotation(doc: Doc, report: PartReport) -> None:
    missing = sum(token.ent_iob == 0 for token in doc)
    if missing == len(doc):
        report.unannotated += len(doc) > 0
    else:
        report.missing_tokens += missing


def _count_boundaries(doc: Doc, report: PartReport) -> None:
    for ent in doc.ents:
        edges = (ent[0], ent[-1])
        if any(token.is_space for token in edges):
            report.space.append(_quote_entity(ent))
        elif any(token.is_punct for token in edges):
            report.punct.append(_quote_entity(ent))


def _quote_entity(ent: Span) -> str:
    # White space is what must be seen here.
    return f"{repr(ent.text)[:QUOTE_LENGTH]} ({ent.label_})"


def _count_alignment(eg: Example, report: PartReport) -> None:
    if [t.orth for t in eg.predicted] == [t.orth for t in eg.reference]:
        return
    lengths = eg.alignment.x2y.lengths
    misaligned = sum(lengths[t.i] != 1 for t in eg.predicted if not t.is_space)
    aligned = eg.get_aligned_spans_y2x(eg.reference.ents)
    # A token of the pipeline that covers more than the entity would pass as aligned.
    found = {(span.start_char, span.end_char) for span in aligned}
    report.misaligned += misaligned
    report.lost += sum((e.start_char, e.end_char) not in found for e in eg.reference.ents)
    if misaligned and len(report.misaligned_texts) < N_QUOTED:
        report.misaligned_texts.append(quote(eg.reference.text))
