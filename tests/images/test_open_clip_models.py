"""OpenCLIP's image towers: the same numbers as OpenCLIP gives for the same weights."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from spacy_mner.images.open_clip_models import create_open_clip_encoder
from spacy_mner.images.types import EncoderInfo

from .cases import PICTURES, make_picture
from .hub_server import run_python, serve
from .random_weights import TINY_CLIP, clip_file

Image = pytest.importorskip("PIL.Image")
open_clip = pytest.importorskip("open_clip", reason="needs the extra 'open_clip'")


@torch.inference_mode()
def test_equals_open_clip():
    path = clip_file(TINY_CLIP)
    model, _, transform = open_clip.create_model_and_transforms(TINY_CLIP, pretrained=path)
    model.eval()
    images = [Image.fromarray(make_picture(i, 300, 400)) for i in range(2)]
    pixels = torch.stack([transform(image) for image in images])
    encoder = create_open_clip_encoder(TINY_CLIP, path=path)
    regions = create_open_clip_encoder(TINY_CLIP, path=path, regions=True)
    items = [encoder.read(image) for image in images]
    prepared = encoder.recipe.preprocessing().normalize(items, torch.device("cpu"))
    torch.testing.assert_close(prepared, pixels, rtol=0, atol=1e-6)
    expected = model.encode_image(pixels).numpy()
    np.testing.assert_allclose(np.stack(encoder.encode(items)), expected, rtol=1e-4, atol=1e-6)
    model.visual.output_tokens = True
    tokens = model.visual(pixels)[1].numpy()
    np.testing.assert_allclose(np.stack(regions.encode(items)), tokens, rtol=1e-4, atol=1e-5)


def test_a_text_tower_of_transformers_is_not_asked_for_without_leave(monkeypatch, connections):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    encoder = create_open_clip_encoder("roberta-ViT-B-32", path=clip_file(TINY_CLIP))
    with pytest.raises(ValueError, match=r"M113.*'roberta-ViT-B-32' \(roberta-base\).*`download`"):
        _ = encoder.width
    with pytest.raises(ValueError, match="M113"):
        encoder.encode([encoder.read(PICTURES[0])])
    assert not connections


def test_weights_determine_preprocessing_and_activation():
    """What OpenCLIP leaves to the user: OpenAI's models need another activation."""
    model = "ViT-B-32"
    openai = create_open_clip_encoder(model, weights="openai").recipe
    laion = create_open_clip_encoder(model, weights="laion2b_s34b_b79k").recipe
    assert openai._quick_gelu()
    assert not laion._quick_gelu()
    siglip = create_open_clip_encoder("ViT-B-16-SigLIP", weights="webli").recipe.preprocessing()
    assert siglip.description["resize_mode"] == "squash"
    assert siglip.description["mean"] == [0.5, 0.5, 0.5]
    wide = siglip.read(make_picture(1, 50, 400))
    assert wide.shape == (224, 224, 3)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("ViT-B-33", {"weights": "openai"}, r"M104.*'ViT-B-33' in OpenCLIP.*ViT-B-32"),
        ("ViT-B-32", {}, r"M110.*'weights'.*path, weights=openai"),
        ("ViT-B-32", {"weights": "closedai"}, r"M006.*'closedai'.*laion2b_s34b_b79k"),
    ],
)
def test_wrong_options(model, options, message):
    encoder = create_open_clip_encoder(model, **options)
    with pytest.raises(ValueError, match=message):
        _ = encoder.settings


def test_weights_that_do_not_fit(tmp_path):
    state = torch.load(clip_file(TINY_CLIP), weights_only=True)
    del state["visual.proj"]
    torch.save(state, tmp_path / "part.pt")
    encoder = create_open_clip_encoder(TINY_CLIP, path=tmp_path / "part.pt")
    with pytest.raises(ValueError, match=r"M102.*part\.pt.*visual\.proj"):
        encoder.encode([encoder.read(PICTURES[0])])


def test_weights_are_found_in_the_caches(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    encoder = create_open_clip_encoder("ViT-B-32", weights="laion2b_s34b_b79k")
    with pytest.raises(ValueError, match="M100") as caught:
        _ = encoder.settings
    folder = tmp_path / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K" / "snapshots" / "main"
    path = folder / "open_clip_model.safetensors"
    assert str(path) in str(caught.value)
    folder.mkdir(parents=True)
    path.write_bytes(b"weights")
    assert encoder.settings["weights"] == hashlib.sha256(b"weights").hexdigest()[:8]
    assert encoder.recipe.file() == path


def test_weights_that_have_only_an_address(tmp_path, monkeypatch):
    """They belong into OpenCLIP's own cache."""
    plain = create_open_clip_encoder(TINY_CLIP, path=clip_file(TINY_CLIP))
    data = Path(clip_file(TINY_CLIP)).read_bytes()
    served = tmp_path / "server" / f"tiny-{hashlib.sha256(data).hexdigest()[:8]}.pt"
    served.parent.mkdir()
    served.write_bytes(data)
    entry = {"url": served.as_uri()}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, TINY_CLIP, {"own": entry})
    monkeypatch.setenv("HOME", str(tmp_path))
    cached = tmp_path / ".cache" / "clip" / served.name
    encoder = create_open_clip_encoder(TINY_CLIP, weights="own")
    with pytest.raises(ValueError, match="M100") as caught:
        _ = encoder.settings
    assert str(cached) in str(caught.value)
    allowed = create_open_clip_encoder(TINY_CLIP, weights="own", download=True)
    items = [plain.read(picture) for picture in PICTURES]
    np.testing.assert_array_equal(allowed.encode(items), plain.encode(items))
    assert cached.read_bytes() == data
    assert encoder.settings == plain.settings


@pytest.mark.slow
def test_download_if_allowed(tmp_path):
    """From a server on this machine, which has only the second of the files that would do."""
    hub = tmp_path / "hub"
    hub.mkdir()
    (hub / "open_clip_pytorch_model.bin").write_bytes(b"weights")
    encoder = "create_open_clip_encoder('ViT-B-32', weights='laion2b_s34b_b79k', download=True)"
    script = "from spacy_mner.images.open_clip_models import create_open_clip_encoder\n"
    script += f"print({encoder}.settings['weights'])"
    with serve(hub) as (address, asked):
        printed = run_python("-c", script, address=address, cache=tmp_path / "cache")
    assert printed.split()[-1] == hashlib.sha256(b"weights").hexdigest()[:8]
    repo = "/laion/CLIP-ViT-B-32-laion2B-s34B-b79K/resolve/main/"
    assert {path.removeprefix(repo) for path in asked} == {
        "open_clip_model.safetensors",
        "open_clip_pytorch_model.bin",
    }


def test_store_is_refused_after_a_change_of_weights(tmp_path):
    state = torch.load(clip_file(TINY_CLIP), weights_only=True)
    state["visual.proj"] += 1
    torch.save(state, tmp_path / "other.pt")
    infos = [
        EncoderInfo.of(create_open_clip_encoder(TINY_CLIP, path=path))
        for path in (clip_file(TINY_CLIP), tmp_path / "other.pt")
    ]
    assert infos[0].difference(infos[1]).startswith("weights: ")


def test_without_open_clip(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "open_clip", None)
    encoder = create_open_clip_encoder("ViT-B-32", weights="openai")
    with pytest.raises(ImportError, match=r"M107.*spacy-mner\[open_clip\]"):
        encoder.read(PICTURES[0])
