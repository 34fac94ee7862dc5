"""The ways in which a picture can reach the tagger, side by side, each with its controls."""

from typing import Dict, List, Mapping, Optional, Sequence

from ..errors import Errors
from ..evaluation.counts import total_fscores
from ..visualization.spread import spread, spread_of
from ..visualization.table import Cell, Table
from .comparison import compare_results, show_interval
from .multi_seed import Result, with_common_seeds
from .rows import FUSION, IMAGE, MODEL, ROWS, Row
from .tables import MICRO

NO_EVIDENCE = {f"{MODEL}.evidence": None}
RANK = 32


def _modality(**settings: object) -> Dict[str, object]:
    """The picture as one more modality of the attention, as in configs/paper.cfg, but standardized."""
    return {IMAGE: {"@architectures": "spacy_mner.ImageVectors.v1", **settings}}


TEXT = "recommended-text"
EVIDENCE = "recommended"
WAYS: Dict[str, Row] = {
    row.name: row
    for row in (
        ROWS[TEXT],
        ROWS[EVIDENCE],
        Row(
            "modality",
            "Modality, the mean vector",
            "W+C+V",
            {**NO_EVIDENCE, **_modality()},
            config="mner",
        ),
        Row(
            "modality-narrow",
            f"Modality, through {RANK} dimensions",
            "W+C+V",
            {**NO_EVIDENCE, **_modality(rank=RANK)},
            config="mner",
        ),
        Row(
            "modality-regions",
            "Modality, attention over regions",
            "W+C+V",
            {**NO_EVIDENCE, **_modality(rank=RANK, pooling="attention")},
            config="mner",
        ),
        Row(
            "modality-gate",
            "Modality with a relevance gate",
            "W+C+V",
            {**NO_EVIDENCE, **_modality(rank=RANK, gated=True)},
            config="mner",
        ),
        Row(
            "modality-concat",
            "Modality, concatenated",
            "W+C+V",
            {
                **NO_EVIDENCE,
                **_modality(rank=RANK),
                FUSION: {"@architectures": "spacy_mner.Concatenate.v1"},
            },
            config="mner",
        ),
        Row(
            "several",
            "Evidence, and modality with attention over regions",
            "W+C+V",
            _modality(rank=RANK, pooling="attention"),
            config="mner",
        ),
    )
}
TITLES = {TEXT: "No picture: the text alone", EVIDENCE: "Evidence about the post's labels"}
# Posts of so few tokens say little: the paper expects pictures to help there.
SHORT = 8


def run_name(way: str, *, shuffled: bool = False, text: str = "plain", keep: float = 1.0) -> str:
    """The name of a run's folder; a run that Table 1 makes, too, has the same there."""
    parts = [way, "shuffled" if shuffled else "", "" if text == "plain" else text]
    parts.append("" if keep == 1 else f"vocab{round(100 * keep)}")
    return "-".join(part for part in parts if part)


def short_posts(lengths: Sequence[int]) -> List[int]:
    """The positions of the posts of at most `SHORT` tokens.

    lengths (Sequence[int]): tokens of each scored post: see `read_lengths`.
    """
    return [position for position, length in enumerate(lengths) if length <= SHORT]


def ways_table(
    runs: Mapping[str, Sequence[Result]],
    shuffled: Mapping[str, Sequence[Result]],
    short: Optional[Sequence[int]] = None,
    *,
    title: str,
) -> Table:
    """A line a way: F1 with the posts' own pictures, and what becomes of it under the controls.

    runs (Mapping[str, Sequence[Result]]): results by way, one a seed.
    shuffled (Mapping[str, Sequence[Result]]): of the same, trained and scored on pictures of other posts.
    short (Optional[Sequence[int]]): positions of the scored posts that are short.
    title (str): of the table.
    """
    rows: List[Sequence[Cell]] = []
    text = runs[TEXT]
    for name, results in runs.items():
        row = WAYS[name]
        cells: List[Cell] = [TITLES.get(name, row.title), len(results)]
        cells.append(_spread(results, "scores", "ents_f"))
        blind = name == TEXT
        pair = with_common_seeds(results, text)
        cells += [None, None] if blind else _difference(*pair)
        cells.append(
            None if blind else _spread(results, "ablation", "shuffled", "scores", "ents_f")
        )
        cells.append(None if blind else _spread(results, "ablation", "off", "scores", "ents_f"))
        cells.append(_spread(shuffled[name], "scores", "ents_f") if name in shuffled else None)
        cells.append(_fscore([_only(result, short) for result in results]) if short else None)
        cells.append(int(results[0]["parameters"]))
        rows.append(cells)
    return Table(
        title=title,
        header=[
            "Way in",
            "Seeds",
            "F1",
            "− text",
            "95 %",
            "shuffled at test",
            "removed at test",
            "trained on shuffled",
            f"posts of ≤ {SHORT} tokens",
            "Weights",
        ],
        groups=[("", 2), ("Own pictures", 3), ("Controls", 3), ("Own pictures", 1), ("", 1)],
        rows=rows,
        breaks=[1],
        note=(
            f"{MICRO} Typed F1. The difference to the text alone is taken seed by seed; 95 %: of what a "
            "paired bootstrap over posts draws of it, the seeds pooled. Controls: the "
            "same trained model with the pictures of other posts, and without pictures; and a model that "
            "was trained and scored with the pictures of other posts."
        ),
    )


