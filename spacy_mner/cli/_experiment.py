"""Options and messages that the commands of experiments share."""

from pathlib import Path
from typing import Annotated, List, Optional, Sequence

from thinc.api import Config
from wasabi import Printer

from ..experiments.multi_seed import Result
from ..visualization.spread import spread_of
from ..visualization.table import Table
from ._util import Arg, Opt

TrainArg = Annotated[Path, Arg(help="Training data in .spacy format", exists=True)]
TestArg = Annotated[Path, Arg(help="Posts that are scored, in .spacy format", exists=True)]
DataArg = Annotated[Path, Arg(help="Posts in .spacy format", exists=True)]
MetricsArg = Annotated[
    Path, Arg(help="Folder for results, such as metrics/sample", file_okay=False)
]
OutputArg = Annotated[Path, Arg(help="Folder for tables, figures and the page", file_okay=False)]
VectorsOption = Annotated[
    Optional[str], Opt("--vectors", "-v", help="Pipeline with word vectors (spacy mner vectors)")
]
SeedsOption = Annotated[int, Opt("--seeds", "-n", help="Number of seeds: 0, 1, …", min=1)]
FirstSeedOption = Annotated[int, Opt("--first-seed", help="The first seed")]
StepsOption = Annotated[
    int,
    Opt(
        "--steps",
        help="Updates of each run; 0: as the config says, or 4,000 where it waits for the dev score",
        min=0,
    ),
]
SettingsOption = Annotated[
    Optional[List[str]],
    Opt(
        "--set",
        help="Setting of every row's config as PATH=VALUE, e.g. --set training.dropout=0.4; may be "
        "repeated. The rows keep their names, so choose another folder for the results",
    ),
]
DevOption = Annotated[
    float,
    Opt(
        "--dev-from-train",
        help="Stop early, on this share of the training posts. 0: train for a fixed number of "
        "updates and score the last weights. Nothing is ever chosen on the scored posts",
        min=0.0,
        max=0.9,
    ),
]
ConfigsOption = Annotated[
    Path,
    Opt(
        "--configs",
        help="Folder with paper.cfg, mner.cfg and transformer.cfg",
        exists=True,
        file_okay=False,
    ),
]
ModelsOption = Annotated[
    Optional[Path],
    Opt("--models", help="Folder for trained pipelines (training/sample/runs)", file_okay=False),
]
KeepOption = Annotated[
    int,
    Opt("--keep", help="With --models: keep the pipelines of so many seeds of each row", min=0),
]
CaptionsOption = Annotated[
    Optional[Path],
    Opt(
        "--captions",
        help='JSON with captions or tags of the pictures: {"image id": "a dog"} or ["dog", "park"]',
        exists=True,
        dir_okay=False,
    ),
]


def load_configs(folder: Path, names: Sequence[str]) -> "dict[str, Config]":
    """Configs by name, not interpolated."""
    return {name: Config().from_disk(folder / f"{name}.cfg", interpolate=False) for name in names}


def print_table(msg: Printer, table: Table) -> None:
    """A table on the terminal."""
    block = table.to_block()
    aligns = ["l" if i in block["text_columns"] else "r" for i in range(len(table.header))]
    header = [name.strip() for name in table.full_header()]
    msg.table(
        block["rows"], header=header, aligns=aligns, divider=True, title=table.title, max_col=80
    )


def report_progress(msg: Printer, name: str, results: Sequence[Result]) -> None:
    """One line when a row is done."""
    found = spread_of(results, "scores", "ents_f")
    score = "–" if found is None else found.value(2).show()
    msg.good(f"{name}: typed F1 {score} ({len(results)} run(s))")


def print_files(msg: Printer, paths: Sequence[Path]) -> None:
    """Where the results are."""
    for path in paths:
        msg.good(f"Saved {path}")
