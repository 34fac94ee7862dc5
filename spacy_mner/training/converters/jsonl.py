"""JSON Lines: one record a line. A file that is one JSON array is read as well."""

import json
from pathlib import Path
from typing import Any, Iterator, List

from ...errors import Errors
from .fields import post_from_fields
from .lines import BOM, check_encoding, read_lines
from .parts import WHOLE, FilePart, Mark
from .records import OnError, Post, RecordError


def read_jsonl(path: Path, on_error: OnError, part: FilePart = WHOLE) -> Iterator[Post]:
    """Read the posts of a JSONL file, one at a time.

    An array, as Label Studio exports it, is held in memory as a whole.

    path (Path): A UTF-8 file; blank lines are skipped.
    on_error (OnError): Called with each record that cannot be read.
    part (FilePart): What is read of the file.
    YIELDS (Post): The posts.
    RAISES (ValueError): The file begins like an array, but is none, or is UTF-16.
    """
    if _is_array(path):
        yield from _read_array(path, on_error, part)
        return
    for _, number, line in read_lines(path, part):
        source = f"{part.name or path.name}:{number}"
        try:
            if isinstance(line, RecordError):
                raise line
            if line.strip():
                yield post_from_fields(_parse(line, source), source)
        except RecordError as err:
            on_error(err)


def mark_jsonl(path: Path) -> Iterator[Mark]:
    """Tell where each record begins, and where the file ends. Lines are not looked into.

    path (Path): The file.
    YIELDS (Mark): In order; bytes and lines, of an array positions in it.
    RAISES (ValueError): The file begins like an array, but is none, or is UTF-16.
    """
    if _is_array(path):
        n = len(_load_array(path))
        yield from (Mark(i, i + 1) for i in range(n + 1))
        return
    position, number = 0, 0
    with path.open("rb") as file_:
        for number, line in enumerate(file_, start=1):
            if number == 1:
                check_encoding(path, line)
            if not line.isspace():
                yield Mark(position, number)
            position += len(line)
    yield Mark(position, number + 1)


def _is_array(path: Path) -> bool:
    """Whether the first line that is not blank begins like an array."""
    with path.open("rb") as file_:
        start = file_.readline().removeprefix(BOM)
        while start.isspace():
            start = file_.readline()
    return start.lstrip().startswith(b"[")


def _parse(line: str, source: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as err:
        raise RecordError("M046", source, problem=str(err)) from None


def _read_array(path: Path, on_error: OnError, part: FilePart) -> Iterator[Post]:
    records = _load_array(path)[part.start : part.stop]
    for index, record in enumerate(records, start=part.line):
        try:
            yield post_from_fields(record, f"{part.name or path.name}:{index}")
        except RecordError as err:
            on_error(err)


def _load_array(path: Path) -> List[Any]:
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as err:
        raise ValueError(Errors.M051.format(path=path, format="JSON", problem=err)) from None
    return list(records)
