"""Writers of labelled posts: JSONL, Parquet, spaCy's DocBin. A file is complete or absent."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, NamedTuple, Protocol

from spacy.tokens import DocBin

from ..errors import missing_package
from ..output import atomic_bytes, atomic_text, sync
from ..training.converters import RecordError
from .labelling import Labelled, Record, describe, describe_error

_ROWS = 1024  # of a Parquet row group: what is held in memory


class Sink(Protocol):
    """Takes what was labelled, in order."""

    def add(self, labelled: Labelled) -> None:
        """A post and the same with its entities."""

    def add_error(self, error: RecordError) -> None:
        """A record that could not be used."""


@contextmanager
def open_jsonl(path: Path) -> Iterator[Sink]:
    """One record a line: what `spacy mner predict` writes, and where the post was read.

    path (Path): The file.
    YIELDS (Sink): The sink.
    """
    with atomic_text(path) as stream:
        yield _Records(lambda record: _write_line(stream, record))
        sync(stream)


@contextmanager
def open_parquet(path: Path) -> Iterator[Sink]:
    """One row a record, with the fields of the JSONL. Nothing but `source` is in every row.

    path (Path): The file.
    YIELDS (Sink): The sink.
    RAISES (ImportError): pyarrow is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_package("Writing Parquet", "pyarrow", "parquet") from None
    schema = _make_schema(pyarrow)
    rows: List[Record] = []
    with atomic_bytes(path) as stream, pyarrow.parquet.ParquetWriter(stream, schema) as writer:

        def write(record: Record) -> None:
            image = record.get("image")
            rows.append({**record, "image": [image] if isinstance(image, str) else image})
            if len(rows) == _ROWS:
                flush()

        def flush() -> None:
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
            rows.clear()

        yield _Records(write)
        if rows:
            flush()
        writer.close()
        sync(stream)


def _make_schema(pyarrow: Any) -> Any:
    string, strings = pyarrow.string(), pyarrow.list_(pyarrow.string())
    entity = {
        "start": pyarrow.int32(),
        "end": pyarrow.int32(),
        "label": string,
        "text": string,
        "score": pyarrow.float64(),
    }
    weights = {
        "tokens": strings,
        "modalities": strings,
        "values": pyarrow.list_(pyarrow.list_(pyarrow.float64())),
    }
    columns = {
        "id": string,
        "source": string,
        "text": string,
        "tokens": strings,
        "image": strings,
        "image_used": pyarrow.bool_(),
        "image_errors": strings,
        "entities": pyarrow.list_(pyarrow.struct(entity)),
        "weights": pyarrow.struct(weights),
        "error": string,
    }
    return pyarrow.schema(columns)


@contextmanager
def open_docbin(path: Path) -> Iterator[Sink]:
    """The docs, with the post's `id` and `source` and `image_used` in `Doc.user_data`, and why pictures are
    missing in `Doc._.image_errors`.

    The vectors of the pictures stay out, because they would be nearly all of the file. Records that
    could not be used are not in it.

    path (Path): The file.
    YIELDS (Sink): The sink, which holds all docs in memory.
    """
    sink = _Docs()
    yield sink
    with atomic_bytes(path) as stream:
        stream.write(sink.bin.to_bytes())
        sync(stream)


class _Records:
    """A sink of JSON objects."""

    def __init__(self, write: Callable[[Record], None]) -> None:
        self._write = write

    def add(self, labelled: Labelled) -> None:
        record = describe(labelled)
        self._write({"id": record.pop("id"), "source": labelled.post.source, **record})

    def add_error(self, error: RecordError) -> None:
        self._write(describe_error(error))


class _Docs:
    """A sink of docs."""

    def __init__(self) -> None:
        self.bin = DocBin(store_user_data=True)

    def add(self, labelled: Labelled) -> None:
        post, doc, image_errors = labelled
        doc._.image_errors = image_errors or None
        doc.user_data["image_used"] = doc._.image_vec is not None
        doc.user_data.update(id=post.id, source=post.source)
        doc._.image_vec = None
        self.bin.add(doc)

    def add_error(self, error: RecordError) -> None:
        pass


def _write_line(stream: IO[str], record: Record) -> None:
    stream.write(json.dumps(record, ensure_ascii=False) + "\n")


class Format(NamedTuple):
    """suffix (str): of the files. open (Callable): a sink for a path, in a `with` statement."""

    suffix: str
    open: Callable[[Path], Any]


SINKS: Dict[str, Format] = {
    "jsonl": Format(".jsonl", open_jsonl),
    "parquet": Format(".parquet", open_parquet),
    "docbin": Format(".spacy", open_docbin),
}
