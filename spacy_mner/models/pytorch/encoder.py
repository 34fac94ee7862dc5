"""The encoder: a recurrent network with dropout on its input and output."""

from typing import Optional

from torch import Tensor, nn

from .dropout import Dropout


class RecurrentEncoder(nn.Module):
    """Dropout, a recurrent network over the row of tokens, dropout.

    network (nn.Module): maps x (B, T, nI), mask (B, T) to (B, T, nO) and has the attribute `nO`.
    dropout (Optional[float]): fixed rate, or None to follow `[training] dropout`.
    """

    def __init__(self, network: nn.Module, *, dropout: Optional[float] = None) -> None:
        super().__init__()
        self.network = network
        self.nO: int = network.nO  # type: ignore[assignment]
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, nI), mask (B, T) -> (B, T, nO)."""
        return self.dropout(self.network(self.dropout(x), mask))
