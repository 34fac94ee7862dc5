"""The image encoder around a PyTorch network; what differs between networks is a `Recipe`."""

from functools import lru_cache
from typing import Any, Callable, Dict, List, Optional, Protocol, Tuple

import numpy as np
import torch
from torch import nn

from ..cuda import exact_cudnn
from ..errors import Errors
from .device import Device
from .preprocessing import Preprocessing


class Backbone(Protocol):
    """A frozen network, seen as what makes features. Pixels are (B, 3, H, W), normalized.

    module (nn.Module): Everything that has to move to another device.
    labels (Optional[List[str]]): Names of the classes, if there is a classifier with names.
    """

    module: nn.Module
    labels: Optional[List[str]]

    def pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): (B, D), a vector for the whole picture."""
        ...

    def grid(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Optional[Tensor]): (B, R, D'), rows from the top left; None: it has none."""
        ...

    def logits(self, pixels: torch.Tensor) -> Optional[torch.Tensor]:
        """RETURNS (Optional[Tensor]): (B, C), a score per class; None: it is no classifier."""
        ...


class Recipe(Protocol):
    """How to make one network: immutable, hashable, small and picklable.

    name (str): Registered name of the encoder.
    """

    @property
    def name(self) -> str: ...

    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): What identifies network, weights and preprocessing, as JSON
        values. No network is built for it."""
        ...

    def preprocessing(self) -> Preprocessing:
        """RETURNS (Preprocessing): What is done to pictures."""
        ...

    def width(self, regions: bool) -> int:
        """RETURNS (int): D, the length of a vector. No weights are read for it."""
        ...

    def load(self) -> Backbone:
        """RETURNS (Backbone): The network with its weights, on the CPU, in evaluation mode."""
        ...


class TorchEncoder:
    """Turns pictures into a frozen network's features.

    recipe (Recipe): How to make the network. It is not made before it is needed.
    regions (bool): The parts of the picture (R, D) in place of one vector (D,).
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    RAISES (ValueError): If there is no such device.
    """

    reads = "picture"

    def __init__(
        self, recipe: Recipe, *, regions: bool = False, device: Optional[str] = None
    ) -> None:
        self.recipe = recipe
        self.regions = regions
        self.device = Device(device)
        self._backbone: Optional[Backbone] = None
        self._preprocessing: Optional[Preprocessing] = None

    @property
    def name(self) -> str:
        """RETURNS (str): Registered name."""
        return self.recipe.name

    @property
    def width(self) -> int:
        """RETURNS (int): D, the length of a vector."""
        return self.recipe.width(self.regions)

    @property
    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Network, weights, preprocessing and regions."""
        return {**self.recipe.settings(), "regions": self.regions}

    @property
    def parallel(self) -> bool:
        """RETURNS (bool): Whether several batches at a time are faster: on the CPU."""
        return self.device.get().type == "cpu"

    def read(self, source: Any) -> np.ndarray:
        """Decode, scale and crop one picture.

        source (Any): See `reading.read_rgb`.
        RETURNS (ndarray): (H, W, 3) uint8.
        RAISES (ImageReadError): If it cannot be read.
        """
        return self._prepare().read(source)

    def encode(self, batch: List[np.ndarray]) -> List[np.ndarray]:
        """Compute the vectors of prepared pictures.

        batch (List[ndarray]): B arrays (H, W, 3) uint8.
        RETURNS (List[ndarray]): B float32 arrays, (D,) or with regions (R, D).
        RAISES (ValueError): If the network has no regions, or its weights cannot be had.
        """
        if not batch:
            return []
        backbone = self._load()
        output = self._run(backbone.grid if self.regions else backbone.pooled, batch)
        if output is None:
            raise ValueError(Errors.M105.format(model=self.settings.get("model", self.name)))
        return list(output.float().contiguous().cpu().numpy())

    def tags(self, batch: List[np.ndarray], n: int = 5) -> List[List[Tuple[str, float]]]:
        """Name the likeliest classes of prepared pictures.

        batch (List[ndarray]): B arrays (H, W, 3) uint8.
        n (int): Classes per picture.
        RETURNS (List[List[Tuple[str, float]]]): Names with probabilities, best first.
        RAISES (ValueError): If the network is no classifier, or its weights cannot be had.
        """
        if not batch:
            return []
        backbone = self._load()
        logits = self._run(backbone.logits, batch)
        if logits is None:
            raise ValueError(Errors.M106.format(model=self.settings.get("model", self.name)))
        probs, classes = logits.float().softmax(dim=-1).topk(min(n, logits.shape[1]), dim=-1)
        labels = backbone.labels or [f"class {i}" for i in range(logits.shape[1])]
        return [
            [(labels[c], p) for c, p in zip(row_classes, row_probs, strict=True)]
            for row_classes, row_probs in zip(classes.tolist(), probs.tolist(), strict=True)
        ]

    def _run(
        self, compute: Callable[[torch.Tensor], Optional[torch.Tensor]], batch: List[np.ndarray]
    ) -> Optional[torch.Tensor]:
        device = self.device.get()
        self._load().module.to(device)
        with torch.inference_mode(), exact_cudnn(device):
            return compute(self._prepare().normalize(batch, device))

    def _prepare(self) -> Preprocessing:
        if self._preprocessing is None:
            self._preprocessing = self.recipe.preprocessing()
        return self._preprocessing

    def _load(self) -> Backbone:
        if self._backbone is None:
            backbone = self.recipe.load()
            backbone.module.eval().requires_grad_(False).to(memory_format=torch.channels_last)
            self._backbone = backbone
        return self._backbone

    def __getstate__(self) -> Dict[str, Any]:
        # Whoever unpickles it finds the weights where this one did.
        return {**self.__dict__, "_backbone": None, "_preprocessing": None}


def build_quietly(build: Callable[[], Any]) -> Any:
    """Build a network without using up the random numbers of whoever trains in this process.

    build (Callable[[], Any]): Builds it, with random weights.
    RETURNS (Any): What it built.
    """
    with torch.random.fork_rng(devices=[]):
        return build()


def measure(build: Callable[[], Backbone], size: Tuple[int, int], regions: bool) -> Optional[int]:
    """Find out the length of a network's vectors, if possible without its memory and its time.

    build (Callable[[], Backbone]): Builds it, with random weights.
    size (Tuple[int, int]): (H, W) of its pictures.
    regions (bool): The length of the regions' vectors.
    RETURNS (Optional[int]): D, or None if there are no regions.
    """
    with torch.inference_mode():
        try:
            with torch.device("meta"):
                shape = _shape(build(), torch.zeros(1, 3, *size), regions)
        except (NotImplementedError, RuntimeError):
            # Some networks compute with numbers while they are built.
            shape = _shape(build_quietly(build), torch.zeros(1, 3, *size), regions)
    return None if shape is None else shape[-1]


def _shape(backbone: Backbone, pixels: torch.Tensor, regions: bool) -> Optional[torch.Size]:
    backbone.module.eval()
    output = backbone.grid(pixels) if regions else backbone.pooled(pixels)
    return None if output is None else output.shape


@lru_cache(maxsize=64)
def width_of(recipe: Any, regions: bool) -> int:
    """Measure the vectors of a recipe that has a `skeleton`, once.

    recipe (Any): A recipe that can build its network without weights.
    regions (bool): The length of the regions' vectors.
    RETURNS (int): D.
    RAISES (ValueError): If there are no regions.
    """
    width = measure(recipe.skeleton, tuple(recipe.preprocessing().size), regions)
    if width is None:
        raise ValueError(Errors.M105.format(model=recipe.model))
    return width
