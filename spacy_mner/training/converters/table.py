"""CSV and Parquet: one record a row, lists in cells."""

import ast
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Union

from ...errors import Errors
from .fields import SPANS, TAGS, TOKENS, post_from_fields
from .lines import check_encoding
from .records import OnError, Post, RecordError

_LISTS = (*TOKENS, *TAGS)
_BLANKS = re.compile(r"[ \t\r\n]+")
_BATCH_SIZE = 1024


def read_csv(path: Path, on_error: OnError) -> Iterator[Post]:
    """Read the posts of a CSV file with a header line, one at a time.

    Lists are JSON (or Python's way of writing a list, which pandas leaves in CSV files); tokens and
    tags may also be separated by spaces. An empty cell is a field that the post does not have.

    path (Path): A UTF-8 file; separated by tabs or semicolons if its header is.
    on_error (OnError): Called with each row that cannot be read.
    YIELDS (Post): The posts.
    RAISES (ValueError): The file has no header, or is UTF-16.
    """
    with path.open("rb") as raw:
        check_encoding(path, raw.read(2))
    # A long post of quoted JSON can pass csv's limit of 128 KiB a cell.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    # Bytes that are not UTF-8 come through as surrogates, which the check of the post refuses: the
    # row is reported, and the rows after it are read.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file_:
        delimiter = _delimiter(file_.readline())
        file_.seek(0)
        reader = csv.DictReader(file_, delimiter=delimiter)
        if not reader.fieldnames:
            raise ValueError(
                Errors.M051.format(path=path, format="CSV", problem="it has no header")
            )
        while True:
            source = f"{path.name}:{reader.line_num + 1}"
            try:
                row = next(reader, None)
                if row is None:
                    return
                yield post_from_fields(_cells(row, source), source)
            except csv.Error as err:
                on_error(RecordError("M046", source, problem=f"not a row of the table, {err}"))
            except RecordError as err:
                on_error(err)


def _delimiter(header: str) -> str:
    return max(",\t;", key=header.count)


def _cells(row: Dict[Any, Any], source: str) -> Dict[str, Any]:
    if None in row:  # csv's key for the cells beyond the header
        problem = f"{len(row[None])} more cells than the header has columns"
        raise RecordError("M046", source, problem=problem)
    if None in row.values():
        raise RecordError("M046", source, problem="fewer cells than the header has columns")
    fields: Dict[str, Any] = {name.strip(): cell for name, cell in row.items() if cell}
    for name in _LISTS:
        if name in fields:
            fields[name] = _list(fields[name])
    for name in (*SPANS, "image"):
        if name in fields:
            fields[name] = _maybe_list(fields[name])
    # `labels` of a table are tags separated by spaces or spans in JSON.
    if isinstance(fields.get("labels"), str) and any(name in fields for name in TOKENS):
        fields["labels"] = _list(fields["labels"])
    return fields


def _list(cell: str) -> List[Any]:
    parsed = _literal(cell) if cell.startswith("[") else None
    # "[1] for the win" is text in brackets: a list is one only if it is a list of strings or dicts.
    if parsed is not None and all(isinstance(item, (str, dict)) for item in parsed):
        return parsed
    return _BLANKS.split(cell.strip(" \t\r\n"))


def _maybe_list(cell: str) -> Union[str, List[Any]]:
    parsed = _literal(cell) if cell.startswith("[") else None
    return cell if parsed is None else parsed


def _literal(cell: str) -> Optional[List[Any]]:
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, list):
            return value
    return None


def read_parquet(path: Path, on_error: OnError) -> Iterator[Post]:
    """Read the posts of a Parquet file, a batch of rows at a time.

    Tags that are numbers are named by the file's own metadata, where a Hugging Face data set left
    it.

    path (Path): The file.
    on_error (OnError): Called with each row that cannot be read.
    YIELDS (Post): The posts.
    RAISES (ImportError): pyarrow is missing.
    RAISES (ValueError): The file is not Parquet.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(Errors.M059) from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file_:
            names = _class_labels(file_.schema_arrow.metadata)
            number = 0
            for batch in file_.iter_batches(batch_size=_BATCH_SIZE):
                for row in batch.to_pylist():
                    number += 1
                    source = f"{path.name}:{number}"
                    try:
                        yield post_from_fields(_row(row, names), source)
                    except RecordError as err:
                        on_error(err)
    except pyarrow.ArrowException as err:
        raise ValueError(Errors.M051.format(path=path, format="Parquet", problem=err)) from None


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
