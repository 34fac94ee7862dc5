"""From a picture to the numbers that a network takes: scale and crop, then normalize."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Sequence

import numpy as np
import torch

from .reading import read_rgb

if TYPE_CHECKING:
    from PIL.Image import Image

# Scaled so that its shorter side fits, a picture of 1 x 60,000 pixels would take gigabytes.
LONGEST = 4


@dataclass(frozen=True)
class Preprocessing:
    """What happens to a picture before a network sees it, in two parts: `read` in the threads that
    decode, `normalize` on the network's device (bytes travel there, a quarter of the floats).

    resize (Callable[[Image], Image]): Scales and crops an RGB picture to (H, W).
    size (Sequence[int]): (H, W).
    at_least (int): The shorter side, in pixels, to which `resize` scales.
    mean (Sequence[float]): Per channel, subtracted from values / `scale`.
    std (Sequence[float]): Per channel, divided by afterwards.
    scale (float): What values of 0 to 255 are divided by first.
    keeps_centre (bool): Whether `resize` keeps the middle of a long picture only.
    description (Dict[str, Any]): The same as JSON values, for the settings of the encoder.
    """

    resize: Callable[["Image"], "Image"]
    size: Sequence[int]
    at_least: int
    mean: Sequence[float]
    std: Sequence[float]
    scale: float = 255.0
    keeps_centre: bool = True
    description: Dict[str, Any] = field(default_factory=dict)

    def read(self, source: Any) -> np.ndarray:
        """Decode, scale and crop one picture.

        source (Any): See `reading.read_rgb`.
        RETURNS (ndarray): (H, W, 3) uint8.
        RAISES (ImageReadError): If it cannot be read.
        """
        # docs/pictures.md says what reading JPEGs at a reduced size changes.
        image = read_rgb(source, at_least=self.at_least)
        return np.asarray(self.resize(_shorten(image) if self.keeps_centre else image))

    def normalize(self, batch: List[np.ndarray], device: torch.device) -> torch.Tensor:
        """Make the network's input.

        batch (List[ndarray]): B arrays (H, W, 3) uint8.
        device (torch.device): Where the network is.
        RETURNS (Tensor): (B, 3, H, W) float32; channels stay last in memory, which makes
            convolutional networks up to twice as fast on CPUs.
        """
        pixels = torch.from_numpy(np.stack(batch)).to(device).permute(0, 3, 1, 2).float()
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1)
            for values in (self.mean, self.std)
        )
        return pixels.div_(self.scale).sub_(mean).div_(std)


def without_tensors(compose: Any) -> Callable[["Image"], "Image"]:
    """Take the steps of a composed transform that work on pictures, and leave out those after it.

    compose (torchvision.transforms.Compose): Ends in ToTensor (or the like) and Normalize.
    RETURNS (Callable[[Image], Image]): The steps before ToTensor, as one function.
    """
    names = [type(step).__name__ for step in compose.transforms]
    end = next(i for i, name in enumerate(names) if "ToTensor" in name or name == "Normalize")
    return type(compose)(compose.transforms[:end])


def _shorten(image: "Image") -> "Image":
    """Cut the ends off a very long picture, which the crop of the centre cuts off anyway."""
    width, height = image.size
    longest = LONGEST * min(width, height)
    if max(width, height) <= longest:
        return image
    # The same number of pixels on either side: the centre must not move.
    cut_x = max(0, (width - longest) // 2)
    cut_y = max(0, (height - longest) // 2)
    return image.crop((cut_x, cut_y, width - cut_x, height - cut_y))
