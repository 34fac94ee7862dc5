import json
import re

import pytest

from spacy_mner.visualization.results import load_groups
from spacy_mner.visualization.spread import spread_of

from .results import make_result


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf8")


def test_results_are_grouped_by_condition(tmp_path):
    write(tmp_path / "evaluation-shuffled.json", make_result("shuffled", 0.5))
    write(tmp_path / "seed-1" / "evaluation-on.json", make_result("on", 0.6))
    write(tmp_path / "seed-2" / "evaluation-on.json", make_result("on", 0.8))
    write(tmp_path / "training.json", {"loss": 1.0})
    (results,) = load_groups(tmp_path).values()
    assert list(results) == ["on", "shuffled"]
    assert [result["ents_f"] for result in results["on"]] == [0.6, 0.8]


def test_mean_and_deviation():
    results = [make_result("on", f) for f in (0.5, 0.6, 0.7)]
    value = spread_of(results, "ents_f")
    assert value.mean == pytest.approx(60.0)
    assert value.sd == pytest.approx(10.0)
    assert value.n == 3
    assert spread_of(results, "ents_per_type", "PER", "f").mean == pytest.approx(62.0)
    assert spread_of(results[:1], "ents_f").sd == 0.0


def test_scores_that_are_not_there():
    results = [make_result("on", 0.5), make_result("on", 0.5, seen=None, ents_f=None)]
    assert spread_of(results, "ents_f") is None
    assert spread_of(results, "seen", "ents_r") is None
    assert spread_of(results, "ents_per_type", "LOC", "f") is None
    assert spread_of([], "ents_f") is None


def test_results_of_other_posts_are_not_averaged(tmp_path):
    for name, data in (("evaluation-on.json", "a.spacy"), ("evaluation-b.json", "b.spacy")):
        result = {**make_result("on", 0.5), "data": data}
        (tmp_path / name).write_text(json.dumps(result), encoding="utf8")
    with pytest.raises(ValueError, match=r"M063.*a\.spacy.*b\.spacy.*own folder"):
        load_groups(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "Expecting property name"),
        ("[1]", "it is not a JSON object"),
        ('{"images": "on"}', "'n_posts' is missing"),
        (json.dumps(make_result("sideways", 0.5)), "images is 'sideways'"),
    ],
)
def test_files_of_another_make(tmp_path, content, problem):
    path = tmp_path / "evaluation-on.json"
    path.write_text(content, encoding="utf8")
    with pytest.raises(ValueError, match=rf"M063.*{re.escape(str(path))}.*{problem}"):
        load_groups(tmp_path)
