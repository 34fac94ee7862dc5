"""Rows with a transformer, and what names an encoder in a result."""

import shutil
from dataclasses import replace
from importlib import import_module

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from thinc.api import Config
from typer.testing import CliRunner

from spacy_mner.cli.table1 import table1
from spacy_mner.evaluation.evaluate import evaluate
from spacy_mner.experiments.ablation import ablate, removals
from spacy_mner.experiments.fingerprint import hash_transformer
from spacy_mner.experiments.rows import TRANSFORMER_ROWS, choose_rows
from spacy_mner.experiments.runs import Data, Trial, identify
from spacy_mner.experiments.settings import change
from spacy_mner.extensions import set_extensions
from spacy_mner.models.tagger import missing_modalities

from ..pipeline.builders import SENTENCES, blank, picture
from ..test_configs import CONFIGS


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sixteen posts, most of them with a picture, and a table of vectors."""
    set_extensions()
    folder = tmp_path_factory.mktemp("corpus")
    nlp = blank()
    nlp.to_disk(folder / "vectors")
    docs = []
    for i in range(16):
        text, tags = SENTENCES[i % len(SENTENCES)]
        doc = Doc(nlp.vocab, words=text.split(), ents=tags.split())
        if i % 5:
            doc._.image_vec = picture(i)
        docs.append(doc)
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "data.spacy")
    return Data(folder / "data.spacy", folder / "data.spacy", str(folder / "vectors"))


def test_rows_of_the_transformer():
    assert choose_rows("transformer") == list(TRANSFORMER_ROWS)
    assert [row.name for row in TRANSFORMER_ROWS] == [
        "t", "tc", "twc-concat", "twc", "twcv", "twcv-shuffled",
    ]  # fmt: skip
    assert {row.config for row in TRANSFORMER_ROWS} == {"transformer"}
    assert not any(row.config == "transformer" for row in choose_rows("all,paper"))


def test_rows_are_trained_by_name(data, encoder_dir, tmp_path):
    results = table1(
        data,
        tmp_path,
        rows="t,twcv-shuffled",
        transformer=str(encoder_dir),
        seeds=[0],
        steps=3,
        configs=CONFIGS,
        models=tmp_path / "models",
    )
    assert set(results) == {"t", "twcv-shuffled"}
    alone, full = results["t"][0], results["twcv-shuffled"][0]
    # "Without context" is one of the questions that are asked of every model with several modalities.
    assert "context" in str(full["ablation"])
    nlp = spacy.load(tmp_path / "models" / "twcv-shuffled" / "seed-0")
    encoder = nlp.get_pipe("transformer").model.transformer
    # The profile does not train the embeddings.
    frozen = encoder.get_input_embeddings().weight.numel()
    trf = sum(p.numel() for p in encoder.parameters()) - frozen
    rest = nlp.get_pipe("mner").model.shims[0].module.parameters()
    assert full["parameters"] == trf + sum(p.numel() for p in rest if p.requires_grad)
    assert trf < alone["parameters"] < full["parameters"]


def test_settings_hold_for_every_row(data, encoder_dir, tmp_path):
    typed = [
        "mner", "table1", data.train, data.test, tmp_path, "--vectors", data.vectors, "--rows", "t",
        "--transformer", encoder_dir, "--seeds", "1", "--steps", "1", "--configs", CONFIGS,
        "--models", tmp_path / "models", "--set", "components.mner.model.width=4",
        "--set", "initialize.after_init.cpu_bfloat16=true",
    ]  # fmt: skip
    result = CliRunner().invoke(app, [str(word) for word in typed])
    assert result.exit_code == 0, result.output
    nlp = spacy.load(tmp_path / "models/t/seed-0")
    assert nlp.get_pipe("mner").model.shims[0].module.width == 4
    assert nlp.config["initialize"]["after_init"]["cpu_bfloat16"]
    with pytest.raises(ValueError, match=r"\[M122\]"):
        table1(
            data,
            tmp_path,
            rows="t",
            configs=CONFIGS,
            settings={"initialize.nothing.cpu_bfloat16": True},
        )


def test_encoder_runs_once_for_all_removals(data, encoder_dir, tmp_path, monkeypatch):
    """What a model is worth without a modality does not depend on how often its encoder ran."""
    arguments = {"rows": "twcv", "transformer": str(encoder_dir), "seeds": [0], "steps": 3}
    models = tmp_path / "models"
    table1(data, tmp_path, **arguments, configs=CONFIGS, models=models)
    nlp = spacy.load(models / "twcv/seed-0")
    examples = list(Corpus(data.test)(nlp))
    seen = []
    monkeypatch.setattr(
        type(nlp.get_pipe("transformer")),
        "set_annotations",
        wrap(seen, type(nlp.get_pipe("transformer")).set_annotations),
    )
    found = ablate(nlp, examples)
    assert sum(seen) == len(examples)
    assert set(found) == {"on", "off", "shuffled", "no-word", "no-char", "no-context"}
    assert nlp.pipe_names == ["transformer", "mner"]
    for way in removals(nlp):
        with missing_modalities(nlp.get_pipe("mner").model, way.missing):
            scores = evaluate(nlp, examples, way.images, counts=True)
        assert found[way.name]["counts"] == scores["counts"]
    assert not any(eg.predicted.ents or eg.predicted.user_data for eg in examples)


def wrap(seen, method):
    """A method that notes the number of docs."""

    def noting(self, docs, predictions):
        seen.append(len(docs))
        return method(self, docs, predictions)

    return noting


def test_same_weights_in_another_folder_are_the_same_run(data, encoder_dir, tmp_path):
    config = Config().from_disk(CONFIGS / "transformer.cfg", interpolate=False)
    trial = Trial("twcv", change(config, {"paths.transformer": str(encoder_dir)}))
    copied = shutil.copytree(encoder_dir, tmp_path / "copy")
    same = replace(trial, config=change(config, {"paths.transformer": str(copied)}))
    assert identify(trial, data)["fingerprint"] == identify(same, data)["fingerprint"]
    (copied / "config.json").write_text("{}", "utf8")
    assert identify(trial, data)["fingerprint"] != identify(same, data)["fingerprint"]
    assert hash_transformer("some/name") == "some/name"
    assert hash_transformer(None) is None


@pytest.fixture
def benchmark(request, monkeypatch):
    """`main` of the file in `benchmarks` that the test is named after."""
    monkeypatch.syspath_prepend(str(CONFIGS.parent / "benchmarks"))
    return import_module(request.function.__name__.removeprefix("test_benchmark_")).main


def test_benchmark_sub_tokens(benchmark, data, encoder_dir, capsys):
    benchmark(data.train, str(encoder_dir))
    assert capsys.readouterr().out.startswith("16 posts")


def test_benchmark_encoder_layers(benchmark, data, encoder_dir, capsys):
    benchmark(data.train, data.test, str(encoder_dir))
    layers = capsys.readouterr().out.splitlines()
    assert [row[:10].strip() for row in layers] == ["embeddings", "layer 1", "layer 2"]
    assert all(0 <= float(row[10:]) <= 100 for row in layers)


def test_benchmark_transformer_speed(benchmark, data, encoder_dir, capsys):
    folder = str(encoder_dir)
    benchmark(data.train, data.test, data.vectors, folder, CONFIGS, updates=1, turns=1, posts=8)
    title, *rows = capsys.readouterr().out.splitlines()
    assert title == "training"
    assert [row.split(",")[0].split("  ")[1] for row in rows if row.startswith("  ")] == [
        "standard profile",
        "transformer",
        "embeddings are frozen",
        "bfloat16",
        "standard profile",
        "embeddings are frozen",
    ]
    assert all(float(row.split(" times")[0].split()[-1]) > 0 for row in rows if "times" in row)
