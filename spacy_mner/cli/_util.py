"""What the commands share: the Typer app they hang on, options, and how they were called."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, List, Optional

import typer

# The same short names as in spaCy's own commands.
Arg = typer.Argument
Opt = typer.Option

# Options that several commands have.
GpuOption = Annotated[int, Opt("--gpu-id", "-g", help="GPU ID or -1 for CPU")]
CodeOption = Annotated[
    Optional[Path],
    Opt(
        "--code",
        "-c",
        help="Path to Python file with additional code (registered functions) to be imported",
    ),
]

HELP = """Named entities in social posts from words, spelling and pictures (spacy_mner).

Prepare pictures and data with encode, vectors and convert; use a trained pipeline with predict and
evaluate. Training is spaCy's own: python -m spacy train.
"""

mner_cli = typer.Typer(name="mner", help=HELP, no_args_is_help=True, rich_markup_mode=None)


def command_line() -> str:
    """The command that was typed, as it can be typed again."""
    words: List[str] = sys.argv[1:]
    if not words or words[0] != "mner":
        # Called from Python: there is no command.
        return ""
    return shlex.join(["python", "-m", "spacy", *words])
