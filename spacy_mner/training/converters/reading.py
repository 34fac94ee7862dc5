"""Find data files, tell their formats, and read the posts in them."""

import glob
import json
import warnings
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NoReturn, Optional, Union

from ...errors import Errors, Warnings, check_choice, listed
from .conll import mark_conll, read_conll
from .jsonl import mark_jsonl, read_jsonl
from .lines import BOM
from .parts import WHOLE, FilePart, Mark
from .records import OnError, Post, RecordError
from .table import mark_csv, mark_parquet, read_csv, read_parquet

READERS: Dict[str, Callable[[Path, OnError, FilePart], Iterator[Post]]] = {
    "conll": read_conll,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "parquet": read_parquet,
}
# Where a reader may start and stop.
MARKERS: Dict[str, Callable[[Path], Iterator[Mark]]] = {
    "conll": mark_conll,
    "jsonl": mark_jsonl,
    "csv": mark_csv,
    "parquet": mark_parquet,
}
SUFFIXES = {
    ".conll": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bio": "conll",
    ".txt": "conll",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
FORMATS = ("auto", *READERS)


def read_posts(
    path: Union[str, Path], format: str = "auto", *, on_error: Optional[OnError] = None
) -> Iterator[Post]:
    """Read posts, one at a time; memory does not grow with the file.

    path (Union[str, Path]): A file, a folder, or a glob ("data/*.jsonl").
    format (str): "conll", "jsonl", "csv", "parquet", or "auto": by each file's name or first bytes.
    on_error (Optional[OnError]): Called with each record that cannot be used, which is then
        skipped. By default the first one is raised.
    YIELDS (Post): The posts, in the order of the files' names.
    RAISES (RecordError): A record cannot be used, and on_error is not given.
    RAISES (ValueError): A file as a whole cannot be read.
    """
    check_format(format)
    for file_path in find_files(path, format):
        found = detect_format(file_path) if format == "auto" else format
        yield from READERS[found](file_path, on_error or _raise, WHOLE)


def check_format(format: str) -> None:
    """Refuse the name of a format that is none.

    format (str): A key of READERS, or "auto".
    RAISES (ValueError): M006.
    """
    check_choice("format", format, FORMATS)


def find_files(path: Union[str, Path], format: str = "auto") -> List[Path]:
    """List the data files that a path stands for.

    path (Union[str, Path]): A file, a folder (its data files, hidden ones left out), or a glob.
    format (str): In a folder, only files whose suffix belongs to this format; "auto" for all.
    RETURNS (List[Path]): The files, sorted.
    RAISES (FileNotFoundError): There is none.
    """
    root = Path(path)
    detail = ""
    if root.is_file():
        return [root]
    suffixes = [s for s, name in SUFFIXES.items() if format in ("auto", name)]
    if root.is_dir():
        detail = ", a folder without any"
        entries = sorted(root.iterdir())
        files = [
            p
            for p in entries
            if p.is_file() and p.suffix.lower() in suffixes and not p.name.startswith(".")
        ]
        packed = [
            p.name
            for p in entries
            if p.suffix.lower() in _PACKED and Path(p.stem).suffix.lower() in suffixes
        ]
        if packed:
            n, names = len(packed), listed(packed)
            warnings.warn(Warnings.MW191.format(n=n, path=path, names=names), stacklevel=1)
    else:
        files = sorted(Path(p) for p in glob.glob(str(path), recursive=True) if Path(p).is_file())
    if not files:
        raise FileNotFoundError(
            Errors.M040.format(path=path, detail=detail, suffixes=" ".join(suffixes))
        )
    return files


def detect_format(path: Path) -> str:
    """Tell a file's format from its first bytes, or else from its suffix.

    path (Path): The file.
    RETURNS (str): A key of READERS.
    RAISES (ValueError): Neither says.
    """
    suffix = path.suffix.lower()
    with path.open("rb") as file_:
        start = file_.read(64).removeprefix(BOM).lstrip(b" \t\r\n")
    if start.startswith(b"IMGID:"):  # also in .tsv
        return "conll"
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"{") and (
        suffix not in SUFFIXES or (suffix == ".txt" and _begins_with_json(path))
    ):
        return "jsonl"
    if suffix not in SUFFIXES:
        options = ", ".join(READERS)
        raise ValueError(Errors.M041.format(path=path, options=options))
    return SUFFIXES[suffix]


def _begins_with_json(path: Path) -> bool:
    """Whether the first line that is not blank is JSON. A token may begin with "{" as well."""
    with path.open("rb") as file_:
        first = next(line for line in file_ if line.removeprefix(BOM).strip())
    try:
        json.loads(first.removeprefix(BOM))
    except (ValueError, RecursionError):
        return False
    return True


def _raise(err: RecordError) -> NoReturn:
    raise err
