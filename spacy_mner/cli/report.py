"""`python -m spacy mner report`"""

from pathlib import Path
from typing import Annotated

from wasabi import Printer

from ..errors import Errors
from ..visualization.dataset_report import render_dataset_report
from ..visualization.report import TITLE, render_report
from ..visualization.results import load_groups
from ..visualization.sections import load_sections
from ._output import atomic_text, fail_on_coded_errors
from ._util import Arg, Opt, mner_cli


@mner_cli.command("report")
def report_cli(
    metrics_dir: Annotated[
        Path,
        Arg(
            help="Folder with results, such as metrics/sample",
            exists=True,
            file_okay=False,
        ),
    ],
    output: Annotated[Path, Arg(help="Output HTML file", dir_okay=False)],
    title: Annotated[str, Opt("--title", help="Title of the page")] = TITLE,
) -> None:
    """
    Write an HTML page with everything that was measured: experiments, and pipelines with pictures,
    without, and with pictures shuffled.

    Reads every file named evaluation-*.json (spacy mner evaluate) in the folder and below it, and
    every section.json (table1, vocab-sensitivity, ways-in, multi-seed, ablate, compare,
    when-images-help, attention). Results of the same pipeline under the same condition (folders
    seed-0, seed-1, …, or several shuffles) are averaged and shown with their standard deviation. The
    page is one file that needs no network.
    """
    with fail_on_coded_errors():
        report(metrics_dir, output, title=title, silent=False)


def report(
    metrics_dir: Path,
    output: Path,
    *,
    title: str = TITLE,
    silent: bool = True,
) -> None:
    """Render the report of a folder of results.

    metrics_dir (Path): Folder with `evaluation-*.json` and `section.json` files, at any depth.
    output (Path): HTML file, written atomically.
    title (str): Title of the page.
    silent (bool): Print nothing.
    RAISES (ValueError): M062 if there are no results, M063 or M124 if a file is of another make.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    groups = load_groups(metrics_dir)
    sections = load_sections(metrics_dir)
    if not groups and not sections:
        raise ValueError(Errors.M062.format(path=metrics_dir))
    if len(groups) == 1 and not sections:
        page = render_report(*groups.values(), title=title)
    else:
        page = render_dataset_report(groups, sections, title=title)
    with atomic_text(output) as stream:
        stream.write(page)
    n = sum(len(found) for results in groups.values() for found in results.values())
    msg.good(f"Saved the report of {n} evaluations and {len(sections)} experiments to {output}")
