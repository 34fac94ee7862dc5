"""Mean 0 and variance 1 by the training data's statistics."""

from typing import Optional, Tuple

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """Subtract the mean, divide by the standard deviation of each column of a vector.

    A classifier's features are all positive and differ in scale by orders of magnitude. The
    statistics are buffers: saved with the weights, never trained.

    width (int): D.
    statistics (Optional[Tuple[Tensor, Tensor]]): mean and standard deviation (D,); None = 0 and 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int, statistics: Optional[Tuple[Tensor, Tensor]] = None) -> None:
        super().__init__()
        mean, std = statistics or (torch.zeros(width), torch.ones(width))
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std
