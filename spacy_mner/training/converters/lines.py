"""Lines of a UTF-8 file, one bad line at a time."""

from pathlib import Path
from typing import Iterator, Tuple, Union

from ...errors import Errors
from .parts import WHOLE, FilePart
from .records import RecordError

BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_lines(
    path: Path, part: FilePart = WHOLE
) -> Iterator[Tuple[int, int, Union[str, RecordError]]]:
    """Read a file line by line; only LF and CRLF end a line, never a Unicode separator.

    path (Path): The file.
    part (FilePart): What is read of it; begins and ends between lines.
    YIELDS (Tuple[int, int, Union[str, RecordError]]): The line's position in bytes, its number from
        1, and the line without its end, or the error if its bytes are not UTF-8.
    RAISES (ValueError): The file is UTF-16.
    """
    name = part.name or path.name
    with path.open("rb") as file_:
        file_.seek(part.start)
        position = part.start
        for number, line in enumerate(file_, start=part.line):
            if part.stop is not None and position >= part.stop:
                return
            start = position
            position += len(line)
            if start == 0:
                check_encoding(path, line)
                line = line.removeprefix(BOM)
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            try:
                yield start, number, line.decode("utf8")
            except UnicodeDecodeError as err:
                problem = (
                    f"byte 0x{err.object[err.start]:02x} at position {err.start}, {err.reason}"
                )
                yield start, number, RecordError("M050", f"{name}:{number}", problem=problem)


def check_encoding(path: Path, start: bytes) -> None:
    """Refuse a UTF-16 file, of which every single line would be reported otherwise.

    path (Path): The file.
    start (bytes): Its first bytes.
    RAISES (ValueError): They are the mark of UTF-16.
    """
    if start.startswith(_UTF16):
        problem = "it is UTF-16. Save it as UTF-8"
        raise ValueError(Errors.M051.format(path=path, format="UTF-8", problem=problem))
