"""The benchmarks of growth and of time to F1 run, and what they compute is what they say."""

import csv
import sys
import time
from copy import copy
from importlib import import_module
from pathlib import Path

import pytest
import srsly
import torch
from spacy.tokens import DocBin
from thinc.api import Config

from spacy_mner.codecs import RememberingRegistry
from spacy_mner.experiments.settings import change

from .pipeline import builders

pytest.importorskip("matplotlib", reason="needs the extra 'plots'")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
codecs_speed = import_module("codecs_speed")
learning_curve = import_module("learning_curve")
linearity = import_module("linearity")
recipes = import_module("recipes")
scores_cost = import_module("scores_cost")
time_to_f1 = import_module("time_to_f1")

NARROW = {
    "components.mner.model.width": 24,
    "components.mner.model.encoder.hidden_width": 16,
    "components.mner.model.modalities.char.hidden_width": 8,
    "components.mner.model.evidence": None,
    "training.optimizer.learn_rate.total_steps": 20,
    "training.optimizer.learn_rate.initial_rate": 0.02,
    "training.dropout": 0.1,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Posts, their word vectors, and a narrow config of `mner` that ends after 20 updates."""
    folder = tmp_path_factory.mktemp("benchmarks")
    nlp = builders.blank()
    nlp.to_disk(folder / "vectors")
    docs = [eg.reference for _ in range(10) for eg in builders.make_examples(nlp)]
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "posts.spacy")
    config = Config().from_disk(ROOT / "configs/mner.cfg", interpolate=False)
    change(config, NARROW).to_disk(folder / "mner.cfg", interpolate=False)
    return folder


def contestant(files, name, *, config=None, **settings):
    nlp = recipes.make_with_recipe(name, config or files / "mner.cfg", str(files / "vectors"))
    posts = files / "posts.spacy"
    return learning_curve.Contestant(nlp, posts, posts, **{"every": 4, "patience": 0, **settings})


def test_codecs_speed(files, tmp_path, capsys):
    builders.make_nlp().to_disk(tmp_path / "model")
    codecs_speed.main(tmp_path / "model", files / "posts.spacy", n_posts=40, rounds=1)
    _, *lines = capsys.readouterr().out.splitlines()
    tasks = ["read from a file", "label, 1 process", "label, 2 processes"]
    assert [line[:20].rstrip() for line in lines] == tasks
    for line in lines:
        plain, ours, times = map(float, line[20:].split())
        assert times == pytest.approx(ours / plain, rel=0.2, abs=0.01)
    # What the tests after this one see is what the package makes of them.
    assert type(srsly.msgpack_encoders) is type(srsly.msgpack_decoders) is RememberingRegistry


def test_scores_cost(files, tmp_path, capsys):
    builders.make_nlp().to_disk(tmp_path / "model")
    scores_cost.main(str(tmp_path / "model"), files / "posts.spacy", rounds=2)
    without, with_, by_best, by_median = capsys.readouterr().out.splitlines()
    assert without.startswith("without scores")
    assert with_.startswith("with scores")
    assert by_best.startswith("scores cost ")
    assert by_median.endswith("by the median of 2 pairs")


def test_encode_speed(capsys):
    pytest.importorskip("skimage", reason="needs scikit-image")
    pytest.importorskip("efficientnet_lite_pytorch", reason="needs efficientnet-lite-pytorch")
    encode_speed = import_module("encode_speed")
    before = torch.get_num_threads()
    try:
        encode_speed.main(pictures=9, rounds=1)
    finally:
        torch.set_num_threads(before)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if "pictures, batches" in line] == [
        "efficientnet_lite0", "googlenet",
    ]  # fmt: skip
    assert sum("folder to store / network alone in threads" in line for line in lines) == 2
    assert sum("network and decoding / network alone in threads" in line for line in lines) == 2


def test_linearity(files, tmp_path, capsys):
    nlp = builders.make_nlp()
    nlp.to_disk(tmp_path / "model")
    linearity.main(
        tmp_path / "model", files / "posts.spacy", tmp_path, max_posts=100, tokens=1000, repeats=1
    )
    with open(tmp_path / "linearity.csv", encoding="utf8", newline="") as file:
        rows = list(csv.DictReader(file))
    sizes = [(row["grows"], int(row["posts"]), int(row["tokens"])) for row in rows]
    # Four posts with 19 tokens again and again: 10 posts are two rounds and two posts of 5 tokens.
    assert sizes[:2] == [("posts", 10, 48), ("posts", 100, 475)]
    assert sizes[2:] == [("length", 1000 // n, 1000) for n in linearity.LENGTHS]
    for row in rows:
        seconds = float(row["seconds"])
        assert float(row["us_per_token"]) == pytest.approx(1e6 * seconds / int(row["tokens"]), 1e-3)
    assert {p.name for p in tmp_path.glob("linearity.*")} == {
        "linearity.csv", "linearity.png", "linearity.svg",
    }  # fmt: skip
    assert capsys.readouterr().out.count("\nslope by ") == 2


def test_slope_is_the_exponent():
    x = [5, 50, 100, 500]
    assert linearity.slope(x, [3 * value for value in x]) == pytest.approx(1)
    assert linearity.slope(x, [0.1 * value**2 for value in x]) == pytest.approx(2)


def test_posts_are_cut_from_one_stream_of_tokens():
    texts = [(["a", "b", "c"], 1), (["d", "e"], 2)]
    posts = list(linearity.cut(texts, 4, 3))
    assert posts == [(list("abcd"), 1), (list("eabc"), 2), (list("deab"), 2)]


def test_time_to_f1(files, tmp_path, capsys):
    time_to_f1.main(
        files / "posts.spacy",
        files / "posts.spacy",
        str(files / "vectors"),
        output=tmp_path,
        config=files / "mner.cfg",
        contestants="mner, ner-small",
        every=4,
        max_seconds=1.5,
        turn=0.3,
    )
    found = srsly.read_json(tmp_path / "time_to_f1.json")
    for curve in found["contestants"].values():
        seconds = [point["seconds"] for point in curve["points"]]
        assert seconds == sorted(seconds)
        assert [point["updates"] for point in curve["points"]] == [
            4 * i + 1 for i in range(len(seconds))
        ]
        assert curve["best"]["f1"] == max(point["f1"] for point in curve["points"])
        assert curve["ended_by"] in ("max_seconds", "max_steps", "patience")
    row, best = found["reached"]["ner-small"], found["contestants"]["ner-small"]["best"]
    assert (row["f1"], row["seconds"]) == (best["f1"], best["seconds"])
    assert (tmp_path / "time_to_f1.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "time_to_f1.svg").is_file()
    assert "the best of ner-small" in capsys.readouterr().out


def test_recipes_are_those_of_the_configs():
    mner = recipes.make_recipe("mner", ROOT / "configs/mner.cfg").interpolate()["training"]
    assert (mner["max_steps"], mner["batcher"]["size"]) == (2500, 16)
    ner = recipes.make_recipe("ner-large", ROOT / "configs/mner.cfg").interpolate()
    assert ner["components"]["ner"]["model"]["tok2vec"]["width"] == 256
    training = ner["training"]
    assert (training["dropout"], training["optimizer"]["learn_rate"]) == (0.1, 0.001)
    assert training["batcher"]["@batchers"] == "spacy.batch_by_words.v1"
    assert (training["batcher"]["size"]["start"], training["batcher"]["size"]["stop"]) == (
        100,
        1000,
    )


@pytest.fixture(scope="module")
def alone(files):
    """An `mner` that was trained to the end in one turn."""
    mner = contestant(files, "mner")
    mner.take_turn(1000, 1000)
    return mner


def test_it_learns_to_the_end_of_its_recipe(alone):
    assert alone.ended_by == "max_steps"
    assert [point.updates for point in alone.points] == [1, 5, 9, 13, 17, 21]
    assert alone.best.f1 > 0.9


def test_others_turns_change_nothing(files, alone):
    mner, ner = contestant(files, "mner"), contestant(files, "ner-small")
    while mner.ended_by is None:
        # No seconds: one update a turn.
        mner.take_turn(0, 1000)
        ner.take_turn(0, 1000)
    assert [(p.updates, p.f1) for p in mner.points] == [(p.updates, p.f1) for p in alone.points]
    assert ner.points[0].updates == 1


def test_patience_counts_evaluations(files, tmp_path):
    config = Config().from_disk(files / "mner.cfg", interpolate=False)
    learns_nothing = {"training.optimizer.learn_rate.initial_rate": 0.0}
    change(config, learns_nothing).to_disk(tmp_path / "mner.cfg", interpolate=False)
    mner = contestant(files, "mner", config=tmp_path / "mner.cfg", every=2, patience=3)
    mner.take_turn(1000, 1000)
    assert mner.ended_by == "patience"
    # The first one is the best, and three more have not raised it.
    assert [point.updates for point in mner.points] == [1, 3, 5, 7]


def test_it_ends_after_its_seconds(files):
    mner = contestant(files, "mner")
    mner.take_turn(1000, mner.seconds + 1e-6)
    assert mner.ended_by == "max_seconds"
    assert [point.updates for point in mner.points] == [1]


def test_the_clock_stands_still_in_evaluation(files, monkeypatch):
    mner = contestant(files, "mner")
    evaluate = learning_curve.evaluate

    def slow(nlp, examples):
        time.sleep(0.5)
        return evaluate(nlp, examples)

    monkeypatch.setattr(learning_curve, "evaluate", slow)
    before = mner.seconds
    start = time.perf_counter()
    mner.take_turn(0, 1000)
    assert len(mner.points) == 1
    assert mner.seconds - before < time.perf_counter() - start - 0.5


def test_the_best_is_the_first_one_and_is_reached_at_its_evaluation(alone):
    mner = copy(alone)
    mner.points = [learning_curve.Point(*p) for p in ((1, 1.0, 0.2), (5, 2.0, 0.7), (9, 3.0, 0.7))]
    assert mner.best.updates == 5
    assert mner.reached(0.5).seconds == 2.0
    assert mner.reached(0.2).seconds == 1.0
    assert mner.reached(0.71) is None
