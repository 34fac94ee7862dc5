"""torchvision's networks: the same numbers as torchvision's own tools give for the same weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from spacy_mner.images.googlenet import create_googlenet
from spacy_mner.images.inception_v3 import create_inception_v3
from spacy_mner.images.torch_encoder import TorchEncoder, width_of
from spacy_mner.images.torchvision_models import (
    GRIDS,
    TorchvisionBackbone,
    create_torchvision_encoder,
)
from spacy_mner.images.types import EncoderInfo

from .cases import PICTURES, make_picture
from .random_weights import randomize, torchvision_file, torchvision_network

Image = pytest.importorskip("PIL.Image")
models = pytest.importorskip("torchvision.models")
feature_extraction = pytest.importorskip("torchvision.models.feature_extraction")

# Nodes of torchvision's graph: what the last linear layer gets, and the last feature map.
NODES = [
    ("googlenet", "dropout", "inception5b.cat"),
    ("inception_v3", "flatten", "Mixed_7c.cat_2"),
    ("resnet18", "flatten", "layer4"),
    ("efficientnet_b0", "classifier.0", "features"),
    ("vit_b_16", "getitem_5", "encoder.ln"),
    ("convnext_tiny", "classifier.1", "features"),
    ("mobilenet_v3_small", "classifier.2", "features"),
    ("densenet121", "flatten", "relu"),
    ("regnet_y_400mf", "flatten", "trunk_output"),
    ("swin_t", "flatten", "permute"),
    ("shufflenet_v2_x0_5", "mean", "conv5"),
    ("mnasnet0_5", "classifier.0", "layers"),
    ("maxvit_t", "classifier.4", "blocks.3"),
    ("squeezenet1_1", None, "features"),
]
LARGE = (
    "101",
    "152",
    "161",
    "169",
    "201",
    "_b5",
    "_b6",
    "_b7",
    "_l",
    "_m",
    "_h_",
    "_s",
    "base",
    "13",
    "19",
    "16gf",
    "32gf",
    "128gf",
    "8gf",
)
MAKERS = {"googlenet": create_googlenet, "inception_v3": create_inception_v3}


def make(model, **options):
    if model in MAKERS:
        return MAKERS[model](**options)
    return create_torchvision_encoder(model, **options)


@pytest.mark.parametrize(("model", "final", "grid"), NODES, ids=[m for m, _, _ in NODES])
@pytest.mark.filterwarnings("ignore:NOTE. The nodes obtained by tracing")
@torch.inference_mode()
def test_equals_torchvisions_feature_extractor(model, final, grid):
    path = torchvision_file(model)
    network = torchvision_network(model)
    network.load_state_dict(torch.load(path, weights_only=True))
    nodes = {grid: "grid"} if final is None else {final: "final", grid: "grid"}
    extractor = feature_extraction.create_feature_extractor(network, nodes)
    images = [Image.fromarray(make_picture(i, 300, 400)) for i in range(2)]
    preset = models.get_model_weights(model).DEFAULT.transforms()
    pixels = torch.stack([preset(image) for image in images])
    expected = extractor(pixels)
    if final is None:  # SqueezeNet has no linear layer
        expected["final"] = expected["grid"].mean(dim=(2, 3))
    features = expected["grid"]
    features = features[:, 1:] if features.dim() == 3 else features.flatten(2).transpose(1, 2)

    encoder, regions = make(model, path=path), make(model, path=path, regions=True)
    items = [encoder.read(image) for image in images]
    close(encoder.encode(items), expected["final"])
    close(regions.encode(items), features)
    assert (encoder.width, regions.width) == (expected["final"].shape[-1], features.shape[-1])
    probs = network(pixels).softmax(dim=-1).sort(descending=True).values
    close([[p for _, p in tags] for tags in encoder.tags(items, n=1000)], probs, atol=1e-5)


def close(found, expected, atol=None):
    expected = expected.numpy()
    atol = 1e-5 * np.abs(expected).max() if atol is None else atol
    np.testing.assert_allclose(np.stack(found), expected, rtol=1e-4, atol=atol)


@pytest.mark.parametrize("size", [(300, 400), (500, 200), (224, 224), (40, 50), (257, 301)])
@pytest.mark.parametrize("model", ["resnet50", "inception_v3", "vit_b_16", "regnet_y_400mf"])
def test_preprocessing_is_the_preset_of_the_weights(model, size):
    image = Image.fromarray(make_picture(1, *size))
    recipe = make(model).recipe
    expected = recipe.entry().transforms()(image)
    preprocessing = recipe.preprocessing()
    found = preprocessing.normalize([preprocessing.read(image)], torch.device("cpu"))[0]
    assert found.shape[1:] == torch.Size(preprocessing.size)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_very_long_pictures_keep_their_centre():
    """Their ends are cut off before they are scaled, which may move the grid by half a pixel."""
    smooth = np.linspace(0, 255, 2000)[None, :, None] * np.ones((100, 1, 3))
    image = Image.fromarray(smooth.astype("uint8"))
    recipe = make("resnet18").recipe
    expected = recipe.entry().transforms()(image)
    preprocessing = recipe.preprocessing()
    found = preprocessing.normalize([preprocessing.read(image)], torch.device("cpu"))[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05)


@pytest.mark.slow
@torch.inference_mode()
def test_every_classifier_of_torchvision_can_be_divided():
    """All of those that can be built without memory: shapes only."""
    n_checked = 0
    for name in models.list_models(module=models):
        if any(size in name for size in LARGE):
            continue  # the same families again
        try:
            with torch.device("meta"):
                encoder = create_torchvision_encoder(name)
                backbone = encoder.recipe.skeleton()
                size = encoder.recipe.preprocessing().size
                pixels = torch.zeros(2, 3, *size)
                backbone.module.eval()
                pooled, grid, logits = (
                    f(pixels) for f in (backbone.pooled, backbone.grid, backbone.logits)
                )
        except (NotImplementedError, RuntimeError):
            assert name.startswith("regnet")  # cannot be built on this device
            continue
        assert backbone.family in GRIDS
        assert (pooled.dim(), grid.dim(), logits.shape) == (2, 3, (2, 1000)), name
        assert grid.shape[1] >= 36
        n_checked += 1
    assert n_checked > 25


def test_a_network_that_is_not_known_has_no_regions():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.fc = nn.Flatten(), nn.Linear(12, 3)

        def forward(self, pixels):
            return self.fc(self.layer(pixels))

    backbone = TorchvisionBackbone(Other(), None)
    assert backbone.pooled(torch.zeros(1, 3, 2, 2)).shape == (1, 12)
    assert backbone.grid(torch.zeros(1, 3, 2, 2)) is None

    class Recipe:
        name = model = "other"

        def settings(self):
            return {"model": self.model}

        def preprocessing(self):
            return replace(make("resnet18").recipe.preprocessing(), size=(2, 2))

        def width(self, regions):
            return width_of(self, regions)

        def load(self):
            return TorchvisionBackbone(Other(), None)

        skeleton = load

    assert TorchEncoder(Recipe()).width == 12
    encoder = TorchEncoder(Recipe(), regions=True)
    with pytest.raises(ValueError, match=r"\[M105\].*'other'"):
        _ = encoder.width
    with pytest.raises(ValueError, match=r"\[M105\].*'other'"):
        encoder.encode([make_picture(0, 2, 2)])


def test_auxiliary_classifiers_are_not_needed(tmp_path):
    state = torch.load(torchvision_file("googlenet"), weights_only=True)
    assert any(key.startswith("aux1.") for key in state)
    rest = {key: value for key, value in state.items() if not key.startswith("aux")}
    torch.save(rest, tmp_path / "rest.pth")
    encoder = create_googlenet(path=tmp_path / "rest.pth")
    whole = create_googlenet(path=torchvision_file("googlenet"))
    items = [encoder.read(picture) for picture in PICTURES]
    np.testing.assert_array_equal(encoder.encode(items), whole.encode(items))


def test_old_names_in_densenets_files(tmp_path):
    """As in torchvision's own file: denselayer1.norm.1.weight."""
    import re

    pattern = r"(denselayer\d+\.(?:norm|conv))([12]\.)"
    state = torch.load(torchvision_file("densenet121"), weights_only=True)
    old = {re.sub(pattern, r"\1.\2", key): value for key, value in state.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "old.pth")
    encoder = make("densenet121", path=tmp_path / "old.pth")
    plain = make("densenet121", path=torchvision_file("densenet121"))
    items = [plain.read(PICTURES[0])]
    np.testing.assert_array_equal(encoder.encode(items), plain.encode(items))


