"""Shards: posts in a row, in one or several files, that are labelled and written together."""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Union

from ..errors import Errors
from ..training.converters import Post
from ..training.converters.parts import FilePart, Mark
from ..training.converters.reading import MARKERS, READERS, check_format, detect_format, find_files
from ..training.converters.records import OnError


class InputFile(NamedTuple):
    """One data file of a job.

    path (str): Where it is.
    name (str): What records are called by: its path below what all files have in common.
    format (str): A key of `READERS`.
    """

    path: str
    name: str
    format: str


class Slice(NamedTuple):
    """Records of one file.

    file (InputFile): The file.
    start (int): See `FilePart`, also for what follows.
    stop (int): Never open: what is appended to the file later belongs to no shard.
    line (int): Number of the first line.
    """

    file: InputFile
    start: int
    stop: int
    line: int


class Shard(NamedTuple):
    """A unit of work, and of output.

    number (int): Its place among the shards, from 0.
    n (int): Records.
    slices (List[Slice]): Where they stand.
    """

    number: int
    n: int
    slices: List[Slice]

    def to_json(self) -> str:
        """RETURNS (str): The shard as JSON."""
        return json.dumps(self)

    @classmethod
    def from_json(cls, text: str) -> "Shard":
        """text (str): From `to_json`. RETURNS (Shard): The shard."""
        number, n, slices = json.loads(text)
        return cls(number, n, [Slice(InputFile(*file), *rest) for file, *rest in slices])


def list_files(
    path: Union[str, Path], format: str = "auto", output: Optional[Path] = None
) -> List[InputFile]:
    """List the data files of a job, in the order in which their posts are numbered.

    path (Union[str, Path]): A file, a folder, or a glob, see `find_files`.
    format (str): A format, or "auto": each file's own.
    output (Optional[Path]): The job's folder. What lies in it is left out, or a job that goes on would
        read what it wrote.
    RETURNS (List[InputFile]): The files, by absolute path: workers may have another folder.
    RAISES (ValueError): There is no such format, a file's cannot be told, or M066 if all files are in
        the job's folder.
    RAISES (FileNotFoundError): There is no file.
    """
    check_format(format)
    paths = [Path(os.path.abspath(found)) for found in find_files(path, format)]
    if output is not None:
        folder = output.resolve()
        paths = [found for found in paths if folder not in found.resolve().parents]
    if not paths:
        raise ValueError(Errors.M066.format(path=output, one="INPUT", other="OUTPUT"))
    root = os.path.commonpath([found.parent for found in paths])
    return [
        InputFile(
            str(found),
            found.relative_to(root).as_posix(),
            detect_format(found) if format == "auto" else format,
        )
        for found in paths
    ]


def cut_shards(files: Iterable[InputFile], size: int) -> Iterator[Shard]:
    """Cut data files into shards. Files are skimmed, one record at a time.

    files (Iterable[InputFile]): The files.
    size (int): Records to a shard; only the last one may have fewer.
    YIELDS (Shard): In the order of the posts. The same files give the same shards.
    """
    slices: List[Slice] = []
    number = n = 0
    for file in files:
        start: Optional[Mark] = None
        stop = Mark(0, 1)
        for begin, stop in pairwise(MARKERS[file.format](Path(file.path))):
            start = start or begin
            n += 1
            if n == size:
                yield Shard(
                    number, n, [*slices, Slice(file, start.position, stop.position, start.line)]
                )
                slices, start, n = [], None, 0
                number += 1
        if start is not None:
            slices.append(Slice(file, start.position, stop.position, start.line))
    if slices:
        yield Shard(number, n, slices)


def read_shard(slices: Sequence[Slice], on_error: OnError) -> Iterator[Post]:
    """Read the posts of a shard, one at a time.

    slices (Sequence[Slice]): Where they stand.
    on_error (OnError): Called with each record that cannot be used.
    YIELDS (Post): The posts.
    """
    for file, start, stop, line in slices:
        part = FilePart(start, stop, line, file.name)
        yield from READERS[file.format](Path(file.path), on_error, part)
