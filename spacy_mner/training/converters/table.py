"""CSV and Parquet: one record a row, lists in cells."""

import ast
import csv
import io
import json
import re
import sys
import tokenize
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Tuple, Union

from ...errors import Errors, missing_package
from .fields import IMAGE, SPANS, TAGS, TOKENS, post_from_fields
from .lines import BOM, check_encoding
from .parts import WHOLE, FilePart, Mark
from .records import OnError, Post, RecordError

_LISTS = (*TOKENS, *TAGS)
_BLANKS = re.compile(r"[ \t\r\n]+")
_BATCH_SIZE = 1024
# What Excel writes above the header.
_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
# Where a comma may be missing: what Python prints has none of these but in strings.
_GAP = re.compile(r"[^,:]\s")
_ITEMS = (tokenize.STRING, tokenize.NUMBER, tokenize.NAME)
_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")


def read_csv(path: Path, on_error: OnError, part: FilePart = WHOLE) -> Iterator[Post]:
    """Read the posts of a CSV file with a header line, one at a time.

    Lists are JSON (or as Python and NumPy print them, which is what pandas leaves in CSV files);
    tokens and tags may also be separated by spaces. An empty cell is a field that the post does not
    have.

    path (Path): A UTF-8 file; separated by tabs or semicolons if its header is, or as a line
        "sep=;" above the header says.
    on_error (OnError): Called with each row that cannot be read.
    part (FilePart): What is read of the file.
    YIELDS (Post): The posts.
    RAISES (ValueError): The file is UTF-16.
    """
    with path.open("rb") as file_:
        header, delimiter, lines = _open_table(path, file_)
        if part.start:
            lines = _Lines(file_, part.start, part.stop, part.line)
        rows = csv.reader(lines, delimiter=delimiter)
        while True:
            source = f"{part.name or path.name}:{lines.number}"
            try:
                row = next(rows, None)
                if row is None:
                    return
                if row:
                    yield post_from_fields(_cells(header, row, source), source)
            except csv.Error as err:
                on_error(RecordError("M046", source, problem=f"not a row of the table, {err}"))
            except RecordError as err:
                on_error(err)


def mark_csv(path: Path) -> Iterator[Mark]:
    """Tell where each row begins, and where the file ends.

    path (Path): The file.
    YIELDS (Mark): In order; bytes and lines. Rows that cannot be read count as well.
    RAISES (ValueError): The file is UTF-16.
    """
    with path.open("rb") as file_:
        _, delimiter, lines = _open_table(path, file_)
        rows = csv.reader(lines, delimiter=delimiter)
        row: Optional[List[str]] = []
        while row is not None:
            mark = Mark(lines.position, lines.number)
            try:
                row = next(rows, None)
            except csv.Error:
                row = [""]
            if row:
                yield mark
        yield mark


def _open_table(path: Path, file_: BinaryIO) -> Tuple[List[str], str, "_Lines"]:
    """RETURNS (Tuple[List[str], str, _Lines]): The header, the delimiter, and the lines after it."""
    check_encoding(path, file_.read(2))
    # A long post of quoted JSON can pass csv's limit of 128 KiB a cell.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    lines = _Lines(file_)
    first = next((line for line in lines if line.strip()), "")
    said = _SEPARATOR.fullmatch(first)
    if said is None:
        lines = _Lines(file_)
    delimiter = said[1] if said else _delimiter(first)
    # Blank lines are no header: a file of nothing else, or of nothing at all, holds no posts.
    header = next(filter(None, csv.reader(lines, delimiter=delimiter)), [])
    return header, delimiter, lines


class _Lines:
    """The lines of a table with their ends, for csv, which takes one at a time.

    Bytes that are not UTF-8 come through as surrogates, which the check of the post refuses: the row
    is reported, and the rows after it are read.

    file_ (BinaryIO): The file.
    start (int): Position of the first line.
    stop (Optional[int]): Position behind the last one; None: the file's end.
    number (int): The first line's.
    """

    def __init__(
        self, file_: BinaryIO, start: int = 0, stop: Optional[int] = None, number: int = 1
    ) -> None:
        file_.seek(start)
        self._file = file_
        self._stop = stop
        self._waiting: List[bytes] = []
        self.position = start
        self.number = number

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self._stop is not None and self.position >= self._stop:
            raise StopIteration
        if not self._waiting:
            # Of bytes, it splits at CR, LF and CRLF only.
            self._waiting = self._file.readline().splitlines(keepends=True)[::-1]
            if not self._waiting:
                raise StopIteration
        line = self._waiting.pop()
        if self.position == 0 and line.startswith(BOM):
            self.position = len(BOM)
            line = line.removeprefix(BOM)
        self.position += len(line)
        self.number += 1
        return line.decode("utf8", errors="surrogateescape")


def _delimiter(header: str) -> str:
    return max(",\t;", key=header.count)


def _cells(header: List[str], row: List[str], source: str) -> Dict[str, Any]:
    if len(row) > len(header):
        problem = f"{len(row) - len(header)} more cells than the header has columns"
        raise RecordError("M046", source, problem=problem)
    if len(row) < len(header):
        raise RecordError("M046", source, problem="fewer cells than the header has columns")
    fields: Dict[str, Any] = {
        name.strip(): cell for name, cell in zip(header, row, strict=True) if cell
    }
    for name in _LISTS:
        if name in fields:
            fields[name] = _list(fields[name])
    for name in (*SPANS, *IMAGE):
        if name in fields:
            fields[name] = _maybe_list(fields[name])
    # `labels` of a table are tags separated by spaces or spans in JSON.
    if isinstance(fields.get("labels"), str) and any(name in fields for name in TOKENS):
        fields["labels"] = _list(fields["labels"])
    return fields


