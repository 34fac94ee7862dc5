"""Image encoder `torchvision`: any image classifier of torchvision, by name."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import torch
from torch import nn

from ..errors import Errors, check_choice
from .preprocessing import Preprocessing
from .torch_encoder import TorchEncoder, build_quietly, width_of
from .weights import (
    DIGITS,
    check_digest,
    digest,
    expected_digest,
    from_url,
    load_weights,
    read_weights,
    user_file,
)

# Where each family has its last feature map. Networks that are not named here have no regions.
GRIDS = {
    "AlexNet": "features",
    "ConvNeXt": "features",
    "DenseNet": "features",
    "EfficientNet": "features",
    "GoogLeNet": "inception5b",
    "Inception3": "Mixed_7c",
    "MNASNet": "layers",
    "MaxVit": "blocks.3",
    "MobileNetV2": "features",
    "MobileNetV3": "features",
    "RegNet": "trunk_output",
    "ResNet": "layer4",
    "ShuffleNetV2": "conv5",
    "SqueezeNet": "features",
    "SwinTransformer": "permute",
    "VGG": "features",
    "VisionTransformer": "encoder",
}
# Their second classifiers serve training only.
WITH_AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}


def create_torchvision_encoder(
    model: str,
    *,
    weights: str = "DEFAULT",
    path: Optional[Union[str, Path]] = None,
    download: bool = False,
    regions: bool = False,
    device: Optional[str] = None,
) -> TorchEncoder:
    """Any classifier of torchvision, with its own preprocessing. Nothing is loaded before the first use.

    model (str): Name of a classifier in `torchvision.models`, e.g. "resnet50" or "vit_b_16".
    weights (str): Which of torchvision's weights, e.g. "IMAGENET1K_V2". They also determine the
        preprocessing and the names of the classes. They are looked up in torch.hub's cache.
    path (Optional[Union[str, Path]]): A file of weights to use instead of the cache's.
    download (bool): Whether to download weights that are not in the cache.
    regions (bool): The parts of the picture in place of one vector.
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    RETURNS (TorchEncoder): The encoder.
    """
    recipe = TorchvisionRecipe("torchvision", model, weights, _text(path), download)
    return TorchEncoder(recipe, regions=regions, device=device)


@dataclass(frozen=True)
class TorchvisionRecipe:
    """How to make a classifier of torchvision.

    A picture's vector is the final hidden layer: what the last linear layer gets. Its regions are
    the last feature map, or the patches of a transformer. Preprocessing is that of the weights.

    name (str): Registered name of the encoder.
    model (str): Name in `torchvision.models`.
    weights (str): Name of the set of weights.
    path (Optional[str]): File of weights.
    download (bool): Whether weights may be downloaded.
    """

    name: str
    model: str
    weights: str
    path: Optional[str]
    download: bool

    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Network, hash of the weights, preprocessing."""
        entry = self.entry()
        if self.path is None:
            # Known without the file, so that a pipeline can be loaded where the weights are not.
            expected = expected_digest(entry.url.rsplit("/", 1)[-1])
            identity = expected[:DIGITS] if expected else digest(self.file())
        else:
            identity = digest(self.file())
        return {"model": self.model, "weights": identity, **self.preprocessing().description}

    def preprocessing(self) -> Preprocessing:
        """RETURNS (Preprocessing): The preset of the weights, step by step the same."""
        from torchvision.transforms import functional as F

        preset = self.entry().transforms()
        (crop,), (resize,) = preset.crop_size, preset.resize_size
        return Preprocessing(
            resize=lambda image: F.center_crop(
                F.resize(
                    image,
                    preset.resize_size,
                    interpolation=preset.interpolation,
                    antialias=preset.antialias,
                ),
                preset.crop_size,
            ),
            size=(crop, crop),
            at_least=resize,
            mean=preset.mean,
            std=preset.std,
            description={
                "resize": resize,
                "crop": crop,
                "interpolation": preset.interpolation.value,
                "mean": list(preset.mean),
                "std": list(preset.std),
            },
        )

    def width(self, regions: bool) -> int:
        """RETURNS (int): D."""
        return width_of(self, regions)

    def load(self) -> "TorchvisionBackbone":
        """RETURNS (TorchvisionBackbone): The classifier with its weights."""
        file = self.file()
        if self.path is None:
            check_digest(file)
        network = build_quietly(self._build)
        state = read_weights(file)
        for key in list(state):
            if key.startswith(WITH_AUXILIARY.get(self.model, ())):
                del state[key]
            elif _modern(key) != key:
                state[_modern(key)] = state.pop(key)
        load_weights(network, state, path=file, model=self.model)
        return TorchvisionBackbone(network, list(self.entry().meta["categories"]))

    def skeleton(self) -> "TorchvisionBackbone":
        """RETURNS (TorchvisionBackbone): The classifier with random weights."""
        return TorchvisionBackbone(self._build(), None)

    def file(self) -> Path:
        """RETURNS (Path): The file of weights."""
        if self.path is not None:
            return user_file(self.path)
        return from_url(self.entry().url, model=self.model, download=self.download)

    def entry(self) -> Any:
        """RETURNS (WeightsEnum): torchvision's description of the weights."""
        from torchvision import models

        known = models.list_models(module=models)
        if self.model not in known:
            similar = ", ".join(difflib.get_close_matches(self.model, known, n=5) or known)
            message = Errors.M104.format(model=self.model, library="torchvision", similar=similar)
            raise ValueError(message)
        entries = models.get_model_weights(self.model)
        name = self.weights.rpartition(".")[2]  # ResNet50_Weights.DEFAULT, or DEFAULT
        check_choice(f"set of weights for '{self.model}'", name, entries.__members__)
        return entries[name]

    def _build(self) -> nn.Module:
        from torchvision import models

        options: Dict[str, Any] = {}
        if self.model in WITH_AUXILIARY:
            # torchvision's weights for both expect the other channel means that they were made for.
            options = {"aux_logits": False, "init_weights": False, "transform_input": True}
        elif self.model.startswith("vit_"):
            # The embeddings of the positions are as many as the pictures of these weights have.
            options = {"image_size": self.entry().meta["min_size"][0]}
        network: nn.Module = models.get_model(self.model, weights=None, **options)
        return network


