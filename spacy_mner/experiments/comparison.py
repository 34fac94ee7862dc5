"""Systems to compare: pipelines and results of runs, one a seed, scored on the same posts."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import spacy

from ..errors import Errors
from ..evaluation.counts import PostCounts, total_fscores
from ..evaluation.evaluate import evaluate
from ..extensions import set_extensions
from ..pictures import Condition
from ..training.spacy_files import read_examples
from ..visualization.spread import spread
from ..visualization.table import Cell, Table, Value
from .multi_seed import Result
from .runs import check_seeds, read_origin, read_scored
from .significance import Difference, compare_counts

CHOSEN = ("model-last", "model-best")


def find_runs(path: Path) -> List[Path]:
    """The pipelines or results of one system.

    path (Path): a pipeline, a run's JSON file, or a folder with either, one a seed. Results are preferred
        to pipelines, and of what `spacy train` writes the last weights to those that were chosen.
    RETURNS (List[Path]): at least one; pipelines are folders.
    RAISES (ValueError): M123 if there is none.
    """
    if path.is_file() or _is_pipeline(path):
        return [path]
    results = sorted(path.rglob("seed-*.json"))
    if results:
        return results
    pipelines = sorted(
        {meta.parent for meta in path.rglob("meta.json") if _is_pipeline(meta.parent)}
    )
    for name in CHOSEN:
        chosen = [pipeline for pipeline in pipelines if pipeline.name == name]
        if chosen:
            return chosen
    if not pipelines:
        raise ValueError(Errors.M123.format(path=path))
    return pipelines


def read_runs(path: Path, data: Path) -> Dict[Path, Optional[Result]]:
    """The pipelines or results of one system, with the results that are there already.

    path (Path): see `find_runs`.
    data (Path): the scored posts.
    RETURNS (Dict[Path, Optional[Result]]): by path; None for a pipeline, which is to be scored.
    RAISES (ValueError): M120 if a result is from other posts, M123 if there is nothing, M146 if the folder
        holds several systems.
    """
    runs = {run: read_scored(run, data) if run.is_file() else None for run in find_runs(path)}
    origins = [result or read_origin(run) for run, result in runs.items()]
    check_seeds([origin for origin in origins if origin is not None], path)
    return runs


def load_counts(
    path: Path, data: Path, *, images: Condition = "on", progress: bool = False
) -> List[List[PostCounts]]:
    """The counts per post of every run of a system.

    path (Path): see `find_runs`.
    data (Path): the scored posts.
    images (Condition): pictures, where pipelines are scored now; a run's result has its own.
    progress (bool): show progress bars.
    RETURNS (List[List[PostCounts]]): one list a run.
    RAISES (ValueError): M120 if a result is from other posts, M146 if the folder holds several systems.
    """
    return [
        _score(run, data, images, progress) if result is None else _post_counts(result)
        for run, result in read_runs(path, data).items()
    ]


def compare_results(
    a: Sequence[Result], b: Sequence[Result], *, n_samples: int = 10_000
) -> Dict[str, Difference]:
    """`compare_counts` of two systems' results, one a seed."""
    counts = [[_post_counts(result) for result in results] for results in (a, b)]
    return compare_counts(*counts, n_samples=n_samples)


def comparison_table(
    differences: Dict[str, Difference], names: Sequence[str], n_runs: Sequence[int], n_posts: int
) -> Table:
    """F1 of both, their difference, its interval and both tests."""
    rows: List[Sequence[Cell]] = [
        [
            kind,
            Value(d.a, digits=2),
            Value(d.b, digits=2),
            Value(d.difference, digits=2),
            show_interval(d),
            show_probability(d.p_bootstrap),
            show_probability(d.p_randomisation),
        ]
        for kind, d in differences.items()
    ]
    return Table(
        title=f"{names[0]} (A) against {names[1]} (B)",
        header=["F1", "A", "B", "A − B", "95 % interval", "p bootstrap", "p randomisation"],
        rows=rows,
        note=(
            f"{n_posts:,} posts; {n_runs[0]} run(s) of A, {n_runs[1]} of B. Posts are what is resampled; "
            "the counts of a post are pooled over the runs, so the F1 here is that of all runs "
            "together. Interval: percentile bootstrap over posts, paired. p: two-sided."
        ),
    )


def show_interval(difference: Difference) -> str:
    """The 95 % interval, for tables."""
    return f"[{difference.low:.2f}, {difference.high:.2f}]".replace("-", "−")


def show_probability(p: float, digits: int = 4) -> str:
    """A probability, for tables."""
    least = 10**-digits
    return f"{p:.{digits}f}" if p >= least else f"< {least:.{digits}f}"


def spread_note(counts: Sequence[Sequence[PostCounts]], name: str) -> str:
    """Mean and deviation of the typed F1 over the runs, as a sentence."""
    found = spread(100 * total_fscores(run)[0] for run in counts)
    return f"{name}: typed F1 {found.value(2).show()} over {found.n} run(s)."


def _score(model: Path, data: Path, images: Condition, progress: bool) -> List[PostCounts]:
    set_extensions()
    nlp = spacy.load(model)
    examples = read_examples(nlp, data)
    scores: Dict[str, Any] = evaluate(nlp, examples, images, counts=True, progress=progress)
    return _post_counts(scores)


def _is_pipeline(path: Path) -> bool:
    return (path / "meta.json").is_file() and (path / "config.cfg").is_file()


def _post_counts(result: Dict[str, Any]) -> List[PostCounts]:
    return [PostCounts(*row) for row in result["counts"]]
