"""Files of weights: found, identified, refused, and never executed."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from spacy_mner.images import weights
from spacy_mner.images.googlenet import create_googlenet
from spacy_mner.images.torchvision_models import create_torchvision_encoder

from .cases import PICTURES
from .random_weights import torchvision_file

pytest.importorskip("PIL")
models = pytest.importorskip("torchvision.models")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of torch.hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def as_official(tmp_path, monkeypatch):
    """Torchvision's address of resnet18's weights becomes that of a file in a folder."""
    with open(torchvision_file("resnet18"), "rb") as file:
        data = file.read()
    path = tmp_path / "server" / f"resnet18-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    path.parent.mkdir()
    path.write_bytes(data)
    monkeypatch.setattr(models.ResNet18_Weights.DEFAULT.value, "url", path.as_uri())
    return path


def encode(encoder):
    return encoder.encode([encoder.read(picture) for picture in PICTURES])


def test_without_the_file_the_error_says_where_it_belongs(hub):
    encoder = create_googlenet()
    with pytest.raises(ValueError, match="M100") as caught:
        encode(encoder)
    text = str(caught.value)
    assert str(hub / "googlenet-1378be20.pth") in text
    assert "'googlenet'" in text
    assert "`path`" in text
    assert "`download`" in text
    assert not hub.exists()


def test_the_cache_of_torch_hub(hub, as_official):
    encoder = create_torchvision_encoder("resnet18")
    digest = as_official.stem.rpartition("-")[2]
    assert encoder.settings["weights"] == digest  # known before the file is there
    hub.mkdir(parents=True)
    (hub / as_official.name).write_bytes(as_official.read_bytes())
    own = create_torchvision_encoder("resnet18", path=torchvision_file("resnet18"))
    assert encoder.settings == own.settings
    np.testing.assert_array_equal(encode(encoder), encode(own))


def test_download_only_if_allowed(hub, as_official):
    with pytest.raises(ValueError, match="M100"):
        encode(create_torchvision_encoder("resnet18"))
    encoder = create_torchvision_encoder("resnet18", download=True)
    assert encoder.settings
    assert not (hub / as_official.name).exists()
    own = create_torchvision_encoder("resnet18", path=torchvision_file("resnet18"))
    np.testing.assert_array_equal(encode(encoder), encode(own))
    assert (hub / as_official.name).read_bytes() == as_official.read_bytes()
    as_official.unlink()
    encode(create_torchvision_encoder("resnet18"))  # it is in the cache now


def test_a_download_that_fails_or_is_not_what_it_should_be(hub, as_official):
    encoder = create_torchvision_encoder("resnet18", download=True)
    data = as_official.read_bytes()
    as_official.write_bytes(data[:-1])
    with pytest.raises(ValueError, match=r"M103.*resnet18.*hash"):
        encode(encoder)
    assert list(hub.iterdir()) == []
    as_official.unlink()
    with pytest.raises(ValueError, match=r"M103.*resnet18.*`path`") as caught:
        encode(encoder)
    assert f"put it there: {hub / as_official.name}," in str(caught.value)


def test_a_damaged_file_in_the_cache(hub, as_official):
    hub.mkdir(parents=True)
    (hub / as_official.name).write_bytes(as_official.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"M027.*SHA-256"):
        encode(create_torchvision_encoder("resnet18"))


def test_weights_of_another_network(tmp_path):
    encoder = create_torchvision_encoder("resnet34", path=torchvision_file("resnet18"))
    with pytest.raises(ValueError, match=r"M102.*resnet18.*'resnet34'.*") as caught:
        encode(encoder)
    assert "layer1.2.conv1.weight" in str(caught.value)
    assert "missing" in str(caught.value)
    state = torch.load(torchvision_file("resnet18"), weights_only=True)
    state["fc.weight"] = state["fc.weight"][:10]
    torch.save(state, tmp_path / "ten.pth")
    with pytest.raises(ValueError, match=r"M102.*size mismatch for fc\.weight"):
        encode(create_torchvision_encoder("resnet18", path=tmp_path / "ten.pth"))
    del state["fc.weight"]
    state["more"] = torch.zeros(1)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(
        ValueError, match=r"1 keys \(fc\.weight\) missing; 1 keys \(more\) not known"
    ):
        encode(create_torchvision_encoder("resnet18", path=tmp_path / "other.pth"))


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


@pytest.mark.parametrize("kind", ["pickle", "torch", "text", "empty", "list", "numbers"])
def test_files_that_are_no_weights(kind, tmp_path):
    path = tmp_path / "file.pth"
    contents = {"text": b"no weights", "empty": b"", "pickle": pickle.dumps(Evil())}
    objects = {"torch": {"a": Evil()}, "list": [torch.zeros(1)], "numbers": {"a": 1}}
    if kind in contents:
        path.write_bytes(contents[kind])
    else:
        torch.save(objects[kind], path)
    with pytest.raises(ValueError, match=r"M101.*file\.pth"):
        weights.read_weights(path)


def test_forms_of_checkpoints(tmp_path):
    layer = nn.Linear(2, 3)
    state = layer.state_dict()
    parallel = {f"module.{key}": value for key, value in state.items()}
    for i, content in enumerate([state, {"state_dict": state}, {"model": parallel, "epoch": 1}]):
        torch.save(content, tmp_path / f"{i}.pth")
        found = weights.read_weights(tmp_path / f"{i}.pth")
        loaded = nn.Linear(2, 3)
        weights.load_weights(loaded, found, path=tmp_path, model="layer")
        assert torch.equal(loaded.weight, layer.weight)
        assert torch.equal(loaded.bias, layer.bias)


def test_safetensors(tmp_path, monkeypatch):
    safetensors = pytest.importorskip("safetensors.torch")
    state = torch.load(torchvision_file("resnet18"), weights_only=True)
    safetensors.save_file(state, tmp_path / "resnet18.safetensors")
    encoder = create_torchvision_encoder("resnet18", path=tmp_path / "resnet18.safetensors")
    own = create_torchvision_encoder("resnet18", path=torchvision_file("resnet18"))
    np.testing.assert_array_equal(encode(encoder), encode(own))
    monkeypatch.setitem(__import__("sys").modules, "safetensors.torch", None)
    with pytest.raises(ImportError, match=r"M107.*spacy-mner\[safetensors\]"):
        weights.read_weights(tmp_path / "resnet18.safetensors")


def test_the_hash_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "a.pth"
    for content in (b"one", b"two"):  # of the same length
        path.write_bytes(content)
        assert weights.digest(path) == hashlib.sha256(content).hexdigest()[:8]


def test_hashes_in_names():
    assert weights.expected_digest("googlenet-1378be20.pth") == "1378be20"
    assert weights.expected_digest("shufflenetv2_x0.5-f707e7126e.pth") == "f707e7126e"
    assert weights.expected_digest("model.safetensors") is None
    for name in models.list_models(module=models):
        for entry in models.get_model_weights(name):
            assert weights.expected_digest(entry.url), entry
