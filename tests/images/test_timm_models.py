"""timm's networks: the same numbers as timm gives for the same weights."""

import shutil
import time

import numpy as np
import pytest
import torch

from spacy_mner.images.store import FeatureStore
from spacy_mner.images.timm_models import create_timm_encoder, hub_files
from spacy_mner.images.types import EncoderInfo

from .cases import PICTURES, make_picture
from .hub_server import run_python, serve
from .random_weights import timm_file, timm_network

Image = pytest.importorskip("PIL.Image")
timm = pytest.importorskip("timm", reason="needs the extra 'timm'")
load_file = pytest.importorskip("safetensors.torch").load_file


@pytest.mark.parametrize(
    "model",
    ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", "mobilenetv3_small_050",
     "swin_s3_tiny_224"],
)  # fmt: skip
@torch.inference_mode()
def test_equals_timm(model):
    path = timm_file(model)
    network = timm_network(model)
    timm.models.load_checkpoint(network, path)
    headless = timm.create_model(model, num_classes=0, checkpoint_path=None).eval()
    headless.load_state_dict(network.state_dict(), strict=False)
    config = timm.data.resolve_model_data_config(network)
    transform = timm.data.create_transform(**config, is_training=False)
    images = [Image.fromarray(make_picture(i, 300, 400)) for i in range(2)]
    pixels = torch.stack([transform(image) for image in images])

    encoder = create_timm_encoder(model, path=path)
    items = [encoder.read(image) for image in images]
    prepared = encoder.recipe.preprocessing().normalize(items, torch.device("cpu"))
    torch.testing.assert_close(prepared, pixels, rtol=0, atol=1e-6)
    close(encoder.encode(items), headless(pixels))
    probs = network(pixels).softmax(dim=-1).sort(descending=True).values
    close([[p for _, p in tags] for tags in encoder.tags(items, n=1000)], probs)

    features = network.forward_features(pixels)
    if features.dim() == 3:
        features = features[:, network.num_prefix_tokens :]
    elif model.startswith("swin"):
        assert features.shape[-1] == network.num_features  # channels last
        features = features.flatten(1, 2)
    else:
        features = features.flatten(2).transpose(1, 2)
    close(create_timm_encoder(model, path=path, regions=True).encode(items), features)


def close(found, expected):
    expected = expected.numpy()
    atol = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(np.stack(found), expected, rtol=1e-4, atol=atol)


def test_a_checkpoint_of_training(tmp_path):
    state = load_file(timm_file("test_resnet"))
    state = {f"module.{key}": value for key, value in state.items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "checkpoint.pth.tar")
    encoder = create_timm_encoder("test_resnet", path=tmp_path / "checkpoint.pth.tar")
    plain = create_timm_encoder("test_resnet", path=timm_file("test_resnet"))
    items = [plain.read(picture) for picture in PICTURES]
    np.testing.assert_array_equal(encoder.encode(items), plain.encode(items))


def test_names_of_classes():
    encoder = create_timm_encoder("test_resnet", path=timm_file("test_resnet"))
    names = {name for name, _ in encoder.tags([encoder.read(PICTURES[0])], n=1000)[0]}
    assert {"tench", "espresso", "tabby"} <= names


def test_a_projection_is_no_classifier(tmp_path):
    model = "resnet50_clip.openai"  # its last layer gives 1,024 numbers, which name nothing
    encoder = create_timm_encoder(model, path=tmp_path / "no")
    assert encoder.recipe._labels() is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("test_resnot", r"M104.*'test_resnot' in timm.*test_resnet"),
        ("resnet50.nothing", r"M104.*resnet50\.a1_in1k"),  # its tags
        ("hf-hub:somebody/something", "M104"),  # would fetch its description from the network
    ],
)
def test_unknown_networks(model, message):
    encoder = create_timm_encoder(model)
    with pytest.raises(ValueError, match=message):
        _ = encoder.settings


def test_weights_that_do_not_fit():
    encoder = create_timm_encoder("test_vit", path=timm_file("test_resnet"))
    with pytest.raises(ValueError, match=r"M102.*test_resnet.*'test_vit'.*(Missing|size mismatch)"):
        encoder.encode([encoder.read(PICTURES[0])])


def test_weights_are_found_in_the_cache(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    encoder = create_timm_encoder("test_resnet")
    with pytest.raises(ValueError, match="M100") as caught:
        _ = encoder.settings
    text = str(caught.value)
    path = tmp_path / "models--timm--test_resnet.r160_in1k" / "snapshots" / "main"
    assert str(path / "model.safetensors") in text
    assert "`path`" in text
    assert "`download`" in text
    path.mkdir(parents=True)  # as the message says
    shutil.copy(timm_file("test_resnet"), path / "model.safetensors")
    expected = create_timm_encoder("test_resnet", path=timm_file("test_resnet"))
    assert encoder.settings == expected.settings
    item = encoder.read(PICTURES[0])
    np.testing.assert_array_equal(encoder.encode([item]), expected.encode([item]))


def test_a_download_without_network_says_where_the_file_belongs(tmp_path, monkeypatch, connections):
    hub = pytest.importorskip("huggingface_hub")
    download, asked = hub.hf_hub_download, []
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(
        hub, "hf_hub_download", lambda *a, **b: asked.append(a) or download(*a, **b)
    )
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the library tries several times
    encoder = create_timm_encoder("test_resnet", download=True)
    with pytest.raises(ValueError, match=r"M103.*cannot be downloaded.*`path`") as caught:
        encoder.encode([encoder.read(PICTURES[0])])
    folder = tmp_path / "models--timm--test_resnet.r160_in1k" / "snapshots" / "main"
    assert f"put it there: {folder / 'model.safetensors'}," in str(caught.value)
    assert connections
    assert len(asked) == 1  # half a minute each


@pytest.mark.slow
def test_download_if_allowed(tmp_path, monkeypatch):
    """From a server on this machine, by the command that a user would give."""
    constants = pytest.importorskip("huggingface_hub.constants")
    hub, cache = tmp_path / "hub", tmp_path / "cache"
    for folder in (hub, tmp_path / "pictures"):
        folder.mkdir()
    shutil.copy(timm_file("test_resnet"), hub / "model.safetensors")
    Image.fromarray(PICTURES[0]).save(tmp_path / "pictures" / "a.png")
    command = ["-m", "spacy", "mner", "encode", tmp_path / "pictures", tmp_path / "store"]
    command += ["--encoder", "timm", "--set", "model=test_resnet", "--set", "download=true"]
    with serve(hub) as (address, asked):
        run_python(*command, address=address, cache=cache)
    assert any("/timm/test_resnet.r160_in1k/resolve/" in path for path in asked), asked
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    found = create_timm_encoder("test_resnet")  # it is in the cache now
    FeatureStore.open(tmp_path / "store").check(EncoderInfo.of(found))
    assert (
        found.settings == create_timm_encoder("test_resnet", path=timm_file("test_resnet")).settings
    )


def test_files_of_a_repository():
    assert hub_files(None) == ["model.safetensors", "pytorch_model.bin"]
    assert hub_files("weights.bin") == ["weights.safetensors", "weights.bin"]
    assert hub_files("model.safetensors") == ["model.safetensors"]
    found = hub_files("open_clip_pytorch_model.bin")
    assert found == ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]


def test_without_timm(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    encoder = create_timm_encoder("test_resnet")
    with pytest.raises(ImportError, match=r"M107.*spacy-mner\[timm\]"):
        encoder.read(PICTURES[0])
