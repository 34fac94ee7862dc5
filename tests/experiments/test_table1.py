"""`table1` on the sample: every row trains, is scored, and is not trained twice."""

import csv
import io
import json

import pytest

from spacy_mner.cli.table1 import table1
from spacy_mner.experiments.rows import MORE_ROWS, PAPER_ROWS, ROWS, choose_rows
from spacy_mner.experiments.tables import table1 as make_table1

from .conftest import CONFIGS

RESULTS = CONFIGS.parent / "docs/results"


@pytest.mark.slow
def test_table1_on_the_sample(sample, tmp_path):
    """One seed and few steps; the paper's rows, and one of each other kind."""
    more = "wcv-initial,wcv-attention-lstm,wcv-attention-none,wcv-attention-shuffled,recommended"
    settings = {"rows": f"paper,{more}", "seeds": [0], "steps": 12, "configs": CONFIGS}
    runs = table1(sample.data, tmp_path, **settings)
    assert list(runs) == [row.name for row in ROWS.values() if row.name in runs]
    assert len(runs) == 13
    for name, (result,) in runs.items():
        assert result["steps"] == 12
        assert result["parameters"] > 10_000, name
        assert len(result["counts"]) == result["scores"]["n_posts"]
        assert result["images"] == ROWS[name].images
    # A fusion that concatenates hands three times p to the LSTM: 2 directions × 3 gates × 100.
    wider = runs["wcv-concat"][0]["parameters"] - runs["wcv-attention"][0]["parameters"]
    attention = 3 * 3 * 150 + 3
    assert wider == 2 * 150 * 2 * 300 - attention
    assert set(runs["wcv-attention"][0]["ablation"]) == {
        "on",
        "off",
        "shuffled",
        "no-word",
        "no-char",
    }
    assert set(runs["c"][0]["ablation"]) == {"off"}

    folder = tmp_path / "table1"
    markdown = (folder / "table1.md").read_text("utf8")
    assert markdown.count("\n| W+C |") == 2 * 4
    assert "53.2, not 52.4" in markdown
    rows = list(csv.DictReader(io.StringIO((folder / "table1.csv").read_text("utf8"))))
    assert len(rows) == 13
    score = runs["wcv-attention"][0]["scores"]["ents_f"]
    row = next(row for row in rows if row["Model"].endswith("picture, modality attention"))
    assert float(row["Typed F1"]) == pytest.approx(100 * score, abs=1e-3)
    assert (folder / "table1.png").read_bytes()[:4] == b"\x89PNG"
    assert (folder / "table1.svg").stat().st_size > 1000
    assert json.loads((folder / "section.json").read_text("utf8"))["blocks"][0]["type"] == "table"

    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/seed-0.json")}
    assert len(written) == 13
    repeated = table1(sample.data, tmp_path, **settings)
    assert repeated == runs
    assert {path: path.stat().st_mtime_ns for path in written} == written


@pytest.mark.parametrize(("name", "explained"), [("twc", True), ("recommended", False)])
def test_the_letters_of_a_table_are_explained(name, explained):
    result = json.loads((RESULTS / f"twitter2017/runs/{name}/seed-0.json").read_text("utf8"))
    table = make_table1({name: [result]})
    assert "W: words, C: characters, V: picture" in table.note
    assert ("T: transformer" in table.note) == explained


def test_rows_are_those_of_the_paper():
    assert [row.name for row in PAPER_ROWS] == [
        "c", "w", "wc-multitask", "wc-charcnn", "wc-concat", "wc-attention", "wcv-concat",
        "wcv-attention",
    ]  # fmt: skip
    assert [row.paper[2] for row in PAPER_ROWS] == [8.5, 44.6, 47.4, 48.7, 48.8, 50.5, 51.4, 52.4]
    assert all(row.paper is None for row in MORE_ROWS)


def test_rows_are_chosen_by_name():
    assert choose_rows("paper") == list(PAPER_ROWS)
    assert choose_rows("all") == [*PAPER_ROWS, *MORE_ROWS]
    assert [row.name for row in choose_rows("recommended, c")] == ["c", "recommended"]
    with pytest.raises(ValueError, match=r"M121.*'x'.*wcv-attention.*recommended"):
        choose_rows("c,x")
