"""Image encoder `inception_v3`: the other network that goes by the name of Inception."""

from pathlib import Path
from typing import Optional, Union

from .torch_encoder import TorchEncoder
from .torchvision_models import TorchvisionRecipe


def create_inception_v3(
    *,
    path: Optional[Union[str, Path]] = None,
    download: bool = False,
    regions: bool = False,
    device: Optional[str] = None,
) -> TorchEncoder:
    """Inception v3 (Szegedy et al. 2016).

    With torchvision's ImageNet weights, which are loaded at the first use: the final hidden layer
    (2048,), which is the mean of the last 8 x 8 feature map, or with regions the map (64, 2048).

    path (Optional[Union[str, Path]]): A file of weights. None: inception_v3_google-0cc3c7bd.pth in
        torch.hub's cache.
    download (bool): Whether to download weights that are not in the cache.
    regions (bool): The 64 regions in place of their mean.
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    RETURNS (TorchEncoder): The encoder.
    """
    text = None if path is None else str(path)
    recipe = TorchvisionRecipe("inception_v3", "inception_v3", "IMAGENET1K_V1", text, download)
    return TorchEncoder(recipe, regions=regions, device=device)
