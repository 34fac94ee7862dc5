"""Output files that are either complete or absent, and errors without a traceback."""

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Iterator

import srsly
from wasabi import Printer


@contextmanager
def atomic_text(path: Path) -> Iterator[IO[str]]:
    """Open a text file that takes its name only when the block ends without an error.

    path (Path): The file to write. Its folder is made where it does not exist.
    YIELDS (IO[str]): A UTF-8 stream.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with open(descriptor, "w", encoding="utf8", newline="\n") as stream:
            yield stream
        # mkstemp makes files that only their owner can read.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:
    """Write JSON values to a file, atomically.

    path (Path): The file to write.
    data (Any): JSON values.
    """
    with atomic_text(path) as stream:
        stream.write(srsly.json_dumps(data, indent=2))
        stream.write("\n")


@contextmanager
def fail_on_coded_errors() -> Iterator[None]:
    """Print an error of this package as a message and exit with 1; let all others through."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        if not re.match(r"\[M\d{3}\] ", str(error)):
            raise
        Printer(no_print=False).fail(str(error), exits=1)
