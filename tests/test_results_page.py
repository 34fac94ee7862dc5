"""docs/results.md, docs/transformer.md and README.md show what the stored runs say."""

import json
import re
import statistics
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results"
sys.path.insert(0, str(ROOT / "scripts"))

import results_page  # noqa: E402


@pytest.mark.parametrize("path", results_page.PAGES, ids=lambda path: path.stem)
def test_the_page_is_that_of_the_stored_runs(path):
    page = path.read_text("utf8")
    assert len(results_page.BLOCK.findall(page)) + len(results_page.INLINE.findall(page)) >= 3
    assert results_page.fill(page) == page


def test_a_figure_that_no_run_has_is_replaced():
    block = next(results_page.BLOCK.finditer(results_page.PAGES[0].read_text("utf8")))
    table = block[0] + "<!-- end -->"
    digit = next(i for i, char in enumerate(table) if char.isdigit() and i > len(block[1]))
    wrong = table[:digit] + "x" + table[digit + 1 :]
    assert results_page.fill(wrong) == table


def test_figures_in_sentences():
    """Mean and deviation over the seeds; of a difference, the interval as well."""
    page = results_page.fill(
        "It has <!-- f1 twitter2017 twc -->1<!-- -->, <!-- f1 twitter2017 recommended off --><!-- --> and "
        "<!-- diff twitter2017 twc:recommended-text -->x<!-- -->."
    )
    texts = re.findall(r"-->([^<]+)<!-- -->", page)
    runs = {
        row: [
            json.loads(path.read_text("utf8"))
            for path in sorted((RESULTS / f"twitter2017/runs/{row}").glob("*.json"))
        ]
        for row in ("twc", "recommended", "recommended-text")
    }
    expected = [
        [run["scores"]["ents_f"] for run in runs["twc"]],
        [run["ablation"]["off"]["scores"]["ents_f"] for run in runs["recommended"]],
        [
            a["scores"]["ents_f"] - b["scores"]["ents_f"]
            for a, b in zip(runs["twc"], runs["recommended-text"], strict=True)
        ],
    ]
    for text, scores in zip(texts, expected, strict=True):
        mean, deviation = 100 * statistics.mean(scores), 100 * statistics.stdev(scores)
        assert text.startswith(f"{mean:.2f} ± {deviation:.2f}")
    low, high = map(float, re.findall(r"[\d.]+", texts[2].split("[")[1]))
    assert low < 100 * statistics.mean(expected[2]) < high


def test_all_but_the_counts_of_removals_is_kept():
    removal = {"title": "without x", "scores": {"ents_f": 0.1}}
    result = {
        "counts": [[1, 0, 0, 1, 0, 0]],
        "scores": {"ents_f": 1 / 3},
        "ablation": {"x": removal},
    }
    whole = {**result, "ablation": {"x": {**removal, "counts": [[0] * 6]}}}
    assert json.loads(results_page.without_ablated_counts(json.dumps(whole))) == result


@pytest.mark.parametrize(
    "path", sorted(RESULTS.glob("*/runs/*/seed-*.json")), ids=lambda p: "-".join(p.parts[-4:])
)
def test_a_stored_run_counts_the_posts_of_its_data_set(path):
    result = json.loads(path.read_text("utf8"))
    dataset = RESULTS / path.relative_to(RESULTS).parts[0]
    lengths = json.loads((dataset / "lengths.json").read_text("utf8"))
    assert len(result["counts"]) == len(lengths)
    assert result["seed"] == int(path.stem.removeprefix("seed-"))
    right, wrong, missed = (sum(post[k] for post in result["counts"]) for k in range(3))
    f1 = 2 * right / (2 * right + wrong + missed)
    assert result["scores"]["ents_f"] == pytest.approx(f1, abs=1e-6)
    # Scores of what was taken away stay, their counts go: see `collect`.
    assert set(result["ablation"])
    assert not any("counts" in removal for removal in result["ablation"].values())
    # How it is made again, by anybody.
    assert result["command"].startswith("python -m spacy mner ")
    assert f"metrics/{dataset.name}" in result["command"]
    assert "/tmp" not in result["command"]
