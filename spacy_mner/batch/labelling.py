"""Labels a stream of posts: what `spacy mner predict` does between its input and its output."""

import json
import sys
from collections import deque
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Iterator, List, NamedTuple, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc

from ..extensions import token_weights
from ..images.store import FeatureStore
from ..training.converters import Post, RecordError, post_to_doc
from ..training.converters.docs import Offsets, find_tokens
from ..training.converters.fields import post_from_fields
from ..training.converters.lines import BOM
from ..training.converters.pictures import Attached, attach_features, attach_files
from ..training.converters.records import OnError
from .summary import Summary

# Words met for the first time are forgotten after so many posts, or a stream would fill the memory.
POSTS_PER_ZONE = 10_000
# Other processes keep words of their own until they end, and take a second to start.
POSTS_PER_ZONE_OF_PROCESSES = 100_000

Reader = Callable[[OnError], Iterator[Post]]
Record = Dict[str, Any]
# Gives a doc the picture of its post. Returns why pictures that the post names are missing.
Attach = Callable[[Doc, Post], List[str]]


class Labelled(NamedTuple):
    """A post and the Doc with its entities.

    post (Post): The post.
    doc (Doc): The same with its entities.
    image_errors (List[str]): Why pictures that it names are missing.
    """

    post: Post
    doc: Doc
    image_errors: List[str]


def label_docs(
    nlp: Language,
    read: Reader,
    attach: Attach,
    summary: Summary,
    on_error: OnError,
    *,
    batch_size: Optional[int] = None,
    n_process: int = 1,
    strict: bool = False,
) -> Iterator[Labelled]:
    """Label a stream of posts; memory does not grow with it.

    nlp (Language): The pipeline.
    read (Reader): Called once with a function for bad records; yields posts.
    attach (Attach): Gives a doc the picture of its post, or says why it cannot.
    summary (Summary): Counts what happens.
    on_error (OnError): Called with each record that cannot be used, in its place among the posts.
    batch_size (Optional[int]): Posts per batch.
    n_process (int): Processes.
    strict (bool): Raise the first record that cannot be used.
    YIELDS (Labelled): The posts, in the order of the input. A doc is of use until the next one is asked
        for: then the words that it is made of may be forgotten.
    """
    # The pipeline reads ahead: what has been read and not been labelled waits here, in order, each post
    # with the bad records that come after it.
    waiting: Deque[Tuple[Post, List[str], List[RecordError]]] = deque()

    def reject(error: RecordError) -> None:
        if strict:
            raise error
        summary.report.add_bad(error)
        if waiting:
            waiting[-1][-1].append(error)
        else:
            on_error(error)

    def make_docs() -> Iterator[Doc]:
        for post in read(reject):
            try:
                # Entities that stand in the input would count as given, and be kept.
                doc = post_to_doc(nlp, replace(post, tags=None, spans=None))
            except RecordError as error:
                error.id = post.id
                reject(error)
                continue
            waiting.append((post, attach(doc, post), []))
            yield doc

    docs = make_docs()
    size = POSTS_PER_ZONE if n_process == 1 else POSTS_PER_ZONE_OF_PROCESSES
    n_posts = size
    while n_posts == size:
        n_posts = 0
        with nlp.memory_zone():
            for doc in nlp.pipe(islice(docs, size), batch_size=batch_size, n_process=n_process):
                n_posts += 1
                post, reasons, errors = waiting.popleft()
                summary.posts += 1
                summary.entities += len(doc.ents)
                summary.with_picture += doc._.image_vec is not None
                unreadable = doc._.image_errors or []
                for reason in unreadable:
                    summary.report.unreadable_pictures.add(f"{post.source}: {reason}")
                yield Labelled(post, doc, [*reasons, *unreadable])
                for error in errors:
                    on_error(error)


def make_attach(store: Optional[FeatureStore], images: Optional[Path], summary: Summary) -> Attach:
    """Make the function that gives a doc the picture of its post.

    store (Optional[FeatureStore]): where vectors are looked up, first.
    images (Optional[Path]): folder with the files.
    summary (Summary): counts pictures that were lost or had no source.
    RETURNS (Attach): for `label_docs`.
    """

    def attach(doc: Doc, post: Post) -> List[str]:
        if store is None and images is None:
            summary.unused_pictures += bool(post.images)
            return []
        attached = attach_features(doc, post, store) if store is not None else Attached()
        if images is not None and not attached.found:
            attached = attached.otherwise(attach_files(doc, post, images))
        summary.report.add_pictures(post, attached)
        return [*attached.lost, *attached.broken]

    return attach


def read_stdin(on_error: OnError) -> Iterator[Post]:
    """Read posts as JSONL from stdin.

    on_error (OnError): called with each record that cannot be used.
    YIELDS (Post): the others.
    """
    for number, line in enumerate(sys.stdin.buffer, start=1):
        source = f"stdin:{number}"
        try:
            if number == 1:
                line = line.removeprefix(BOM)
            if line.strip():
                yield post_from_fields(json.loads(line.decode("utf8")), source)
        except RecordError as error:
            on_error(error)
        except (ValueError, RecursionError) as error:
            on_error(RecordError("M046", source, problem=str(error)))


def describe_error(error: RecordError) -> Record:
    """error (RecordError): Why a record could not be used. RETURNS (Record): The same as JSON."""
    return {"id": error.id, "source": error.source, "error": str(error)}


def describe(labelled: Labelled) -> Record:
    """labelled (Labelled): What was found in a post. RETURNS (Record): The same as JSON."""
    post, doc, image_errors = labelled
    text, places = _locate_entities(post, doc)
    record: Record = {"id": post.id, "text": text}
    if post.tokens is not None:
        record["tokens"] = post.tokens
    if post.image is not None:
        record["image"] = post.image
    record["image_used"] = doc._.image_vec is not None
    if image_errors:
        record["image_errors"] = image_errors
    record["entities"] = [
        {
            "start": start,
            "end": end,
            "label": ent.label_,
            "text": text[start:end],
            "score": None if ent._.score is None else round(ent._.score, 4),
        }
        for ent, (start, end) in zip(doc.ents, places, strict=True)
    ]
    table = token_weights(doc)
    if table is not None:
        record["weights"] = {
            "tokens": [token.text for token in doc],
            "modalities": list(doc._.modality_names),
            "values": [[round(w, 4) for w in row] for row in table.tolist()],
        }
    return record


def _locate_entities(post: Post, doc: Doc) -> Tuple[str, Offsets]:
    """RETURNS (Tuple[str, Offsets]): The post's text, and where the doc's entities stand in it."""
    if not doc.has_unknown_spaces:
        return doc.text, [(ent.start_char, ent.end_char) for ent in doc.ents]
    text = post.text or ""
    # A text may have other blanks than a Doc with these tokens can.
    offsets = find_tokens((token.text for token in doc), text)
    if offsets is not None:
        return text, [(offsets[ent.start][0], offsets[ent.end - 1][1]) for ent in doc.ents]
    # Where nothing is known of blanks, spaCy sets one behind the last token as well.
    return doc.text.removesuffix(" "), [(ent.start_char, ent.end_char) for ent in doc.ents]
