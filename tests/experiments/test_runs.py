"""A run is done once, and its result is whole or not there."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training import Corpus
from thinc.api import Config

from spacy_mner.evaluation.evaluate import evaluate
from spacy_mner.experiments import runs
from spacy_mner.experiments.rows import ROWS
from spacy_mner.experiments.runs import (
    Data,
    Trial,
    build_config,
    check_seeds,
    identify,
    read_result,
    run_trial,
)
from spacy_mner.experiments.settings import change, find_steps
from spacy_mner.experiments.split import split_train
from spacy_mner.models.tagger import get_tagger

from .conftest import CONFIGS


@pytest.fixture(scope="module")
def config():
    base = Config().from_disk(CONFIGS / "paper.cfg", interpolate=False)
    narrow = {
        "components.mner.model.width": 12,
        "components.mner.model.encoder.hidden_width": 8,
        "components.mner.model.modalities.char.hidden_width": 6,
    }
    return change(base, narrow)


@pytest.fixture(scope="module")
def trial(config):
    return Trial("narrow", config, 1, "on", steps=5)


def test_a_run_is_done_once(trial, small, tmp_path):
    output = tmp_path / "runs" / "seed-1.json"
    model = tmp_path / "models" / "seed-1"
    result = run_trial(trial, small, output, model_dir=model, command="do it")
    assert read_result(output) == result
    assert [path.name for path in output.parent.iterdir()] == ["seed-1.json"]
    assert result["command"] == "do it"
    before = output.stat().st_mtime_ns
    assert run_trial(trial, small, output, model_dir=model) == read_result(output)
    assert output.stat().st_mtime_ns == before
    # The pipeline that is kept gives the figures of the result.
    nlp = spacy.load(model)
    parameters = get_tagger(nlp.get_pipe("mner").model).parameters()
    assert result["parameters"] == sum(p.numel() for p in parameters)
    # The same config and data give the same figures, whatever was trained before in this process.
    other = run_trial(replace(trial, seed=2), small, tmp_path / "seed-2.json")
    again = run_trial(trial, small, tmp_path / "again.json")
    assert again["counts"] == result["counts"]
    assert again["scores"] == result["scores"]
    assert other["fingerprint"] != again["fingerprint"] == result["fingerprint"]
    # A pipeline of another run does not count as kept.
    run = json.loads((model / "run.json").read_text("utf8"))
    (model / "run.json").write_text(json.dumps({**run, "fingerprint": "old"}), "utf8")
    run_trial(trial, small, output, model_dir=model)
    assert output.stat().st_mtime_ns > before


def test_what_a_run_depends_on(trial, small, tmp_path):
    base = identify(trial, small)["fingerprint"]
    moved = tmp_path / "moved.spacy"
    moved.write_bytes(small.test.read_bytes())
    same = [
        (replace(trial, name="other"), small),
        (trial, replace(small, test=moved)),
    ]
    wider = change(trial.config, {"components.mner.model.width": 14})
    different = [
        (replace(trial, config=wider), small),
        (replace(trial, seed=2), small),
        (replace(trial, images="off"), small),
        (replace(trial, keep_vectors=0.5), small),
        (replace(trial, steps=6), small),
        (trial, replace(small, test=small.train)),
        (trial, replace(small, train=small.test)),
        (trial, replace(small, vectors=None)),
        (trial, replace(small, dev_fraction=0.1)),
    ]
    assert all(identify(*case)["fingerprint"] == base for case in same)
    assert base not in {identify(*case)["fingerprint"] for case in different}


def test_a_run_depends_on_what_its_config_points_at(trial, small, tmp_path):
    code, weights = tmp_path / "code.py", tmp_path / "weights.bin"
    for path in (code, weights):
        path.write_bytes(b"1")
    config = change(trial.config, {"paths.init_tok2vec": str(weights)})
    pointing = replace(trial, config=config, code=code)
    seen = {identify(trial, small)["fingerprint"], identify(pointing, small)["fingerprint"]}
    for path in (code, weights):
        path.write_bytes(b"22")
        seen.add(identify(pointing, small)["fingerprint"])
    assert len(seen) == 4
    # However it is written.
    config = change(trial.config, {"system.weights": str(weights)})
    config = change(config, {"paths.init_tok2vec": "${system.weights}"})
    interpolated = replace(pointing, config=config)
    before = identify(interpolated, small)
    weights.write_bytes(b"333")
    assert identify(interpolated, small)["paths_sha"] != before["paths_sha"]


def test_a_config_that_says_where_data_are_is_given_others(trial, small, tmp_path):
    settings = {"corpora.train.path": "mine.spacy", "initialize.vectors": "mine"}
    trial = replace(trial, config=change(trial.config, settings))
    config = build_config(trial, small, tmp_path).interpolate()
    assert config["corpora"]["train"]["path"] == str(small.train)
    assert config["initialize"]["vectors"] == small.vectors


def test_a_reader_that_does_not_know_pictures_is_refused(trial, small, tmp_path):
    config = change(trial.config, {"corpora.dev.@readers": "spacy.Corpus.v1"})
    with pytest.raises(ValueError, match=r"\[M138\].*corpora\.dev.*spacy\.Corpus\.v1"):
        build_config(replace(trial, config=config), small, tmp_path)


def test_seeds_are_of_one_system(trial, small, tmp_path):
    results = [identify(replace(trial, seed=seed), small) for seed in (0, 1)]
    check_seeds(results, tmp_path)
    check_seeds([], tmp_path)
    other = identify(replace(trial, seed=2, steps=9, text="lower"), small)
    with pytest.raises(ValueError, match=r"\[M146\].*differ in text, steps\."):
        check_seeds([*results, other], tmp_path)


def test_nothing_is_chosen_on_the_scored_posts(trial, small, tmp_path):
    """By default: a fixed number of steps, and dev data that are posts of the training data."""
    config = build_config(trial, small, tmp_path).interpolate()
    assert config["paths"] == {
        **config["paths"],
        "train": str(small.train),
        "dev": str(small.train),
    }
    training = config["training"]
    assert (training["max_steps"], training["patience"]) == (5, 0)
    assert training["eval_frequency"] > training["max_steps"]
    assert config["corpora"]["train"]["images"] == config["corpora"]["dev"]["images"] == "on"
    assert config["training"]["seed"] == 1

    early = replace(small, dev_fraction=0.2)
    config = build_config(replace(trial, steps=None), early, tmp_path).interpolate()
    assert config["training"]["patience"] == 3500
    assert config["training"]["max_steps"] == 20000
    vocab = spacy.blank("en").vocab
    texts = {
        name: [doc.text for doc in DocBin().from_disk(config["paths"][name]).get_docs(vocab)]
        for name in ("train", "dev")
    }
    given = [doc.text for doc in DocBin().from_disk(small.train).get_docs(vocab)]
    assert (len(texts["train"]), len(texts["dev"])) == (48, 12)
    assert sorted(texts["train"] + texts["dev"]) == sorted(given)


def test_early_stopping_scores_the_chosen_weights(trial, trained, tmp_path, monkeypatch):
    """The best ones on dev, and not the last ones, which steps that are far too large have spoilt."""
    early = Data(trained.folder / "train.spacy", trained.test, dev_fraction=0.2)
    too_large = {"@schedules": "constant.v1", "rate": 100.0}
    settings = {
        "training.eval_frequency": 20,
        "training.max_steps": 41,
        "training.dropout": 0.0,
        "training.optimizer.learn_rate": {
            "@schedules": "constant_then.v1",
            "rate": 0.1,
            "steps": 30,
            "schedule": too_large,
        },
    }
    train_nlp = runs.train_nlp

    def train_and_keep(nlp, folder, **options):
        done = train_nlp(nlp, folder, **options)
        for name in ("model-best", "model-last"):
            shutil.copytree(folder / name, tmp_path / name)
        return done

    monkeypatch.setattr(runs, "train_nlp", train_and_keep)
    chosen = replace(trial, config=change(trial.config, settings), steps=None)
    result = run_trial(chosen, early, tmp_path / "seed-1.json")
    assert result["dev_fraction"] == 0.2
    on_dev, counts = {}, {}
    for name in ("model-best", "model-last"):
        nlp = spacy.load(tmp_path / name)
        on_dev[name] = nlp.meta["performance"]["ents_f"]
        found = evaluate(nlp, list(Corpus(trained.test)(nlp)), counts=True)["counts"]
        counts[name] = [list(row) for row in found]
    assert on_dev["model-best"] > on_dev["model-last"]
    assert result["counts"] == counts["model-best"] != counts["model-last"]


def test_split_needs_posts_on_both_sides(small, tmp_path):
    with pytest.raises(ValueError, match=r"M125.*60 posts, of which 0.001 would be 0"):
        split_train(small.train, tmp_path, 0.001)


def test_steps_of_a_config():
    paper, mner = (
        Config().from_disk(CONFIGS / f"{n}.cfg", interpolate=False) for n in ("paper", "mner")
    )
    assert find_steps(paper) == 4000
    assert find_steps(mner) == 2500
    fixed = change(paper, {"training.patience": 0, "training.max_steps": 77})
    assert find_steps(fixed) == 77


def test_the_learning_rate_falls_within_the_steps(small, tmp_path):
    mner = Config().from_disk(CONFIGS / "mner.cfg", interpolate=False)
    config = build_config(Trial("x", mner, steps=30), small, tmp_path).interpolate()
    assert config["training"]["optimizer"]["learn_rate"]["total_steps"] == 30
    assert config["training"]["max_steps"] == 30


def test_change():
    config = Config().from_disk(CONFIGS / "paper.cfg", interpolate=False)
    row = ROWS["wc-concat"]
    changed = change(config, row.settings)
    model = changed["components"]["mner"]["model"]
    assert model["fusion"] == {"@architectures": "spacy_mner.Concatenate.v1"}
    assert model["modalities"]["image"] is None
    # The config that was given stays as it was.
    assert config["components"]["mner"]["model"]["modalities"]["image"] is not None
    with pytest.raises(ValueError, match=r"M122.*components\.ner\.model.*components\.ner'"):
        change(config, {"components.ner.model": 1})


def test_pictures_are_those_of_the_row(trial, small, tmp_path):
    shuffled = replace(trial, images="shuffled", seed=3)
    corpora = build_config(shuffled, small, tmp_path).interpolate()["corpora"]
    assert (corpora["train"]["images"], corpora["train"]["seed"]) == ("shuffled", 3)


def test_removed_words_are_missing_in_training_and_scoring(trial, small, tmp_path):
    model = tmp_path / "model"
    full = run_trial(replace(trial, images="off"), small, tmp_path / "full.json")
    half = run_trial(
        replace(trial, images="off", keep_vectors=0.5),
        small,
        tmp_path / "half.json",
        model_dir=model,
    )
    n_words = spacy.load(small.vectors).vocab.vectors.n_keys
    assert spacy.load(model).vocab.vectors.n_keys == round(n_words / 2)
    assert 0 < half["known_tokens"] < full["known_tokens"]


SCRIPT = """
    import sys
    from pathlib import Path
    from thinc.api import Config
    from spacy_mner.experiments.runs import Data, Trial, run_trial
    config = Config().from_disk(sys.argv[1], interpolate=False)
    run_trial(
        Trial("long", config, 0, "off", steps=100_000),
        Data(Path(sys.argv[2]), Path(sys.argv[3])),
        Path(sys.argv[4]),
    )
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_run_leaves_nothing_behind(trial, small, tmp_path):
    output = tmp_path / "seed-0.json"
    trial.config.to_disk(tmp_path / "config.cfg")
    arguments = [tmp_path / "config.cfg", small.train, small.test, output]
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SCRIPT), *map(str, arguments)]
    process = subprocess.Popen(command)
    try:
        for _ in range(1200):
            if (
                any(tmp_path.glob(".seed-0.work-*/model-last/meta.json"))
                or process.poll() is not None
            ):
                break
            time.sleep(0.25)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not output.exists()
    assert len(list(tmp_path.glob(".seed-0.work-*"))) == 1
    run_trial(replace(trial, images="off"), small, output)
    assert not list(tmp_path.glob(".seed-0.work-*"))
    assert read_result(output)["steps"] == 5


