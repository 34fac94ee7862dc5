"""The encoder: a recurrent network with dropout on its input and output."""

from typing import Optional

from torch import Tensor, nn

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
