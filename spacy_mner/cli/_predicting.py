"""What `spacy mner predict` can write where, and what it says at the end."""

import os
from pathlib import Path
from typing import Any, Dict, List, Optional

import typer

from ..batch.summary import Summary
from ..errors import Errors, Warnings

_SHOWN = 5


def is_folder(path: str) -> bool:
    """RETURNS (bool): Whether OUTPUT says that it is a folder."""
    return path != "-" and (path.endswith(("/", os.sep)) or Path(path).is_dir())


def check_job(
    input_path: str,
    output_path: str,
    html: Optional[Path],
    engine: str,
    about_shards: Dict[str, Any],
) -> None:
    """Refuse what a folder of shards or the engine excludes.

    input_path (str): INPUT.
    output_path (str): OUTPUT.
    html (Optional[Path]): --html.
    engine (str): --engine.
    about_shards (Dict[str, Any]): The options that only shards have, by name.
    RAISES (ValueError): M153.
    """
    where = "where the output is a folder of shards"
    if html is not None:
        problem = "a page shows the posts of one file. Make it of a few posts"
        raise ValueError(Errors.M153.format(option="--html", where=where, problem=problem))
    for name, path in (("INPUT", input_path), ("OUTPUT", output_path)):
        if path == "-":
            problem = "a job that goes on reads again, and knows what is written. Give a path"
            raise ValueError(
                Errors.M153.format(option=f"- for {name}", where=where, problem=problem)
            )
    if engine == "local":
        for option in ("--address", "--num-gpus"):
            if about_shards[option] is not None:
                problem = "it is about a cluster. Add --engine ray"
                where = "with --engine local"
                raise ValueError(Errors.M153.format(option=option, where=where, problem=problem))


def print_summary(summary: Summary) -> None:
    """Print what labelling came to, on stderr: stdout may carry the records."""
    report = summary.report
    lines: List[str] = [
        f"{summary.posts:,} posts labelled, {summary.with_picture:,} with their picture: "
        f"{summary.entities:,} entities"
    ]
    if summary.unused_pictures:
        lines.append(Warnings.MW060.format(n=summary.unused_pictures))
    for cases, what in (
        (report.lost_pictures, "pictures were not found"),
        (report.unreadable_pictures, "pictures could not be read"),
        (report.broken_pictures, "vectors are zero or not finite: taken as no picture"),
        (report.bad, "records could not be used"),
    ):
        if cases.count:
            lines.append(f"{cases.count:,} {what}:")
            lines += [f"  {name}" for name in cases.named[:_SHOWN]]
    for line in lines:
        typer.echo(line.encode("utf8", errors="backslashreplace"), err=True)
