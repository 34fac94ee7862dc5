"""Output that is either complete or absent, by one writer at a time, and text that files can hold."""

import os
import shutil
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Callable, Iterator

import srsly

from .errors import Warnings

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# They may lead to files, to which the shell, or this process, has written before.
_STREAMS = {Path("/dev/stdout"): 1, Path("/dev/stderr"): 2}


@contextmanager
def atomic_text(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes its name only when the block ends without an error.

    path (Path): The file to write. Its folder is made where it does not exist. Of a link, what it leads
        to is written; a device or a pipe is written to as it is.
    YIELDS (IO[str]): A UTF-8 stream.
    """
    with (
        _atomic(path) as descriptor,
        open(descriptor, "w", encoding="utf8", newline="\n") as stream,
    ):
        yield stream


@contextmanager
def atomic_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The same as `atomic_text` for bytes."""
    with _atomic(path) as descriptor, open(descriptor, "wb") as stream:
        yield stream


def write_json(path: Path, data: Any, *, indent: int = 2) -> None:
    """Write JSON values to a file, atomically.

    path (Path): The file to write.
    data (Any): JSON values.
    indent (int): Blanks of each level; 0 for everything in one line.
    """
    with atomic_text(path) as stream:
        stream.write(srsly.json_dumps(data, indent=indent))
        stream.write("\n")


def sync(stream: IO[Any]) -> None:
    """Have what was written on the disk, where a power cut leaves it."""
    stream.flush()
    os.fsync(stream.fileno())


@contextmanager
def locked(path: Path, message: str) -> Iterator[None]:
    """Be the only writer. The system frees the lock of a process that was killed.

    path (Path): A folder, or a file that is made for this and stays: some file systems (NFS) lock nothing
        but files that can be written.
    message (str): What to say if another process is there.
    RAISES (ValueError): With the message.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(message) from None
        except OSError as error:
            warnings.warn(Warnings.MW051.format(path=path, problem=error), stacklevel=3)
        yield
    finally:
        os.close(handle)


def storable(text: str) -> str:
    """Make a text fit for UTF-8, which cannot hold half a character (a surrogate).

    text (str): Such as part of a cut emoji, or a file's name that is not UTF-8.
    RETURNS (str): The same with such halves as in a Python string: "\\ud83d".
    """
    return text.encode("utf8", errors="backslashreplace").decode("utf8")


def replace_folder(write: Callable[[Path], Any], output: Path) -> None:
    """Write a folder under another name, then exchange it for the one that is there.

    write (Callable[[Path], Any]): makes the folder at the path that it is given.
    output (Path): the folder that is wanted.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as temporary:
        new, old = Path(temporary) / "new", Path(temporary) / "old"
        write(new)
        if output.exists():
            output.rename(old)
        try:
            new.rename(output)
        except OSError:
            if old.exists():
                old.rename(output)
            raise
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _atomic(path: Path) -> Iterator[int]:
    """A descriptor of a temporary file that becomes `path` when the block ends without an error."""
    if path in _STREAMS:
        yield os.dup(_STREAMS[path])
        return
    if path.exists() and not path.is_file() and not path.is_dir():
        yield os.open(path, os.O_WRONLY)
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        yield descriptor
        # mkstemp makes files that only their owner can read.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
