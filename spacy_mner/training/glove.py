"""Read the words and vectors of a GloVe or word2vec text file."""

import contextlib
import gzip
import re
import warnings
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Callable, Dict, Iterator, List, Optional, Tuple

import numpy

from ..errors import Errors

_BLOCK = 1 << 24  # bytes of text parsed at once: enough to make numpy's parser worth its call
_HEADER = re.compile(rb"^\d+ \d+\s*$")
_BLANKS = re.compile(rb"[ \t]+")


@dataclass
class VectorTable:
    """Words and their vectors.

    rows (Dict[str, int]): Row of each word.
    data (numpy.ndarray): float32 array (n_words, D).
    duplicates (int): Words that occurred before: the first vector counts.
    bad (List[int]): Numbers of the lines that are not a word and D finite numbers.
    """

    rows: Dict[str, int]
    data: numpy.ndarray
    duplicates: int = 0
    bad: List[int] = field(default_factory=list)


def read_vectors_text(
    path: Path, *, limit: int = 0, progress: Optional[Callable[[int], object]] = None
) -> VectorTable:
    """Read a text file with a word and its vector in each line.

    The first line may hold the number of words and D (word2vec's format). Words may contain
    blanks, as in GloVe 840B: the last D columns are the vector.

    path (Path): A text file, plain or gzipped; a zip archive with one text file; or a file in a zip
        archive, "glove.6B.zip/glove.6B.100d.txt".
    limit (int): Read this many words. 0: all.
    progress (Optional[Callable[[int], object]]): Called with the number of bytes of text read since
        its last call.
    RETURNS (VectorTable): The words and vectors.
    RAISES (ValueError): No line of the file is a word and a vector, or the archive is not clear.
    """
    with open_text(path) as file_:
        first = file_.readline().removeprefix(b"\xef\xbb\xbf")
        rest = first if not _HEADER.match(first) else b""
        blocks = _read_blocks(file_, rest, progress)
        return _Reader(path, 1 if rest else 2).read(blocks, limit)


@contextlib.contextmanager
def open_text(path: Path) -> Iterator[IO[bytes]]:
    """Open a vectors file for reading.

    path (Path): As in `read_vectors_text`.
    YIELDS (IO[bytes]): The text.
    RAISES (ValueError): The archive is broken, or holds not exactly one text file.
    RAISES (FileNotFoundError): There is no such file.
    """
    archive = next((p for p in (path, *path.parents) if p.suffix == ".zip" and p.is_file()), None)
    try:
        if archive is not None:
            with zipfile.ZipFile(archive) as zip_, zip_.open(_member(zip_, path, archive)) as file_:
                yield file_
        else:
            with path.open("rb") as raw:
                zipped = raw.read(2) == b"\x1f\x8b"
                raw.seek(0)
                yield gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[misc]
    except (zipfile.BadZipFile, EOFError, gzip.BadGzipFile) as err:
        raise ValueError(Errors.M051.format(path=path, format="vectors", problem=err)) from None


def _member(zip_: zipfile.ZipFile, path: Path, archive: Path) -> str:
    names = [name for name in zip_.namelist() if name.endswith((".txt", ".vec"))]
    wanted = path.relative_to(archive).as_posix()
    if wanted in names:
        return wanted
    if wanted == "." and len(names) == 1:
        return names[0]
    held = ", ".join(f"{archive}/{name}" for name in names) or "no text file"
    problem = f"the archive holds {held}"
    raise ValueError(Errors.M056.format(source=path, problem=problem, known="one of these"))


def _read_blocks(
    file_: IO[bytes], rest: bytes, progress: Optional[Callable[[int], object]]
) -> Iterator[List[bytes]]:
    """YIELDS (List[bytes]): Whole lines."""
    while True:
        block = file_.read(_BLOCK)
        if progress is not None:
            progress(len(block))
        *lines, rest = (rest + block).split(b"\n")
        if lines:
            yield lines
        if not block:
            if rest:
                yield [rest]
            return


class _Reader:
    def __init__(self, path: Path, first_line: int) -> None:
        self.path = path
        self.line = first_line  # of the next block
        self.width = 0
        self.table = VectorTable({}, numpy.zeros((0, 0), dtype="float32"))

    def read(self, blocks: Iterator[List[bytes]], limit: int) -> VectorTable:
        table = self.table
        for lines in blocks:
            if not self.width:
                # Most lines agree on the width, even where the first is damaged.
                counts = Counter(line.rstrip().count(b" ") for line in lines[:1000])
                self.width = counts.most_common(1)[0][0]
                if not self.width:
                    break
            words, data = self._parse(lines)
            self._add(words, data, limit or len(table.rows) + len(words))
            self.line += len(lines)
            if limit and len(table.rows) >= limit:
                break
        if not table.rows:
            problem = "no line is a word followed by numbers"
            raise ValueError(Errors.M051.format(path=self.path, format="vectors", problem=problem))
        # The array grew beyond what was needed; a view of it would keep all of that.
        table.data = table.data[: len(table.rows)].copy()
        return table

    def _add(self, words: List[Optional[str]], data: numpy.ndarray, limit: int) -> None:
        """Append the words that are new; a word that is None is a bad line."""
        table = self.table
        keep: List[int] = []
        for i, word in enumerate(words):
            if len(table.rows) >= limit:
                break
            if word is None:
                table.bad.append(self.line + i)
            elif word in table.rows:
                table.duplicates += 1
            else:
                table.rows[word] = len(table.rows)
                keep.append(i)
        if not keep:
            return
        end = len(table.rows)
        if end > len(table.data):
            grown = numpy.empty((max(end, 2 * len(table.data)), self.width), dtype="float32")
            if len(table.data):
                grown[: end - len(keep)] = table.data[: end - len(keep)]
            table.data = grown
        table.data[end - len(keep) : end] = data[keep]

    def _parse(self, lines: List[bytes]) -> Tuple[List[Optional[str]], numpy.ndarray]:
        """Parse many lines with one call of numpy's parser; one by one where that does not work."""
        lines = [line.rstrip(b" \t\r") for line in lines]
        parts = [line.partition(b" ") for line in lines]
        n_blanks = sum(line.count(b" ") for line in lines)
        if n_blanks == len(lines) * self.width and all(word for word, _, _ in parts):
            data = _numbers(b" ".join([numbers for _, _, numbers in parts]))
            if data is not None and data.size == n_blanks and numpy.isfinite(data).all():
                with contextlib.suppress(UnicodeDecodeError):
                    words = b"\n".join([word for word, _, _ in parts]).decode("utf8").split("\n")
                    return list(words), data.reshape(len(lines), self.width)
        return self._parse_slowly(lines)

    def _parse_slowly(self, lines: List[bytes]) -> Tuple[List[Optional[str]], numpy.ndarray]:
        words: List[Optional[str]] = []
        rows = numpy.zeros((len(lines), self.width), dtype="float32")
        for i, line in enumerate(lines):
            word, *columns = line.rsplit(b" ", self.width)
            if len(columns) != self.width:  # tabs, or several blanks in a row
                word, *columns = _BLANKS.split(line)
            data = _numbers(b" ".join(columns))
            words.append(None)
            if data is None or data.size != self.width or not numpy.isfinite(data).all():
                continue
            with contextlib.suppress(UnicodeDecodeError):
                words[-1] = word.decode("utf8") or None
                rows[i] = data
        return words, rows


def _numbers(text: bytes) -> Optional[numpy.ndarray]:
    # The parser only warns of what is no number in older releases of numpy.
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return numpy.fromstring(text, dtype="float32", sep=" ")
        except (ValueError, DeprecationWarning):
            return None
