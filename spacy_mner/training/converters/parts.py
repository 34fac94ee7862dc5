"""A part of a data file: records that stand together and can be read without those before them."""

from typing import NamedTuple, Optional


class Mark(NamedTuple):
    """Where a record begins, or the file ends.

    position (int): Bytes from the file's start; in Parquet and a JSON array, records.
    line (int): The line (record) that begins there, from 1.
    """

    position: int
    line: int


class FilePart(NamedTuple):
    """What is read of a file.

    start (int): Position of the first record, see `Mark`.
    stop (Optional[int]): Position behind the last one. None: the file's end.
    line (int): Number of the line (record) at `start`.
    name (Optional[str]): What `Post.source` calls the file. None: its name.
    """

    start: int = 0
    stop: Optional[int] = None
    line: int = 1
    name: Optional[str] = None


WHOLE = FilePart()
