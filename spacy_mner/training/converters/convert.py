"""Posts to a DocBin, with a report."""

from pathlib import Path
from typing import Iterable, Mapping, Optional

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from ...extensions import set_extensions
from .docs import post_to_doc
from .pictures import Attached, FeatureLookup, attach_features, attach_files
from .records import OnError, Post, RecordError
from .report import Duplicates, Report


def convert_posts(
    posts: Iterable[Post],
    nlp: Language,
    *,
    report: Report,
    features: Optional[FeatureLookup] = None,
    images: Optional[Path] = None,
    labels: Optional[Mapping[str, str]] = None,
    on_error: Optional[OnError] = None,
) -> DocBin:
    """Convert posts to training data.

    posts (Iterable[Post]): The posts.
    nlp (Language): A pipeline for its vocabulary and tokenizer, such as `spacy.blank("en")`.
    report (Report): Counts are added to it.
    features (Optional[FeatureLookup]): A feature store, for `Doc._.image_vec`.
    images (Optional[Path]): A folder of pictures, for `Doc._.image`.
    labels (Optional[Mapping[str, str]]): Types to rename, {old: new}; new = "" leaves the type out.
    on_error (Optional[OnError]): Called with each post that cannot be used, which is then skipped.
        By default the first one is raised.
    RETURNS (DocBin): The Docs, with their pictures (`store_user_data=True`).
    RAISES (RecordError): A post cannot be used, and on_error is not given.
    """
    set_extensions()
    report.pictures = "features" if features is not None else "images" if images else "names"
    doc_bin = DocBin(store_user_data=True)
    duplicates = Duplicates(report)
    for post in posts:
        # Prodigy keeps what the annotator refused in the same file.
        if post.extra.get("answer") in ("reject", "ignore"):
            report.rejected += 1
            continue
        try:
            doc = post_to_doc(nlp, post, labels=labels, report=report)
            if not len(doc) or (post.tokens is None and not doc.text.strip()):
                raise RecordError("M045", post.source)
        except RecordError as err:
            if on_error is None:
                raise
            on_error(err)
            continue
        duplicates.add(post)
        report.posts += 1
        report.tokens += len(doc)
        if _attach(doc, post, features, images, report):
            report.with_picture += 1
        else:
            report.without_picture += 1
        doc_bin.add(doc)
    return doc_bin


def _attach(
    doc: Doc,
    post: Post,
    features: Optional[FeatureLookup],
    images: Optional[Path],
    report: Report,
) -> bool:
    name = post.images[0] if post.images else post.id
    if name is not None:
        doc._.image_id = name
    if features is None and images is None:
        return bool(post.images)
    attached = attach_files(doc, post, images) if images is not None else Attached()
    found = attached.found
    if features is not None:
        # After the files: the id is the store's.
        vectors = attach_features(doc, post, features)
        found = vectors.found
        attached = vectors if images is None else vectors.otherwise(attached)
    report.add_pictures(post, attached)
    return found
