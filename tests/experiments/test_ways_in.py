"""`ways-in` on a part of the sample: every way trains, with its controls, and the table says what they do."""

import csv
import io
from dataclasses import replace

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_mner.cli.ways_in import ways_in
from spacy_mner.experiments.runs import read_result
from spacy_mner.experiments.ways import SHORT, WAYS, choose_ways, run_name, short_table, ways_table
from spacy_mner.training.spacy_files import read_docs
from spacy_mner.visualization.table import show

from .conftest import CONFIGS


def read_table(folder):
    return list(csv.DictReader(io.StringIO((folder / "ways-in.csv").read_text("utf8"))))


@pytest.mark.slow
def test_every_way_trains_with_its_controls(small, tmp_path):
    settings = {"seeds": [0], "steps": 6, "configs": CONFIGS}
    runs = ways_in(small, tmp_path, **settings)
    assert list(runs) == list(WAYS)
    rows = read_table(tmp_path / "ways-in")
    assert len(rows) == len(WAYS)
    text, *others = rows
    assert text["Controls trained on shuffled"] == ""
    for row, way in zip(others, list(WAYS.values())[1:], strict=True):
        (result,) = runs[way.name]
        assert float(row["Own pictures F1"]) == pytest.approx(
            100 * result["scores"]["ents_f"], abs=1e-3
        )
        for condition, column in (("shuffled", "shuffled at test"), ("off", "removed at test")):
            score = result["ablation"][condition]["scores"]["ents_f"]
            assert float(row[f"Controls {column}"]) == pytest.approx(100 * score, abs=1e-3)
        assert (tmp_path / f"runs/{way.name}-shuffled/seed-0.json").exists()
        assert int(row["Weights"]) > int(text["Weights"])
    assert ways_in(small, tmp_path, **settings) == runs


def test_weak_text_is_weak_in_training_and_in_scoring(small, tmp_path):
    settings = {"seeds": [0], "steps": 4, "configs": CONFIGS, "ways": "recommended"}
    plain = ways_in(small, tmp_path, controls=False, **settings)
    typed = [
        "mner", "ways-in", small.train, small.test, tmp_path, "--vectors", small.vectors, "--ways",
        "recommended", "--keep-vectors", "0.25", "--no-controls", "--seeds", "1", "--steps", "4",
        "--configs", CONFIGS,
    ]  # fmt: skip
    result = CliRunner().invoke(app, [str(word) for word in typed])
    assert result.exit_code == 0, result.output
    told = read_result(tmp_path / "runs/recommended-vocab25/seed-0.json")
    # It is done, and not trained again.
    few = ways_in(small, tmp_path, controls=False, keep_vectors=0.25, **settings)
    assert few["recommended"] == [told]
    noisy = ways_in(small, tmp_path, controls=False, text="noisy", **settings)
    lower = ways_in(small, tmp_path, controls=False, text="lower", **settings)
    known = [runs["recommended"][0]["known_tokens"] for runs in (plain, noisy, few)]
    assert known[0] > known[1] > known[2]
    prints = {runs["recommended"][0]["fingerprint"] for runs in (plain, few, noisy, lower)}
    assert len(prints) == 4
    assert (tmp_path / "ways-in-noisy/ways-in.md").exists()
    assert (tmp_path / "ways-in-vocab25/ways-in.md").exists()
    assert (tmp_path / "runs/recommended-lower/seed-0.json").exists()
    assert not (tmp_path / "runs/recommended-shuffled").exists()


def test_short_posts_are_scored_apart(small, tmp_path):
    runs = ways_in(
        small, tmp_path, seeds=[0], steps=6, configs=CONFIGS, ways="recommended", controls=False
    )
    lengths = [len(doc) for doc in read_docs(small.test)]
    assert any(n <= SHORT for n in lengths)
    assert any(n > SHORT for n in lengths)
    counts = [
        post[:3]
        for n, post in zip(lengths, runs["recommended"][0]["counts"], strict=True)
        if n <= SHORT
    ]
    tp, fp, fn = (sum(column) for column in zip(*counts, strict=True))
    expected = 100 * 2 * tp / max(1, 2 * tp + fp + fn)
    row = read_table(tmp_path / "ways-in")[1]
    assert float(row[f"Own pictures posts of ≤ {SHORT} tokens"]) == pytest.approx(
        expected, abs=1e-3
    )


def test_ways_are_chosen_by_name():
    assert [row.name for row in choose_ways("modality")] == ["recommended-text", "modality"]
    assert choose_ways("all") == list(WAYS.values())
    with pytest.raises(ValueError, match=r"M131.*'x'.*modality-gate"):
        choose_ways("modality,x")
    assert run_name("several", shuffled=True, text="noisy", keep=0.25) == (
        "several-shuffled-noisy-vocab25"
    )


@pytest.mark.parametrize("share", [0.0, 0.333])
def test_a_share_of_the_vectors_that_cannot_be_had(small, tmp_path, share):
    with pytest.raises(ValueError, match=r"\[M139\].*whole percents"):
        ways_in(small, tmp_path, keep_vectors=share, configs=CONFIGS)
    with pytest.raises(ValueError, match=r"\[M139\].*--vectors"):
        ways_in(replace(small, vectors=None), tmp_path, keep_vectors=0.25, configs=CONFIGS)


def test_a_difference_is_that_of_common_seeds():
    def result(seed, right):
        counts = [[right, 10 - right, 10 - right, 0, 0, 0]] * 5
        scores = {"ents_f": right / 10}
        return {"seed": seed, "counts": counts, "scores": scores, "ablation": {}, "parameters": 1}

    runs = {
        "recommended-text": [result(0, 5), result(1, 1)],
        "modality": [result(0, 6), result(2, 9)],
    }
    table = ways_table(runs, {}, title="x").to_markdown()
    (line,) = [line for line in table.splitlines() if "the mean vector" in line]
    assert "| 10.00 | [10.00, 10.00] |" in line
    assert line.startswith("| Modality, the mean vector | 2 |")


def test_short_posts_next_to_text_and_controls():
    """Only the posts given count; the last line is the mean of all pairs of runs."""

    def result(seed, *right):
        counts = [[n, 10 - n, 10 - n, 0, 0, 0] for n in right]
        return {"seed": seed, "counts": counts, "scores": {"ents_f": 0.0}}

    runs = {
        "recommended-text": [result(0, 5, 0, 5), result(1, 7, 0, 7)],
        "recommended": [result(0, 6, 10, 6), result(1, 7, 10, 7)],
        "modality": [result(1, 8, 10, 8), result(2, 9, 10, 9)],
    }
    shuffled = {"recommended": [result(0, 5, 10, 5), result(1, 5, 10, 5)]}
    table = short_table(runs, shuffled, [0, 2], title="x")
    lines = [[show(cell) for cell in row] for row in table.rows]
    assert lines[0][1:] == ["2", "60.00 ± 14.14", *["–"] * 5]
    assert lines[1][1:4] == ["2", "65.00 ± 7.07", "5.00 ± 7.07"]
    assert lines[1][5:7] == ["50.00 ± 0.00", "15.00 ± 7.07"]
    assert lines[2][1:] == ["2", "85.00 ± 7.07", "10.00", "[10.00, 10.00]", "–", "–", "–"]
    assert lines[3][1:4] == ["3", "–", "6.67 ± 5.77"]
    assert "2 scored posts" in table.note


def test_an_unknown_text_is_refused(small, tmp_path):
    with pytest.raises(ValueError, match=r"M006.*text.*noisy"):
        ways_in(small, tmp_path, text="upper", configs=CONFIGS)
