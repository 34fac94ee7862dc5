"""The figures of docs/results.md, docs/transformer.md and README.md: from finished runs into the
repository, and from there into the pages.

    python scripts/results_page.py collect twitter2017   # metrics/ -> docs/results/ (counts, no text)
    python scripts/results_page.py write                 # docs/results/ -> the figures of the pages
    python scripts/results_page.py write --check         # fails if a page says something else

A table of a page stands between `<!-- table KIND DATASET NAMES -->` and `<!-- end -->`, a figure in a
sentence between `<!-- f1 DATASET ROW -->` (or `<!-- f1 DATASET ROW REMOVAL -->`,
`<!-- diff DATASET A:B -->`, or `<!-- diff DATASET A:B SEED -->`, of the seeds from that one on) and
`<!-- -->`.
"""

import csv
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from made_page import save_page
from wasabi import msg

from spacy_mner.experiments import ways
from spacy_mner.experiments.comparison import compare_results, show_interval, show_probability
from spacy_mner.experiments.multi_seed import Result, gains_of, with_common_seeds
from spacy_mner.experiments.runs import check_seeds, read_result
from spacy_mner.experiments.tables import ablation_table, paper_table1, table1
from spacy_mner.experiments.texts import read_lengths
from spacy_mner.experiments.vocab_sensitivity import PAIR, SHARES, run_name, vocab_table
from spacy_mner.output import write_json
from spacy_mner.visualization.spread import spread, spread_of
from spacy_mner.visualization.table import Cell, Table, Value

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results"
PAGES = (ROOT / "docs/results.md", ROOT / "docs/transformer.md", ROOT / "README.md")
BLOCK = re.compile(r"(<!-- table (?P<spec>[^\n]*?) -->\n).*?(?=<!-- end -->)", re.DOTALL)
INLINE = re.compile(r"(<!-- (?P<spec>(?:f1|diff) [^\n]*?) -->)[^\n]*?(?=<!-- -->)")

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.command()
def collect(
    dataset: Annotated[str, typer.Argument(help="Name of the folder below metrics and corpus")],
    metrics: Annotated[Path, typer.Option(help="Results")] = Path("metrics"),
    corpus: Annotated[Path, typer.Option(help="Scored posts: DATASET/test.spacy")] = Path("corpus"),
) -> None:
    """Copy what the tables need of the results of finished runs, and the length of each scored post."""
    paths = sorted((metrics / dataset / "runs").glob("*/seed-*.json"))
    for path in paths:
        target = RESULTS / dataset / "runs" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(without_ablated_counts(path.read_text("utf8")), "utf8")
    for path in sorted((metrics / dataset).glob("attention-*/attention-weights.csv")):
        shutil.copyfile(path, RESULTS / dataset / f"{path.parent.name}.csv")
    lengths = read_lengths(corpus / dataset / "test.spacy")
    write_json(RESULTS / dataset / "lengths.json", lengths, indent=0)
    msg.good(f"Results of {len(paths)} runs", str(RESULTS / dataset))


def without_ablated_counts(text: str) -> str:
    """A run's JSON without the counts per post of what was scored without something.

    They are four fifths of a file, and no table reads them: their scores stay.
    """
    result = json.loads(text)
    for removal in result["ablation"].values():
        removal.pop("counts", None)
    return json.dumps(result, separators=(",", ":"))


@app.command()
def write(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail instead")] = False,
) -> None:
    """Write the tables of the pages from docs/results."""
    for page in PAGES:
        save_page(page, fill(page.read_text("utf8")), "docs/results", check=check)


def fill(page: str) -> str:
    """The page with every table, and every figure that stands in a sentence, made anew."""
    page = BLOCK.sub(lambda match: match[1] + "\n" + make_table(match["spec"]) + "\n", page)
    return INLINE.sub(lambda match: match[1] + make_figure(match["spec"]), page)


def make_figure(spec: str) -> str:
    """A figure in a sentence.

    spec (str): "f1 DATASET ROW", typed F1 over the seeds; "f1 DATASET ROW REMOVAL", when something is taken
        away at test; or "diff DATASET A:B", the difference and its interval, or "diff DATASET A:B SEED" of
        the seeds from that one on.
    """
    kind, dataset, *names = spec.split()
    if kind == "diff":
        gains, interval, _ = compare_rows(dataset, names[0], *map(int, names[1:]))
        return f"{spread(gains).value(2).show()} {interval}"
    keys = ("ablation", names[1], "scores", "ents_f") if names[1:] else ("scores", "ents_f")
    found = spread_of(read_runs(dataset, names[0]), *keys)
    assert found is not None
    return found.value(2).show()


def make_table(spec: str) -> str:
    """Markdown of one table.

    spec (str): "KIND DATASET NAME NAME …".
    """
    kind, dataset, *names = spec.split()
    return KINDS[kind](dataset, names).to_markdown()