def test_settings_identify_model_weights_and_preprocessing(tmp_path):
    path = torchvision_file("resnet18")
    other = tmp_path / "other.pth"
    torch.save(randomize(models.resnet18(), seed=1).state_dict(), other)
    info = EncoderInfo.of(make("resnet18", path=path))
    assert len(info.settings["weights"]) == 8
    assert info.difference(EncoderInfo.of(make("resnet18", path=path, download=True))) is None
    assert "weights: " in info.difference(EncoderInfo.of(make("resnet18", path=other)))
    assert "model: resnet18, not resnet34" in info.difference(
        EncoderInfo.of(make("resnet34", path=path))
    )
    first = make("resnet50", path=path, weights="IMAGENET1K_V1")
    second = make("resnet50", path=path, weights="ResNet50_Weights.IMAGENET1K_V2")
    difference = EncoderInfo.of(first).difference(EncoderInfo.of(second))
    assert difference == "resize: 256, not 232"


def test_official_weights_are_known_without_their_file():
    """A pipeline whose vectors come from a store need not have the network."""
    assert create_googlenet().settings["weights"] == "1378be20"
    assert create_inception_v3().settings["weights"] == "0cc3c7bd"
    assert make("shufflenet_v2_x0_5").settings["weights"] == "f707e712"  # of ten digits


def test_pictures_of_other_sizes_for_other_weights():
    recipe = make("vit_b_16", weights="IMAGENET1K_SWAG_E2E_V1").recipe
    assert tuple(recipe.preprocessing().size) == (384, 384)
    assert recipe.width(regions=True) == 768


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("resnet19", {}, r"M104.*'resnet19' in torchvision.*resnet18"),
        ("raft_small", {}, "M104"),  # not a classifier
        ("resnet50", {"weights": "V3"}, r"M006.*'V3'.*'resnet50'.*IMAGENET1K_V1, IMAGENET1K_V2"),
        ("resnet50", {"path": "no.pth"}, r"M101.*'no.pth'.*no such file"),
        ("resnet50", {"path": "."}, r"M101.*it is a folder"),
    ],
)
def test_wrong_options(model, options, message):
    encoder = make(model, **options)
    with pytest.raises(ValueError, match=message):
        _ = encoder.settings
