"""Tables of the experiments, made from the results of runs."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ..visualization.spread import spread, spread_of
from ..visualization.table import Cell, Table, Value
from .multi_seed import Result
from .rows import MORE_ROWS, ROWS, Row

FIGURES = ("ents_p", "ents_r", "ents_f", "ents_seg_p", "ents_seg_r", "ents_seg_f")
PRF = ("P", "R", "F1")
MICRO = (
    "Precision, recall and F1 in percent, micro-averaged: all entities pooled. Typed: boundaries and "
    "type are right. Segmentation: boundaries alone."
)


def table1(runs: Mapping[str, Sequence[Result]]) -> Table:
    """Table 1 of the paper: a row a model.

    runs (Mapping[str, Sequence[Result]]): results by the row's name, one a seed.
    """
    rows = [ROWS[name] for name in ROWS if name in runs]
    more = {row.name for row in MORE_ROWS}
    first_more = next((i for i, row in enumerate(rows) if row.name in more), None)
    letters = "W: words, C: characters, V: picture"
    if any("T" in row.modalities for row in rows):
        letters += ", T: transformer"
    return Table(
        title="Table 1: modalities and fusions",
        header=["", "Model", *PRF, *PRF, "F1", "Weights", "Seconds"],
        groups=[("", 2), ("Typed", 3), ("Segmentation", 3), ("Macro", 1), ("", 2)],
        rows=[_table1_row(row, runs[row.name]) for row in rows],
        breaks=[] if not first_more else [first_more],
        note=(
            f"{MICRO} Macro: mean of the types' F1. {letters}. "
            f"{_seeds(runs)} Weights: parameters that are trained. Seconds: of training, the mean of "
            "the runs on the machine at hand."
        ),
    )


def paper_table1(runs: Mapping[str, Sequence[Result]]) -> Optional[Table]:
    """F1 beside the figures that the paper reports on SnapCaptions; None without a row of the paper."""
    rows: List[Sequence[Cell]] = []
    for name, row in ROWS.items():
        if name in runs and row.paper is not None:
            typed = spread_of(runs[name], "scores", "ents_f")
            segmentation = spread_of(runs[name], "scores", "ents_seg_f")
            rows.append(
                [
                    row.modalities,
                    row.title,
                    typed and typed.value(),
                    Value(row.paper[2]),
                    segmentation and segmentation.value(),
                    Value(row.paper[5]),
                ]
            )
    if not rows:
        return None
    return Table(
        title="F1 beside the paper's",
        header=["", "Model", "here", "paper", "here", "paper"],
        groups=[("", 2), ("Typed F1", 2), ("Segmentation F1", 2)],
        rows=rows,
        note=(
            "The paper's figures are those of another data set, SnapCaptions, which is not public: the "
            "order of the rows can be compared, not the figures. In its last row P 48.7 and R 58.7 make "
            "an F1 of 53.2, not 52.4; in its first two rows the typed recall is above that of "
            "segmentation, which micro-averaged entities cannot have. Both are probably misprints."
        ),
    )


def seeds_table(name: str, results: Sequence[Result]) -> Table:
    """Every run of one config, and mean and deviation."""
    rows: List[Sequence[Cell]] = []
    for result in results:
        scores = result["scores"]
        rows.append([f"seed {result['seed']}", *(_percent(scores, key) for key in FIGURES)])
    means = [spread_of(results, "scores", key) for key in FIGURES]
    rows.append(["mean", *(m.value() if m else None for m in means)])
    return Table(
        title=f"{name}: {len(results)} runs",
        header=["", *PRF, *PRF],
        groups=[("", 1), ("Typed", 3), ("Segmentation", 3)],
        rows=rows,
        breaks=[len(rows) - 1],
        note=f"{MICRO} Mean ± standard deviation (n - 1).",
    )


def ablation_table(results: Sequence[Dict[str, Dict[str, Any]]], *, subject: str = "") -> Table:
    """What each modality is worth at test time.

    results (Sequence[Dict[str, Dict[str, Any]]]): from `ablate`, one a trained pipeline (seed).
    subject (str): what was trained, for the title.
    """
    rows: List[Sequence[Cell]] = []
    for name in results[0]:
        found = [result[name] for result in results]
        full = [next(iter(result.values())) for result in results]
        values = [spread_of(found, "scores", key) for key in FIGURES]
        change: Cell = None
        if rows:
            losses = [
                100 * ((a["scores"]["ents_f"] or 0) - (b["scores"]["ents_f"] or 0))
                for a, b in zip(found, full, strict=True)
            ]
            change = spread(losses).value()
        rows.append([found[0]["title"], *(v.value() if v else None for v in values), change])
    return Table(
        title=f"What each modality is worth at test time{subject and f': {subject}'}",
        header=["", *PRF, *PRF, "F1 − all"],
        groups=[("", 1), ("Typed", 3), ("Segmentation", 3), ("Typed", 1)],
        rows=rows,
        breaks=[1],
        note=(
            f"{MICRO} The model is the same in all rows; in each, one thing is taken away from every "
            "post that it labels. What a model can do that was trained without it is another question "
            f"(Table 1). {len(results)} trained pipeline(s)."
        ),
    )


def _table1_row(row: Row, results: Sequence[Result]) -> List[Cell]:
    values = [spread_of(results, "scores", key) for key in (*FIGURES, "ents_macro_f")]
    seconds = sum(result["seconds"] for result in results) / len(results)
    return [
        row.modalities,
        row.title,
        *(value.value() if value else None for value in values),
        int(results[0]["parameters"]),
        round(seconds),
    ]


def _seeds(runs: Mapping[str, Sequence[Result]]) -> str:
    numbers = sorted({len(results) for results in runs.values()})
    counts = " or ".join(map(str, numbers))
    steps = sorted({result["steps"] for results in runs.values() for result in results})
    text = f"{counts} seed(s) a row, mean ± standard deviation (n - 1)." if numbers != [1] else ""
    early = any(result["dev_fraction"] for results in runs.values() for result in results)
    if early:
        return f"{text} Stopped early on a part of the training posts."
    return f"{text} {' or '.join(f'{n:,}' for n in steps)} updates, last weights.".strip()


def _percent(scores: Dict[str, Any], key: str) -> Cell:
    value = scores.get(key)
    return None if value is None else Value(100 * value)
