"""A post to a spaCy Doc with its annotation."""

from bisect import bisect_left, bisect_right
from typing import Iterable, List, Mapping, NamedTuple, Optional, Set, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from .records import CharSpan, Post, RecordError, TokenSpan
from .report import Report
from .schemes import read_tags

# Token offsets into the text, (start, end) each.
Offsets = List[Tuple[int, int]]


def post_to_doc(
    nlp: Language,
    post: Post,
    *,
    labels: Optional[Mapping[str, str]] = None,
    report: Optional[Report] = None,
) -> Doc:
    """Make a Doc of a post.

    A post with tokens keeps exactly these: where its text is not known as well, the Doc's spaces
    are unknown (`Doc.has_unknown_spaces`), and spaCy's readers take the tokens as they are. A post
    with text alone is split by the pipeline's tokenizer.

    If the post is annotated, every token is: it belongs to an entity, is outside, or is missing
    where a span does not align. A post that is not annotated leaves `Doc.ents` unset. Pictures are
    not touched.

    nlp (Language): The pipeline: its vocabulary, and its tokenizer.
    post (Post): The post.
    labels (Optional[Mapping[str, str]]): Types to rename, {old: new}; new = "" leaves the type out.
    report (Optional[Report]): Where entities and repairs are counted.
    RETURNS (Doc): The Doc.
    RAISES (RecordError): The tags are not understood, or the spans do not belong to the text.
    """
    report = report if report is not None else Report()
    doc, offsets = _make_doc(nlp, post)
    if post.tags is not None:
        reading = read_tags(post.tags, post.source)
        report.orphans += reading.orphans
        report.explicit += reading.explicit
        spans, missing = reading.spans, set(reading.missing)
    elif post.spans is not None:
        spans, missing = _align(post, offsets, report)
    else:
        report.unlabelled += 1
        return doc
    renamed = _rename(spans, labels or {}, report)
    # The same span twice is no overlap; sorting makes the result independent of the file's order.
    unique = [Span(doc, s.start, s.end, label=s.label) for s in sorted(set(renamed))]
    ents = filter_spans(unique)
    kept = {(ent.start, ent.end, ent.label_) for ent in ents}
    for span in unique:
        if (span.start, span.end, span.label_) not in kept:
            report.overlapping.add(f"{post.source}: {span.text!r} ({span.label_})")
            missing.update(range(span.start, span.end))
    missing.difference_update(i for ent in ents for i in range(ent.start, ent.end))
    doc.set_ents(ents, missing=[doc[i : i + 1] for i in sorted(missing)], default="outside")
    report.entities.update(ent.label_ for ent in ents)
    report.partial += bool(missing)
    return doc


def _make_doc(nlp: Language, post: Post) -> Tuple[Doc, Optional[Offsets]]:
    if post.tokens is None:
        text = post.text or ""
        if len(text) > nlp.max_length:
            raise RecordError("M054", post.source, length=len(text), limit=nlp.max_length)
        doc = nlp.make_doc(text)
        return doc, [(token.idx, token.idx + len(token)) for token in doc]
    offsets = None if post.text is None else find_tokens(post.tokens, post.text)
    spaces = None if offsets is None else _spaces(offsets, post.text or "")
    return Doc(nlp.vocab, words=post.tokens, spaces=spaces), offsets


def find_tokens(tokens: Iterable[str], text: str) -> Optional[Offsets]:
    """Find where tokens stand in their text.

    tokens (Iterable[str]): The tokens, in order.
    text (str): The text.
    RETURNS (Optional[Offsets]): None if the text is more than the tokens and blanks between.
    """
    offsets: Offsets = []
    end = 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(token)
        offsets.append((start, end))
    return None if text[end:].strip() else offsets


def _spaces(offsets: Offsets, text: str) -> Optional[List[bool]]:
    """RETURNS (Optional[List[bool]]): None if there are other blanks than single spaces."""
    ends = [start for start, _ in offsets[1:]] + [len(text)]
    gaps = [text[end:start] for (_, end), start in zip(offsets, ends, strict=True)]
    if offsets and offsets[0][0] == 0 and all(gap in ("", " ") for gap in gaps):
        return [gap == " " for gap in gaps]
    return None


class _Aligned(NamedTuple):
    spans: List[TokenSpan]
    missing: Set[int]


def _align(post: Post, offsets: Optional[Offsets], report: Report) -> _Aligned:
    aligned = _Aligned([], set())
    for span in post.spans or ():
        if isinstance(span, TokenSpan):
            aligned.spans.append(span)
            continue
        if offsets is None:
            raise RecordError("M049", post.source, problem="the tokens are not those of the text")
        start, end = _trim(span, post.text or "", report)
        # The tokens that share a character with the span.
        first = bisect_right([e for _, e in offsets], start)
        last = bisect_left([s for s, _ in offsets], end)
        if first < last and (offsets[first][0], offsets[last - 1][1]) == (start, end):
            aligned.spans.append(TokenSpan(first, last, span.label))
        else:
            shown = (post.text or "")[span.start : span.end]
            report.misaligned.add(
                f"{post.source}: {shown!r} ({span.start}-{span.end}, {span.label})"
            )
            aligned.missing.update(range(first, last))
    return aligned


def _trim(span: CharSpan, text: str, report: Report) -> Tuple[int, int]:
    """Annotation tools let a selection end in a blank, which belongs to no token."""
    marked = text[span.start : span.end]
    start = span.start + len(marked) - len(marked.lstrip())
    end = span.end - len(marked) + len(marked.rstrip())
    if start >= end:
        return span.start, span.end
    report.trimmed += (start, end) != (span.start, span.end)
    return start, end


def _rename(spans: List[TokenSpan], labels: Mapping[str, str], report: Report) -> List[TokenSpan]:
    renamed = []
    for span in spans:
        label = labels.get(span.label, span.label)
        if span.label in labels:
            report.renamed[span.label] += 1
        if label:
            renamed.append(span._replace(label=label))
    return renamed