class TorchvisionBackbone:
    """A classifier of torchvision, divided in front of its last linear layer.

    network (nn.Module): The classifier.
    labels (Optional[List[str]]): Names of its classes.
    """

    def __init__(self, network: nn.Module, labels: Optional[List[str]]) -> None:
        self.labels = labels
        self.family = type(network).__name__
        self.network = network
        # SqueezeNet classifies by a convolution over the map, so that its vector is the map's mean.
        self.whole_map = self.family == "SqueezeNet"
        if self.whole_map:
            self.head = _replace(network, "classifier", nn.AdaptiveAvgPool2d(1))
        else:
            layers = [name for name, x in network.named_modules() if isinstance(x, nn.Linear)]
            self.head = _replace(network, layers[-1], nn.Identity())
        self.module: nn.Module = nn.ModuleList([self.network, self.head])

    def pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): (B, D), the final hidden layer."""
        output: torch.Tensor = self.network(pixels)
        return output

    def grid(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Optional[Tensor]): (B, R, D'), the last feature map, or patches."""
        features = self._last_map(pixels)
        if features is None:
            return None
        if features.dim() == 3:  # of a transformer; the first stands for the whole picture
            return features[:, 1:]
        return features.flatten(2).transpose(1, 2)

    def logits(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Optional[Tensor]): (B, C)."""
        features = self._last_map(pixels) if self.whole_map else self.pooled(pixels)
        output: torch.Tensor = self.head(features)
        return output.flatten(1)

    def _last_map(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        if self.family not in GRIDS:
            return None
        found: List[torch.Tensor] = []
        layer = self.network.get_submodule(GRIDS[self.family])
        hook = layer.register_forward_hook(lambda module, inputs, output: found.append(output))
        try:
            self.network(pixels)
        finally:
            hook.remove()
        # DenseNet's last activation is a function, not a layer that could be looked at.
        return torch.relu(found[0]) if self.family == "DenseNet" else found[0]


def _replace(network: nn.Module, name: str, new: nn.Module) -> nn.Module:
    """Put a module in another one's place, and return that one."""
    parent = network.get_submodule(name.rpartition(".")[0])
    attribute = name.rpartition(".")[2]
    old: nn.Module = getattr(parent, attribute)
    setattr(parent, attribute, new)
    return old


def _modern(key: str) -> str:
    """Rename what DenseNet's files call norm.1 and conv.2: a module's name holds no dot."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", key)


def _text(path: Optional[Union[str, Path]]) -> Optional[str]:
    return None if path is None else str(path)
