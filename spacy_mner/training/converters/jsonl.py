"""JSON Lines: one record a line. A file that is one JSON array is read as well."""

import json
from pathlib import Path
from typing import Any, Iterator

from ...errors import Errors
from .fields import post_from_fields
from .lines import read_lines
from .records import OnError, Post, RecordError


def read_jsonl(path: Path, on_error: OnError) -> Iterator[Post]:
    """Read the posts of a JSONL file, one at a time.

    An array, as Label Studio exports it, is held in memory as a whole.

    path (Path): A UTF-8 file; blank lines are skipped.
    on_error (OnError): Called with each record that cannot be read.
    YIELDS (Post): The posts.
    RAISES (ValueError): The file begins like an array, but is none.
    """
    lines = read_lines(path)
    first = True
    for number, line in lines:
        source = f"{path.name}:{number}"
        try:
            if isinstance(line, RecordError):
                raise line
            if not line.strip():
                continue
            if first and line.lstrip().startswith("["):
                yield from _read_array(path, on_error)
                return
            first = False
            yield post_from_fields(_parse(line, source), source)
        except RecordError as err:
            on_error(err)


def _parse(line: str, source: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as err:
        raise RecordError("M046", source, problem=str(err)) from None


def _read_array(path: Path, on_error: OnError) -> Iterator[Post]:
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as err:
        raise ValueError(Errors.M051.format(path=path, format="JSON", problem=err)) from None
    for index, record in enumerate(records, start=1):
        try:
            yield post_from_fields(record, f"{path.name}:{index}")
        except RecordError as err:
            on_error(err)