def short_table(
    runs: Mapping[str, Sequence[Result]],
    shuffled: Mapping[str, Sequence[Result]],
    short: Sequence[int],
    *,
    title: str,
) -> Table:
    """A line a way: F1 on the short posts alone, next to the text alone and to the pictures of other posts.

    The last line pools all ways: so few posts tell little about any single one.

    runs, shuffled, title: as for `ways_table`.
    short (Sequence[int]): positions of the scored posts that are short.
    """
    own, others = (
        {name: [_only(result, short) for result in results] for name, results in found.items()}
        for found in (runs, shuffled)
    )
    text = own.pop(TEXT)
    rows: List[Sequence[Cell]] = [[TITLES[TEXT], len(text), _fscore(text), *[None] * 5]]
    pairs = {
        name: (with_common_seeds(results, text), with_common_seeds(results, others.get(name, [])))
        for name, results in own.items()
    }
    for name, (to_text, to_others) in pairs.items():
        cells: List[Cell] = [TITLES.get(name, WAYS[name].title), len(own[name]), _fscore(own[name])]
        cells += _difference(*to_text)
        cells += [_fscore(others[name]) if name in others else None, *_difference(*to_others)]
        rows.append(cells)
    pooled = [
        tuple([result for pair in which for result in pair[side]] for side in (0, 1))
        for which in zip(*pairs.values(), strict=True)
    ]
    if pooled:
        a, b = (_difference(*pair) for pair in pooled)
        rows.append(["All ways together", len(pooled[0][0]), None, *a, None, *b])
    return Table(
        title=title,
        header=["Way in", "Runs", "F1", "− text", "95 %", "F1", "own − others", "95 %"],
        groups=[("", 2), ("Own pictures", 3), ("Trained on the pictures of other posts", 3)],
        rows=rows,
        breaks=[1, len(rows) - 1],
        note=(
            f"{MICRO} Typed F1 of the {len(short)} scored posts of at most {SHORT} tokens. 95 %: paired "
            "bootstrap over these posts, the runs pooled."
        ),
    )


def _only(result: Result, posts: Sequence[int]) -> Result:
    counts = [result["counts"][i] for i in posts]
    return {**result, "counts": counts, "scores": {"ents_f": total_fscores(counts)[0]}}


def _fscore(results: Sequence[Result]) -> Cell:
    return _spread(results, "scores", "ents_f")


def _difference(a: Sequence[Result], b: Sequence[Result]) -> List[Cell]:
    """The mean difference of runs, pair by pair, and its interval."""
    if not a:
        return [None, None]
    scores = ([result["scores"]["ents_f"] for result in results] for results in (a, b))
    gains = spread(100 * (x - y) for x, y in zip(*scores, strict=True))
    return [gains.value(2), _interval(a, b)]


def _spread(results: Sequence[Result], *keys: str) -> Cell:
    found = spread_of(results, *keys)
    return found.value(2) if found else None


def _interval(results: Sequence[Result], text: Sequence[Result]) -> str:
    return show_interval(compare_results(results, text, n_samples=2000)["typed"])


def choose_ways(names: str) -> List[Row]:
    """Ways by name, in the order of the table; the text alone is always among them.

    names (str): "all", or names with commas between.
    RAISES (ValueError): M131 for a name that is not known.
    """
    chosen = {TEXT}
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name != "all" and name not in WAYS:
            raise ValueError(Errors.M131.format(name=name, known=", ".join(WAYS)))
        chosen |= set(WAYS) if name == "all" else {name}
    return [row for row in WAYS.values() if row.name in chosen]
