"""Weights, tokenizers and descriptions of sentence encoders: read, refused, and never executed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from spacy_mner.images.reading import ImageReadError
from spacy_mner.images.sentences import create_sentences_encoder

from .cases import sentence_folder
from .sentence_encoders import change_json, vectors_of

transformers = pytest.importorskip(
    "transformers", reason="the extra `transformers` is not installed"
)
safetensors = pytest.importorskip("safetensors.torch")


@pytest.fixture
def folder(tmp_path):
    """A copy of the tiny encoder, to be changed."""
    return shutil.copytree(sentence_folder(), tmp_path / "encoder")


def test_every_form_of_weights(folder):
    expected = vectors_of(sentence_folder())
    state = safetensors.load_file(folder / "model.safetensors")
    network = transformers.AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(vectors_of(folder), expected)
    (folder / "pytorch_model.bin").write_bytes(b"not looked at beside safetensors")
    network.save_pretrained(folder, max_shard_size="4KB")
    assert len(list(folder.glob("model-*-of-*.safetensors"))) > 2
    np.testing.assert_array_equal(vectors_of(folder), expected)
    halves = {key: value.half() for key, value in state.items()}
    safetensors.save_file(halves, folder / "model.safetensors")
    np.testing.assert_allclose(vectors_of(folder), expected, atol=1e-2)
    assert vectors_of(folder).dtype == np.float32


def test_weights_with_a_head_and_old_names(folder):
    """As files from language modelling, and from TensorFlow's time, have them."""
    expected = vectors_of(folder)
    state = safetensors.load_file(folder / "model.safetensors")
    head = {"cls.predictions.bias": torch.zeros(3)}
    bert = {f"bert.{key}": value for key, value in state.items()}
    safetensors.save_file({**bert, **head}, folder / "model.safetensors")
    np.testing.assert_array_equal(vectors_of(folder), expected)
    names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for new, old in names.items():
        state = {key.replace(new, old): value for key, value in state.items()}
    safetensors.save_file(state, folder / "model.safetensors")
    np.testing.assert_array_equal(vectors_of(folder), expected)


def test_weights_that_do_not_fit(folder):
    file = folder / "model.safetensors"
    state = safetensors.load_file(file)
    key = "encoder.layer.0.output.dense.weight"
    safetensors.save_file({k: v for k, v in state.items() if k != key}, file)
    with pytest.raises(ValueError, match=rf"M102.*'bert': 1 keys \({key}\) missing"):
        vectors_of(folder)
    safetensors.save_file({**state, key: torch.zeros(3, 2)}, file)
    with pytest.raises(ValueError, match=r"M102.*size mismatch"):
        vectors_of(folder)
    file.write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"M101.*model\.safetensors"):
        vectors_of(folder)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_objects_are_not_executed(folder, tmp_path):
    (folder / "model.safetensors").unlink()
    torch.save({"a": Evil(tmp_path / "executed")}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"M101.*pytorch_model\.bin"):
        vectors_of(folder)
    assert not (tmp_path / "executed").exists()
    with open(folder / "pytorch_model.bin", "rb") as file:  # the trap is one
        torch.load(file, weights_only=False)
    assert (tmp_path / "executed").exists()


def test_code_in_the_folder_is_not_executed(folder, tmp_path):
    code = f"from pathlib import Path\nPath({str(tmp_path / 'executed')!r}).touch()\n"
    (folder / "own.py").write_text(code)
    names = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    change_json(folder / "config.json", model_type="own", auto_map=names)
    with pytest.raises(ValueError, match="M135") as caught:
        vectors_of(folder)
    assert not isinstance(caught.value, ImageReadError)
    assert not (tmp_path / "executed").exists()


def test_a_folder_without_tokenizer(folder):
    for path in (*folder.glob("tokenizer*"), folder / "vocab.txt"):
        path.unlink()
    with pytest.raises(ValueError, match=r"M135.*encoder"):
        create_sentences_encoder(folder).read("a dog")


def test_networks_that_are_no_sentence_encoders(folder):
    for config, problem in (
        (transformers.T5Config(), "'t5' is an encoder and a decoder"),
        (transformers.CLIPConfig(), "'clip' gives no vectors of a single width"),
    ):
        config.save_pretrained(folder)
        encoder = create_sentences_encoder(folder)
        with pytest.raises(ValueError, match=f"M135.*{problem}"):
            _ = encoder.width
    (folder / "config.json").write_text("{")
    with pytest.raises(ValueError, match="M135"):
        _ = create_sentences_encoder(folder).width


def test_a_tokenizer_that_cannot_pad(folder):
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        change_json(folder / name, pad_token=None)
    with pytest.raises(ValueError, match=r"M135.*pad_token"):
        create_sentences_encoder(folder).read("a dog")