def _list(cell: str) -> List[Any]:
    parsed = _literal(cell) if cell.startswith("[") else None
    if parsed is not None:
        # "[1] for the win" and "[ ... ]" are text in brackets: a list is one only if it is a list of
        # strings or dicts, of which NumPy may have left some out. Such a list is refused later.
        there = [item for item in parsed if item is not ...]
        if all(isinstance(item, (str, dict)) for item in there) and (there or not parsed):
            return parsed
    return _BLANKS.split(cell.strip(" \t\r\n"))


def _maybe_list(cell: str) -> Union[str, List[Any]]:
    parsed = _literal(cell) if cell.startswith("[") else None
    return cell if parsed is None else parsed


def _literal(cell: str) -> Optional[List[Any]]:
    for parse in (json.loads, _parse_printed):
        try:
            value = parse(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, list):
            return value
    return None


def _parse_printed(cell: str) -> Any:
    """The value of what Python or NumPy printed.

    NumPy puts no commas between items. Python would take strings without one for a single string.

    cell (str): Such as "['Daisy' 'in']". What NumPy left out is "...".
    RETURNS (Any): Such as ["Daisy", "in"]; Ellipsis where items were left out.
    RAISES (ValueError, SyntaxError): It is text.
    """
    if not _GAP.search(cell):
        return ast.literal_eval(cell)  # eight times as fast
    parts: List[str] = []
    is_end = False
    try:
        for kind, text, *_ in tokenize.generate_tokens(io.StringIO(cell).readline):
            is_item = kind in _ITEMS or text == "..."
            if is_end and (is_item or text in _OPENING):
                parts.append(",")
            if text.strip():
                parts.append(text)
                is_end = is_item or text in _CLOSING
    except tokenize.TokenError as err:
        raise SyntaxError(str(err)) from None
    return ast.literal_eval(" ".join(parts))


def read_parquet(path: Path, on_error: OnError, part: FilePart = WHOLE) -> Iterator[Post]:
    """Read the posts of a Parquet file, a batch of rows at a time.

    Tags that are numbers are named by the file's own metadata, where a Hugging Face data set left
    it.

    path (Path): The file.
    on_error (OnError): Called with each row that cannot be read.
    part (FilePart): What is read of the file.
    YIELDS (Post): The posts.
    RAISES (ImportError): pyarrow is missing.
    RAISES (ValueError): The file is not Parquet, or damaged.
    """
    with _open_parquet(path) as file_:
        names = _class_labels(file_.schema_arrow.metadata)
        groups, number = _row_groups(file_.metadata, part)
        for batch in file_.iter_batches(batch_size=_BATCH_SIZE, row_groups=groups):
            # Rows of the first and the last group may belong to other parts.
            skipped = max(0, part.start - number)
            stop = len(batch) if part.stop is None else part.stop - number
            rows = batch[skipped : max(skipped, stop)].to_pylist()
            for i, row in enumerate(rows, start=number + skipped + 1):
                source = f"{part.name or path.name}:{i}"
                try:
                    yield post_from_fields(_row(row, names), source)
                except RecordError as err:
                    on_error(err)
            number += len(batch)
            if part.stop is not None and number >= part.stop:
                return


def mark_parquet(path: Path) -> Iterator[Mark]:
    """Tell where each row begins, and where the file ends.

    path (Path): The file, of which only the metadata is read.
    YIELDS (Mark): In order; rows.
    """
    with _open_parquet(path) as file_:
        yield from (Mark(i, i + 1) for i in range(file_.metadata.num_rows + 1))


@contextmanager
def _open_parquet(path: Path) -> Iterator[Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_package("Reading Parquet", "pyarrow", "parquet") from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file_:
            yield file_
    # Damaged pages are found out when they are unpacked, or only when their strings are.
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as err:
        raise ValueError(Errors.M051.format(path=path, format="Parquet", problem=err)) from None


def _row_groups(metadata: Any, part: FilePart) -> Tuple[List[int], int]:
    """RETURNS (Tuple[List[int], int]): The groups that hold rows of the part; the first's first row."""
    groups: List[int] = []
    first = start = 0
    for group in range(metadata.num_row_groups):
        end = start + metadata.row_group(group).num_rows
        if end > part.start and (part.stop is None or start < part.stop):
            if not groups:
                first = start
            groups.append(group)
        start = end
    return groups, first


def _row(row: Dict[str, Any], names: Dict[str, List[str]]) -> Dict[str, Any]:
    fields = {name: value for name, value in row.items() if value is not None}
    for name, value in fields.items():
        if isinstance(value, str) and name in _LISTS:
            fields[name] = _list(value)
        elif isinstance(value, str) and name in SPANS:
            fields[name] = _maybe_list(value)
        elif name in names and isinstance(value, list):
            # A number beyond the names stays one, and is reported as such.
            labels = dict(enumerate(names[name]))
            fields[name] = [labels.get(item, item) for item in value]
    return fields


def _class_labels(metadata: Optional[Dict[bytes, bytes]]) -> Dict[str, List[str]]:
    """RETURNS (Dict[str, List[str]]): The names behind each column of class numbers."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {
            column: feature["feature"]["names"]
            for column, feature in features.items()
            if isinstance(feature, dict) and "names" in (feature.get("feature") or {})
        }
    except (KeyError, TypeError, ValueError):
        return {}
