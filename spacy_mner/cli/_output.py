"""Output files that are either complete or absent, and errors without a traceback."""

from contextlib import contextmanager
from typing import Iterator

from wasabi import Printer

from ..errors import is_coded
from ..output import atomic_text, write_json

__all__ = ["atomic_text", "fail_on_coded_errors", "write_json"]


@contextmanager
def fail_on_coded_errors() -> Iterator[None]:
    """Print an error of this package as a message and exit with 1; let all others through."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        if not is_coded(error):
            raise
        Printer(no_print=False).fail(str(error), exits=1)
