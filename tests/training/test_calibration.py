"""Temperature scaling: the fit, where it is kept, and the callback of `spacy train`."""

import json
import math

import numpy as np
import pytest
import spacy
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.util import load_model_from_config, registry

from spacy_mner.evaluation.calibration import Judged, negative_log_likelihood
from spacy_mner.models.tagger import get_decoder
from spacy_mner.training.calibration import HIGH, CalibrationSet, calibrate, minimize
from spacy_mner.training.callbacks import create_calibrate_v1

from ..pipeline.builders import (
    SENTENCES,
    TOK2VEC,
    entities,
    make_doc,
    make_example,
    make_examples,
    make_nlp,
    model_config,
    train,
)

# Half of them contradict what the pipeline has learnt: it cannot be right as often as it says.
WRONG = [
    ("Ann met Bob in Oslo", "B-LOC O B-PER O B-PER"),
    ("the table in Rome", "O O O B-PER"),
    ("Daisy visits Paris with Acme", "B-PER O B-ORG O B-ORG"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A pipeline that is very sure of itself, on disk."""
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=40)
    folder = tmp_path_factory.mktemp("model")
    nlp.to_disk(folder / "model")
    rows = [*SENTENCES, *WRONG] * 2
    docs = [make_doc(nlp, text, tags) for text, tags in rows]
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "dev.spacy")
    return folder


def examples_of(nlp, rows=(*SENTENCES, *WRONG)):
    return [make_example(nlp, text, tags) for text, tags in rows]


@pytest.mark.parametrize("lowest", [-2.0, 0.3, 1.7])
def test_the_lowest_point(lowest):
    place, at_border = minimize(lambda x: (x - lowest) ** 2, -3.0, 3.0)
    assert place == pytest.approx(lowest, abs=1e-3)
    assert not at_border


@pytest.mark.parametrize(("slope", "end"), [(1.0, -3.0), (-1.0, 3.0)])
def test_the_lowest_point_at_the_border(slope, end):
    place, at_border = minimize(lambda x: slope * x, -3.0, 3.0)
    assert place == pytest.approx(end, abs=2e-3)
    assert at_border


def test_a_pipeline_too_sure_of_itself_gets_a_temperature_above_1(model):
    nlp = spacy.load(model / "model")
    egs = examples_of(nlp)
    before = [entities(nlp(make_doc(nlp, text))) for text, _ in SENTENCES]
    result = calibrate(nlp, egs)
    assert 1.2 < result["temperature"] < HIGH
    assert nlp.get_pipe("mner").temperature == result["temperature"]
    assert result["after"]["nll"] < result["before"]["nll"]
    assert result["after"]["ece"] < result["before"]["ece"]
    assert result["after"]["accuracy"] == result["before"]["accuracy"]
    assert result["after"]["confidence"] < result["before"]["confidence"]
    assert [entities(nlp(make_doc(nlp, text))) for text, _ in SENTENCES] == before
    # No other temperature has a lower loss.
    posts = CalibrationSet(nlp.get_pipe("mner"), egs)
    for factor in (0.5, 0.9, 1.1, 2.0):
        other = posts.judged(factor * result["temperature"])
        assert negative_log_likelihood(other) > result["after"]["nll"]
    # Nothing of it stays on the posts, and what is fitted again comes out the same.
    assert not any(eg.predicted.ents for eg in egs)
    assert calibrate(nlp, egs)["temperature"] == pytest.approx(result["temperature"])


def test_the_scores_are_those_that_were_fitted(model):
    nlp = spacy.load(model / "model")
    result = calibrate(nlp, examples_of(nlp))
    scores = [
        ent._.score for text, _ in (*SENTENCES, *WRONG) for ent in nlp(make_doc(nlp, text)).ents
    ]
    assert np.mean(scores) == pytest.approx(result["after"]["confidence"], abs=1e-5)


def test_scaled_weights_are_found_again(model):
    """Scores three times as large want three times the temperature."""
    nlp = spacy.load(model / "model")
    egs = examples_of(nlp)
    first = calibrate(nlp, egs)["temperature"]
    decoder = get_decoder(nlp.get_pipe("mner").model)
    for parameter in decoder.parameters():
        parameter.data *= 3
    assert calibrate(nlp, egs)["temperature"] == pytest.approx(3 * first, rel=0.01)


def test_held_out(model):
    nlp = spacy.load(model / "model")
    egs = examples_of(nlp, [*SENTENCES, *WRONG] * 3)
    result = calibrate(nlp, egs, n_folds=3)
    folds = result["folds"]
    assert len(folds["temperatures"]) == 3
    assert folds["before"] == result["before"]
    assert folds["after"]["n_entities"] == result["after"]["n_entities"]
    # What was fitted on all has the lowest loss on all.
    assert result["after"]["nll"] <= folds["after"]["nll"] < folds["before"]["nll"]
    json.dumps(result)
    for n_folds in (1, 22):
        with pytest.raises(ValueError, match=r"\[M011\]"):
            calibrate(nlp, egs, n_folds=n_folds)


def test_too_little_to_fit(model):
    nlp = spacy.load(model / "model")
    with pytest.raises(ValueError, match=r"\[M142\]"):
        calibrate(nlp, [])
    doc = make_doc(nlp, "Ann met Bob in Oslo")
    with pytest.raises(ValueError, match=r"\[M142\]"):
        calibrate(nlp, [Example(doc, make_doc(nlp, doc.text))])
    with pytest.raises(ValueError, match=r"\[M130\]"):
        calibrate(spacy.blank("en"), [])
    # All right: the surer the better, without end.
    with pytest.warns(UserWarning, match=r"\[MW041\]"):
        result = calibrate(nlp, examples_of(nlp, SENTENCES))
    assert result["temperature"] < 0.1


def test_it_is_saved_with_the_model(model, tmp_path):
    nlp = spacy.load(model / "model")
    assert nlp.get_pipe("mner").temperature == 1.0
    calibrate(nlp, examples_of(nlp))
    wanted = nlp.get_pipe("mner").temperature
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    again = spacy.load(model / "model").from_bytes(nlp.to_bytes())
    sourced = spacy.blank("en")
    sourced.vocab.vectors = nlp.vocab.vectors
    sourced.add_pipe("mner", source=nlp)
    for other in (loaded, again, sourced):
        assert other.get_pipe("mner").temperature == pytest.approx(wanted)
    # New weights, new temperature.
    egs = make_examples(loaded)
    loaded.initialize(lambda: egs)
    assert loaded.get_pipe("mner").temperature == 1.0


def test_with_tok2vec_before_it():
    nlp = make_nlp(initialize=False, model=model_config(tok2vec=None))
    nlp.remove_pipe("mner")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "*"}
    nlp.add_pipe("mner", config={"model": model_config(tok2vec=listener)})
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    train(nlp, egs, steps=30)
    result = calibrate(nlp, examples_of(nlp))
    scores = [
        ent._.score for text, _ in (*SENTENCES, *WRONG) for ent in nlp(make_doc(nlp, text)).ents
    ]
    assert np.mean(scores) == pytest.approx(result["after"]["confidence"], abs=1e-5)
    assert nlp.pipe_names == ["tok2vec", "mner"]


def test_callback_of_the_config(model):
    nlp = spacy.load(model / "model")
    nlp.config["corpora"] = {
        "dev": {"@readers": "spacy_mner.Corpus.v1", "path": "${paths.dev}"},
    }
    nlp.config["paths"]["dev"] = str(model / "dev.spacy")
    config = {"callback": {"@callbacks": "spacy_mner.calibrate.v1", "corpus": "corpora.dev"}}
    callback = registry.resolve(config)["callback"]
    assert callback(nlp) is nlp
    found = nlp.get_pipe("mner").temperature
    fresh = spacy.load(model / "model")
    assert found == calibrate(fresh, Corpus(model / "dev.spacy")(fresh))["temperature"] != 1.0
    with pytest.raises(ValueError, match=r"\[M145\] .*corpora\.test"):
        create_calibrate_v1("corpora.test")(nlp)


def test_callback_before_anything_is_found(model, tmp_path):
    """Early in training no entity may be found: the pipeline is saved all the same."""
    nlp = spacy.load(model / "model")
    docs = [nlp.make_doc(text) for text, _ in SENTENCES]  # without annotation nothing can be judged
    DocBin(docs=docs).to_disk(tmp_path / "dev.spacy")
    nlp.config["corpora"] = {
        "dev": {"@readers": "spacy_mner.Corpus.v1", "path": str(tmp_path / "dev.spacy")}
    }
    nlp.get_pipe("mner").temperature = 1.5
    with pytest.warns(UserWarning, match=r"\[MW042\].*1\.5.*\[M142\]"):
        create_calibrate_v1()(nlp)
    assert nlp.get_pipe("mner").temperature == 1.5


@pytest.mark.filterwarnings("ignore:.*MW002")  # the posts have no pictures
def test_training_with_the_callback(model, tmp_path):
    """`spacy train` itself: what it saves is calibrated, for the averaged weights that it saves."""
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train as train_loop

    nlp = spacy.load(model / "model")
    config = nlp.config.copy()
    config["paths"]["train"] = config["paths"]["dev"] = str(model / "dev.spacy")
    config["corpora"] = {
        name: {"@readers": "spacy_mner.Corpus.v1", "path": f"${{paths.{name}}}"}
        for name in ("train", "dev")
    }
    config["training"]["max_steps"] = 4
    config["training"]["eval_frequency"] = 2
    config["training"]["optimizer"] = {"@optimizers": "Adam.v1", "use_averages": True}
    config["training"]["before_to_disk"] = {"@callbacks": "spacy_mner.calibrate.v1"}
    config["paths"]["vectors"] = str(model / "model")
    nlp = init_nlp(config)
    train_loop(nlp, tmp_path)
    for name in ("model-best", "model-last"):
        loaded = spacy.load(tmp_path / name)
        saved = loaded.get_pipe("mner").temperature
        assert saved != 1.0
        assert math.isfinite(saved)
    assert saved == pytest.approx(
        calibrate(loaded, Corpus(model / "dev.spacy")(loaded))["temperature"], rel=1e-3
    )


@pytest.mark.parametrize("scores", [True, False])
def test_spacys_find_threshold(model, tmp_path, scores, capsys):
    """The wrong entities of the dev data are the less probable ones, so that a threshold pays."""
    nlp = spacy.load(model / "model", config={"components.mner.scores": scores})
    calibrate(nlp, examples_of(nlp))
    nlp.to_disk(tmp_path / "model")
    best, score, trials = find_threshold(
        tmp_path / "model", model / "dev.spacy", "mner", "threshold", "ents_f", n_trials=6
    )
    assert list(trials) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert trials[1.0] == 0.0  # nothing is as sure as that
    assert trials[0.0] > 0.5
    assert score == max(trials.values()) == trials[best]
    # As the config says, so the pipeline does.
    loaded = spacy.load(tmp_path / "model", config={"components.mner.threshold": 1.0})
    assert not loaded(make_doc(loaded, "Ann met Bob in Oslo")).ents


def test_a_pipeline_of_before_loads(model, tmp_path):
    """Its config knows no threshold, its component no temperature."""
    nlp = spacy.load(model / "model")
    config = nlp.config.copy()
    del config["components"]["mner"]["threshold"]
    nlp.to_disk(tmp_path / "model")
    config.to_disk(tmp_path / "model" / "config.cfg")
    loaded = spacy.load(tmp_path / "model")
    mner = loaded.get_pipe("mner")
    assert (mner.threshold, mner.temperature) == (0.0, 1.0)
    assert loaded.config["components"]["mner"]["threshold"] == 0.0
    assert load_model_from_config(config, auto_fill=True).pipe_names == ["mner"]


def test_no_posts_with_tokens(model):
    nlp = spacy.load(model / "model")
    empty = Doc(nlp.vocab)
    with pytest.raises(ValueError, match=r"\[M142\]"):
        calibrate(nlp, [Example(empty, empty.copy())])
    assert isinstance(CalibrationSet(nlp.get_pipe("mner"), []).judged(1.0), Judged)