def read_runs(dataset: str, name: str) -> list[Result]:
    """The stored results of a row, one a seed."""
    paths = sorted((RESULTS / dataset / "runs" / name).glob("seed-*.json"))
    results = [read_result(path) for path in paths]
    check_seeds(results, RESULTS / dataset / "runs" / name)
    return results


def all_runs(dataset: str, folders: Mapping[str, str]) -> dict[str, list[Result]]:
    """The results in several folders, by name; what has none yet is left out."""
    found = {name: read_runs(dataset, folder) for name, folder in folders.items()}
    return {name: runs for name, runs in found.items() if runs}


def make_paper_table(dataset: str, names: list[str]) -> Table:
    """F1 next to the paper's."""
    table = paper_table1(all_runs(dataset, {name: name for name in names}))
    assert table is not None
    return table


def make_vocab_table(dataset: str, names: list[str]) -> Table:
    """Table 3."""
    return vocab_table(
        {row: {share: read_runs(dataset, run_name(row, share)) for share in SHARES} for row in PAIR}
    )


def make_ablation_table(dataset: str, names: list[str]) -> Table:
    """What a row loses at test time."""
    results = [result["ablation"] for result in read_runs(dataset, names[0])]
    return ablation_table(results, subject=names[0])


def make_weights_table(dataset: str, names: list[str]) -> Table:
    """The mean weight of each modality by kind of word."""
    with (RESULTS / dataset / f"attention-{names[0]}.csv").open(encoding="utf8") as file:
        header, *lines = csv.reader(file)
    rows: list[Sequence[Cell]] = []
    for title, number, *values in lines:
        pairs = zip(values[::2], values[1::2], strict=True)
        cells = [Value(float(mean), float(sd), 2) if mean else None for mean, sd in pairs]
        rows.append([title, int(number), *cells])
    return Table(
        title=f"Mean weight of each modality, {names[0]}, {dataset}",
        header=[name for name in header if not name.endswith(" sd")],
        rows=rows,
    )


@cache
def compare_rows(dataset: str, pair: str, first_seed: int = 0) -> tuple[Sequence[float], str, str]:
    """Two rows A:B: the difference of typed F1 of each seed, its interval, and its probability."""
    runs = ([r for r in read_runs(dataset, x) if r["seed"] >= first_seed] for x in pair.split(":"))
    a, b = with_common_seeds(*runs)
    found = compare_results(a, b)["typed"]
    return gains_of(a, b), show_interval(found), show_probability(found.p_randomisation, digits=3)


def make_comparisons(dataset: str, names: list[str]) -> Table:
    """Pairs A:B: the difference of typed F1, seed by seed and pooled."""
    rows: list[Sequence[Cell]] = []
    for pair in names:
        gains, interval, p = compare_rows(dataset, pair)
        ahead = f"{sum(gain > 0 for gain in gains)} of {len(gains)} seeds"
        rows.append([*pair.split(":"), spread(gains).value(2), ahead, interval, p])
    return Table(
        title=f"Differences of typed F1, {dataset}",
        header=["A", "B", "A − B", "A is ahead in", "95 % interval", "p"],
        rows=rows,
        note=(
            "A − B: mean ± standard deviation over the seeds. Interval: paired bootstrap over posts; p: "
            "approximate randomisation, two-sided; both with the seeds pooled (`spacy mner compare`). They "
            "tell what other posts would change, not what other seeds would: that is the deviation."
        ),
    )


def read_ways(
    dataset: str, kind: str
) -> tuple[dict[str, list[Result]], dict[str, list[Result]], list[int]]:
    """Runs by way, those trained on the pictures of other posts, and the positions of short posts.

    kind (str): the text, or "vocab25".
    """
    share = kind.removeprefix("vocab")
    text, keep = ("plain", int(share) / 100) if share != kind else (kind, 1.0)
    runs, shuffled = (
        all_runs(
            dataset,
            {w: ways.run_name(w, shuffled=others, text=text, keep=keep) for w in ways.WAYS},
        )
        for others in (False, True)
    )
    lengths = json.loads((RESULTS / dataset / "lengths.json").read_text("utf8"))
    return runs, shuffled, ways.short_posts(lengths)


def make_ways_table(dataset: str, names: list[str]) -> Table:
    """Ways in for the picture. NAMES: see `read_ways`."""
    title = f"Ways in for the picture, {dataset}, {names[0]}"
    return ways.ways_table(*read_ways(dataset, names[0]), title=title)


def make_short_table(dataset: str, names: list[str]) -> Table:
    """The same, on short posts alone."""
    title = f"Posts of at most {ways.SHORT} tokens, {dataset}, {names[0]}"
    return ways.short_table(*read_ways(dataset, names[0]), title=title)


KINDS: dict[str, Callable[[str, list[str]], Table]] = {
    "table1": lambda dataset, names: table1(all_runs(dataset, {name: name for name in names})),
    "paper": make_paper_table,
    "vocab": make_vocab_table,
    "ablation": make_ablation_table,
    "weights": make_weights_table,
    "compare": make_comparisons,
    "ways": make_ways_table,
    "short": make_short_table,
}


if __name__ == "__main__":
    app()
