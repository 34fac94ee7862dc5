"""IMGID CoNLL: a line `IMGID:<id>` opens a post, `token<TAB>tag` lines follow, a blank ends it."""

import re
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from .lines import read_lines
from .parts import WHOLE, FilePart, Mark
from .records import OnError, Post, RecordError, check_post

_HEADER = "IMGID:"
_DOCSTART = "-DOCSTART-"
# Only ASCII blanks separate: a lone no-break space is a token in Twitter-2015.
_BLANKS = re.compile(r"[ \t]+")


def read_conll(path: Path, on_error: OnError, part: FilePart = WHOLE) -> Iterator[Post]:
    """Read the posts of a CoNLL file, one at a time.

    The id after `IMGID:` names the picture as well. A post without that line has no picture. Lines
    have the token in their first and the tag in their last column; under an `IMGID:` line the tag
    may be left out, for posts that are still to be labelled.

    path (Path): A UTF-8 file; Windows line ends, a byte order mark and a missing last blank line
        are no problem.
    on_error (OnError): Called with each post that cannot be read.
    part (FilePart): What is read of the file.
    YIELDS (Post): The posts, with `tokens` and `tags`.
    """
    name = part.name or path.name
    post: Optional[_Draft] = None
    for _, number, line in read_lines(path, part):
        source = f"{name}:{number}"
        if isinstance(line, RecordError):
            post = post or _Draft(source)
            post.error = post.error or line
            continue
        blank, header = _kind(line)
        if (blank or header) and post is not None:
            yield from post.finish(on_error)
            post = None
        if header:
            post = _Draft(source, image=line[len(_HEADER) :].strip())
        elif not blank:
            post = post or _Draft(source)
            post.add(line, source)
    if post is not None:
        yield from post.finish(on_error)


def mark_conll(path: Path) -> Iterator[Mark]:
    """Tell where each post begins, and where the file ends.

    path (Path): The file.
    YIELDS (Mark): In order; bytes and lines.
    """
    number, inside = 0, False
    for position, number, line in read_lines(path):
        blank, header = (False, False) if isinstance(line, RecordError) else _kind(line)
        if header or not (blank or inside):
            yield Mark(position, number)
        inside = not blank
    yield Mark(path.stat().st_size, number + 1)


def _kind(line: str) -> Tuple[bool, bool]:
    """RETURNS (Tuple[bool, bool]): Whether the line is blank, and whether it is a header."""
    return not line.strip(" \t"), line.startswith(_HEADER) and "\t" not in line


class _Draft:
    """The post being read."""

    def __init__(self, source: str, *, image: str = "") -> None:
        self.source = source
        self.image = image or None
        self.tokens: List[str] = []
        self.tags: List[str] = []
        self.error: Optional[RecordError] = None

    def add(self, line: str, source: str) -> None:
        if not self.tokens and line.split(maxsplit=1)[:1] == [_DOCSTART]:
            line = f"{_DOCSTART}\tO"  # with whatever columns
        if "\t" in line:
            columns = line.split("\t")
            # Tabs may also pad a line; a token is never made of them.
            columns = [columns[0]] + [c.strip(" ") for c in columns[1:] if c.strip(" ")]
        else:
            columns = _BLANKS.split(line.strip(" "))
            if len(columns) > 2:  # a token with blanks in it, or more columns? Not ours to guess.
                columns = []
        if not columns or not columns[0] or (len(columns) == 1 and self.image is None):
            self.error = self.error or RecordError("M042", source, line=line[:80])
            return
        self.tokens.append(columns[0])
        if len(columns) > 1:
            self.tags.append(columns[-1])

    def finish(self, on_error: OnError) -> Iterator[Post]:
        if self.tokens == [_DOCSTART]:
            return
        try:
            if self.error is not None:
                raise self.error
            if not self.tokens:
                raise RecordError("M045", self.source)
            post = Post(
                source=self.source,
                id=self.image,
                tokens=self.tokens,
                tags=self.tags or None,
                image=self.image,
            )
            yield check_post(post)
        except RecordError as err:
            on_error(err)
