"""Output files that are either complete or absent, and errors without a traceback."""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, Mapping, Optional, Union

from wasabi import Printer

from ..errors import Errors, is_coded
from ..output import atomic_text, write_json
from ..training.converters import find_files
from ..training.converters.reading import check_format

__all__ = ["atomic_text", "check_outputs", "fail_on_coded_errors", "write_json"]


@contextmanager
def fail_on_coded_errors() -> Iterator[None]:
    """Print an error of this package, or of spaCy about a pipeline that cannot be found or read, as a
    message and exit with 1; let all others through."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        about_pipeline = isinstance(error, OSError) and re.match(r"\[E\d+\] ", str(error))
        if not is_coded(error) and not about_pipeline:
            raise
        Printer(no_print=False).fail(str(error), exits=1)


def check_outputs(
    input_path: Union[str, Path], format: str, outputs: Mapping[str, Optional[Union[str, Path]]]
) -> None:
    """Refuse to write a file over the input, or over another output.

    input_path (Union[str, Path]): A file, folder or glob, or "-" for stdin.
    format (str): Format of the input, see `find_files`.
    outputs (Mapping[str, Optional[Union[str, Path]]]): The files to write, by what the command line
        calls them; None is not written, "-" is stdout.
    RAISES (ValueError): M066, or M006 if there is no such format.
    RAISES (FileNotFoundError): There is no input.
    """
    check_format(format)
    files = [] if str(input_path) == "-" else find_files(input_path, format)
    taken: Dict[Path, str] = dict.fromkeys((file.resolve() for file in files), "INPUT")
    for name, output in outputs.items():
        # Folders and devices are not replaced.
        if output is None or str(output) == "-" or _is_no_file(Path(output)):
            continue
        one = taken.setdefault(Path(output).resolve(), name)
        if one != name:
            raise ValueError(Errors.M066.format(path=output, one=one, other=name))


def _is_no_file(path: Path) -> bool:
    return path.exists() and not path.is_file()
