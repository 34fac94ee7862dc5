"""The encoder: a recurrent network with dropout on its input and output."""

from typing import Optional, cast

import torch
from torch import Tensor, nn

from .bilstm import BiLSTM
from .dropout import Dropout


class RecurrentEncoder(nn.Module):
    """Dropout, a recurrent network over the row of tokens, dropout.

    network (nn.Module): maps x (B, T, nI), mask (B, T) to (B, T, nO) and has the attribute `nO`.
    dropout (Optional[float]): fixed rate, or None to follow `[training] dropout`.
    state_width (Optional[int]): H, where the network takes an initial state (B, H) as its third argument.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        dropout: Optional[float] = None,
        state_width: Optional[int] = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.nO: int = network.nO  # type: ignore[assignment]
        self.state_width = state_width
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor, initial: Optional[Tensor] = None) -> Tensor:
        """x (B, T, nI), mask (B, T), initial (B, H) -> (B, T, nO)."""
        state = () if initial is None else (self.dropout(initial),)
        return self.dropout(self.network(self.dropout(x), mask, *state))

    def projects(self, x: Tensor) -> bool:
        """Whether `project` and `read_projected` may stand for `forward`: they are faster where rows of x
        (U, nI) come again and again, on a CPU, without a gradient."""
        alike = isinstance(self.network, BiLSTM) and not torch.is_grad_enabled()
        return alike and x.device.type == "cpu"

    def project(self, x: Tensor) -> Tensor:
        """Inputs (U, nI) -> (U, 2, 4H), see `BiLSTM`."""
        return cast(BiLSTM, self.network).project(x)

    def read_projected(self, table: Tensor, index: Tensor, mask: Tensor) -> Tensor:
        """table (U, 2, 4H), index (B, T), mask (B, T) -> (B, T, nO)."""
        return cast(BiLSTM, self.network).read_projected(table, index, mask)
