"""Image encoder `googlenet`: the network of the paper."""

from pathlib import Path
from typing import Optional, Union

from .torch_encoder import TorchEncoder
from .torchvision_models import TorchvisionRecipe


def create_googlenet(
    *,
    path: Optional[Union[str, Path]] = None,
    download: bool = False,
    regions: bool = False,
    device: Optional[str] = None,
) -> TorchEncoder:
    """GoogLeNet (Szegedy et al. 2015), the network of the paper.

    Also called Inception v1; with torchvision's ImageNet weights. Nothing is loaded before the first use.
    Moon, Neves and Carvalho (2018) take "the final hidden layer (1024) before the classification
    layer" of a 22-layer Inception: that is the mean of the last 7 x 7 feature map, (1024,), or with
    regions that map itself, (49, 1024).

    path (Optional[Union[str, Path]]): A file of weights. None: googlenet-1378be20.pth in
        torch.hub's cache.
    download (bool): Whether to download weights that are not in the cache.
    regions (bool): The 49 regions in place of their mean.
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    RETURNS (TorchEncoder): The encoder.
    """
    text = None if path is None else str(path)
    recipe = TorchvisionRecipe("googlenet", "googlenet", "IMAGENET1K_V1", text, download)
    return TorchEncoder(recipe, regions=regions, device=device)
