"""Data files of posts (IMGID CoNLL, JSONL, CSV, Parquet) to spaCy's training format."""

from .convert import convert_posts
from .docs import post_to_doc
from .reading import FORMATS, find_files, read_posts
from .records import CharSpan, Post, RecordError, TokenSpan
from .report import Report

__all__ = [
    "FORMATS",
    "CharSpan",
    "Post",
    "RecordError",
    "Report",
    "TokenSpan",
    "convert_posts",
    "find_files",
    "post_to_doc",
    "read_posts",
]
