"""Tag sequences (IOB1, BIO, BIOES, BILUO) to entities."""

from typing import List, NamedTuple, Optional, Sequence

from .records import RecordError, TokenSpan

MISSING = "-"
# BILUO writes L and U for what BIOES writes E and S.
_PREFIXES = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}


class TagReading(NamedTuple):
    """What one post's tags say.

    spans (List[TokenSpan]): The entities.
    missing (List[int]): Tokens tagged "-": not annotated.
    orphans (int): Entities that begin with I-, E- or L-.
    explicit (int): Entities after an O (or at the start) that begin with B-, S- or U-.
    """

    spans: List[TokenSpan]
    missing: List[int]
    orphans: int
    explicit: int


def read_tags(tags: Sequence[str], source: str) -> TagReading:
    """Read the entities from the tags of one post, in any of the usual schemes.

    An I- (or E-, L-) that continues nothing begins an entity: conlleval's rule, by which the
    literature on these data sets counts. For IOB1 that is no repair but the scheme itself.

    tags (Sequence[str]): One tag per token.
    source (str): Where the post stands, for messages.
    RETURNS (TagReading): The entities, and what was noticed.
    RAISES (RecordError): A tag is not understood.
    """
    spans: List[TokenSpan] = []
    missing: List[int] = []
    orphans = explicit = start = 0
    open_label: Optional[str] = None  # the label of the entity that the next token may continue
    previous_outside = True
    for i, tag in enumerate(tags):
        if tag in ("O", MISSING):
            if open_label is not None:
                spans.append(TokenSpan(start, i, open_label))
                open_label = None
            if tag == MISSING:
                missing.append(i)
            previous_outside = True
            continue
        prefix, label = _split(tag, i, source)
        if prefix in ("B", "S") or open_label != label:
            if open_label is not None:
                spans.append(TokenSpan(start, i, open_label))
            start, open_label = i, label
            if prefix in ("I", "E"):
                orphans += 1
            elif previous_outside:
                explicit += 1
        if prefix in ("E", "S"):
            spans.append(TokenSpan(start, i + 1, label))
            open_label = None
        previous_outside = False
    if open_label is not None:
        spans.append(TokenSpan(start, len(tags), open_label))
    return TagReading(spans, missing, orphans, explicit)


def _split(tag: str, index: int, source: str) -> tuple[str, str]:
    prefix, hyphen, label = tag.partition("-")
    if prefix not in _PREFIXES or not hyphen or not label.strip():
        raise RecordError("M043", source, tag=tag, index=index)
    return _PREFIXES[prefix], label
