"""Folders of sentence encoders: found, told apart, and what they say about pooling."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from spacy_mner.images.encode import encode
from spacy_mner.images.reading import ImageReadError
from spacy_mner.images.sentence_folder import pooling
from spacy_mner.images.sentences import create_sentences_encoder
from spacy_mner.images.store import FeatureStore
from spacy_mner.images.types import EncoderInfo

from ..transformers.builders import WIDTH
from .cases import sentence_folder
from .hub_server import run_python, serve
from .sentence_encoders import change_json, vectors_of, write_steps

pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
safetensors = pytest.importorskip("safetensors.torch")


@pytest.fixture
def folder(tmp_path):
    """A copy of the tiny encoder, to be changed."""
    return shutil.copytree(sentence_folder(), tmp_path / "encoder")


def test_pooling_of_the_folder(folder):
    assert pooling(folder) == "mean"
    mean = vectors_of(folder)
    write_steps(folder, "mean_tokens")
    np.testing.assert_array_equal(vectors_of(folder), mean)
    write_steps(folder, "cls_token")
    first = vectors_of(folder)
    assert np.abs(first - mean).max() > 0.01
    assert create_sentences_encoder(folder).settings["pooling"] == "cls"
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')
    np.testing.assert_array_equal(vectors_of(folder), mean)


@pytest.mark.parametrize(
    ("modes", "layers", "problem"),
    [
        (["max_tokens"], [], "pooling 'max_tokens'"),
        (["cls_token", "mean_tokens"], [], r"pooling 'cls\+mean'"),
        (["mean_tokens"], ["Dense"], "a layer 'Dense'"),
    ],
)
def test_other_poolings_are_refused(folder, modes, layers, problem):
    write_steps(folder, *modes, layers=layers)
    encoder = create_sentences_encoder(folder)
    with pytest.raises(ValueError, match=f"M135.*{problem}"):
        _ = encoder.settings
    with pytest.raises(ValueError, match=f"M135.*{problem}"):
        encoder.encode([encoder.read("a dog")])


def test_settings_tell_what_changes_the_vectors(folder, tmp_path):
    info = EncoderInfo.of(create_sentences_encoder(sentence_folder()))
    assert info.difference(EncoderInfo.of(create_sentences_encoder(folder))) is None
    assert str(folder) not in json.dumps(info.to_json())

    def change_of(path, **options):
        other = EncoderInfo.of(create_sentences_encoder(path, **options))
        return info.difference(other).partition(":")[0]

    assert change_of(folder, max_length=32) == "max_length"
    write_steps(folder, "cls_token")
    assert change_of(folder) == "pooling"
    (folder / "modules.json").unlink()
    tokenizer = (folder / "tokenizer.json").read_bytes()
    change_json(folder / "tokenizer.json", normalizer=None)
    assert change_of(folder) == "tokenizer"
    (folder / "tokenizer.json").write_bytes(tokenizer)
    state = safetensors.load_file(folder / "model.safetensors")
    state["embeddings.LayerNorm.bias"] += 1
    safetensors.save_file(state, folder / "model.safetensors")
    assert change_of(folder) == "weights"
    shutil.copy(Path(sentence_folder(), "model.safetensors"), folder)
    change_json(folder / "config.json", hidden_act="relu")
    assert change_of(folder) == "config"
    (tmp_path / "captions.json").write_text(json.dumps({"1": "a dog"}))
    encode(
        tmp_path / "captions.json",
        tmp_path / "store",
        create_sentences_encoder(sentence_folder()),
    )
    with pytest.raises(ValueError, match=r"M028.*config: "):
        encode(tmp_path / "captions.json", tmp_path / "store", create_sentences_encoder(folder))


@pytest.mark.parametrize(
    ("name", "problem"),
    [("config.json", r"it has no config\.json"), ("model.safetensors", "it has no weights")],
)
def test_incomplete_folders(folder, name, problem):
    (folder / name).unlink()
    encoder = create_sentences_encoder(folder)
    with pytest.raises(ValueError, match=f"M135.*{problem}"):
        _ = encoder.settings
    with pytest.raises(ValueError, match=f"M135.*{problem}") as caught:
        encoder.read("a dog")
    assert not isinstance(caught.value, ImageReadError)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of Hugging Face."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_name_is_looked_up_in_the_cache(cache, connections):
    encoder = create_sentences_encoder("somebody/tiny-bert")
    with pytest.raises(
        ValueError, match=r"M133.*'somebody/tiny-bert'.*`model`.*`download`"
    ) as caught:
        _ = encoder.settings
    assert str(cache) in str(caught.value)
    repo = cache / "models--somebody--tiny-bert"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("c0ffee")
    shutil.copytree(sentence_folder(), repo / "snapshots" / "c0ffee")
    for download in (False, True):  # what is there is not looked for elsewhere
        found = create_sentences_encoder("somebody/tiny-bert", download=download)
        assert found.settings == create_sentences_encoder(sentence_folder()).settings
        assert found.width == WIDTH
    np.testing.assert_array_equal(vectors_of("somebody/tiny-bert"), vectors_of(sentence_folder()))
    assert not connections


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("model", ["/no/such/folder", "./folder", "C:\\folder", "", "a/b/c"])
def test_no_folder_and_no_name(model, monkeypatch, tmp_path, connections):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"\[M133\]|\[M135\]"):
        create_sentences_encoder(model).read("a dog")
    assert not connections


@pytest.mark.slow
def test_download_if_allowed(folder, tmp_path, cache):
    """From a server on this machine that answers as the hub does, in a process that asks nobody else."""
    write_steps(folder, "cls_token")
    (folder / "pytorch_model.bin").write_bytes(b"the same weights once more")
    (folder / "notes.txt").write_text("not needed")
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps({"1": "a dog"}))
    command = ["-m", "spacy", "mner", "encode", captions, tmp_path / "store"]
    command += ["--encoder", "sentences", "--set", "model=a/b", "--set", "download=true"]
    with serve(folder) as (address, asked):
        run_python(*command, address=address, cache=cache)
    assert any(path.endswith("/model.safetensors") for path in asked), asked
    assert not any("pytorch_model.bin" in path or "notes" in path for path in asked), asked
    found = create_sentences_encoder("a/b")  # it is in the cache now
    assert found.settings == create_sentences_encoder(folder).settings
    FeatureStore.open(tmp_path / "store").check(EncoderInfo.of(found))


@pytest.mark.usefixtures("cache")
def test_a_download_that_fails(connections, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(ValueError, match=r"M134.*'a/b' cannot be downloaded: .*`model`"):
        _ = create_sentences_encoder("a/b", download=True).settings
    assert connections