@pytest.mark.parametrize(
    ("content", "problem"), [("{", "M124"), ("[]", "M124.*'row'"), ('{"row": "c"}', "M124.*'seed'")]
)
def test_files_of_another_make_are_named(tmp_path, content, problem):
    path = tmp_path / "seed-0.json"
    path.write_text(content, "utf8")
    with pytest.raises(ValueError, match=problem):
        read_result(path)


def test_thin_vectors_are_nested_and_seeded(small):
    from spacy_mner.training.thin_vectors import thin_vectors

    vectors = spacy.load(small.vectors).vocab.vectors
    n = vectors.n_keys
    kept = {keep: set(thin_vectors(vectors, keep, seed=3).key2row) for keep in (1, 0.75, 0.5, 0.25)}
    assert [len(keys) for keys in kept.values()] == [round(keep * n) for keep in kept]
    assert kept[0.25] < kept[0.5] < kept[0.75] < kept[1] == set(vectors.key2row)
    assert set(thin_vectors(vectors, 0.5, seed=4).key2row) != kept[0.5]
    thin = thin_vectors(vectors, 0.5, seed=3)
    for key, row in thin.key2row.items():
        np.testing.assert_array_equal(thin.data[row], vectors.data[vectors.key2row[key]])
    assert vectors.n_keys == n
    for keep in (0, 1.5):
        with pytest.raises(ValueError, match=r"M011.*keep"):
            thin_vectors(vectors, keep)
