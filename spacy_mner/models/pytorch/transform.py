"""The transform layers σ_w, σ_c, σ_v of §3.1: every modality comes out with the same width."""

from typing import Callable, Dict

import torch
from torch import Tensor, nn

from ...errors import check_choice

ACTIVATIONS: Dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
    "none": lambda x: x,
}


class Transform(nn.Module):
    """`Linear(nI -> nO)` and a non-linearity. The paper does not name it: tanh unless set.

    nI (int): width of the modality.
    nO (int): common width p.
    activation (str): "tanh", "relu", "gelu" or "none".
    """

    def __init__(self, nI: int, nO: int, *, activation: str = "tanh") -> None:
        super().__init__()
        check_choice("activation", activation, ACTIVATIONS)
        self.activation = activation
        self.linear = nn.Linear(nI, nO)

    def forward(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.activation](self.linear(x))
