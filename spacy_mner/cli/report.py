"""`python -m spacy mner report`"""

from pathlib import Path
from typing import Annotated

from wasabi import Printer

from ..visualization.report import TITLE, render_report
from ..visualization.results import load_results
from ._output import atomic_text, fail_on_coded_errors
from ._util import Arg, Opt, mner_cli


@mner_cli.command("report")
def report_cli(
    metrics_dir: Annotated[
        Path,
        Arg(
            help="Folder with evaluation-*.json files, as `spacy mner evaluate` writes them",
            exists=True,
            file_okay=False,
        ),
    ],
    output: Annotated[Path, Arg(help="Output HTML file", dir_okay=False)],
    title: Annotated[str, Opt("--title", help="Title of the page")] = TITLE,
) -> None:
    """
    Write an HTML page that compares a pipeline with pictures, without, and with pictures shuffled.

    Reads every file named evaluation-*.json in the folder and below it. Several files of the
    same condition (models trained with different seeds, or several shuffles) are averaged and
    shown with their standard deviation. The page is one file that needs no network.
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

    metrics_dir (Path): Folder with `evaluation-*.json` files.
    output (Path): HTML file, written atomically.
    title (str): Title of the page.
    silent (bool): Print nothing.
    RAISES (ValueError): M062 if there are no results, M063 if a file is of another make.
    """
    msg = Printer(no_print=silent, pretty=not silent)
    results = load_results(metrics_dir)
    page = render_report(results, title=title)
    with atomic_text(output) as stream:
        stream.write(page)
    n = sum(len(found) for found in results.values())
    msg.good(f"Saved the report of {n} evaluations to {output}")
