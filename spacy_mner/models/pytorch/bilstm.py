"""Bi-directional LSTMs over padded rows."""

from typing import List, cast

import torch
from torch import Tensor, nn


class BiLSTM(nn.Module):
    """Bi-directional LSTM over padded rows.

    Each direction is an LSTM of its own, and the second reads every row reversed within its
    length. On a CPU this trains about twice as fast as torch's bi-directional LSTM on packed
    sequences, and padding still cannot change a result.

    nI (int): input width.
    hidden_width (int): H, width of each direction; the output has twice as much.
    depth (int): number of layers.
    """

    def __init__(self, nI: int, hidden_width: int, *, depth: int = 1) -> None:
        super().__init__()
        self.nO = 2 * hidden_width
        widths = [nI, *[self.nO] * (depth - 1)]
        self.left_to_right = _lstms(widths, hidden_width)
        self.right_to_left = _lstms(widths, hidden_width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, nI), mask (B, T) with padding on the right -> (B, T, 2H), zero on padding."""
        output = self.read(x, mask.sum(1))
        return output.masked_fill(~mask.unsqueeze(-1), 0.0)

    def read(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The states of both directions (B, T, 2H); what stands on padding has no meaning.

        x (Tensor): (B, T, nI).
        lengths (Tensor): (B,) long.
        """
        if x.shape[0] == 0 or x.shape[1] == 0:
            return x.new_zeros(*x.shape[:2], self.nO)
        index = mirror(lengths, x.shape[1])
        for left_to_right, right_to_left in zip(
            self.left_to_right, self.right_to_left, strict=True
        ):
            for lstm in (left_to_right, right_to_left):
                cast(nn.LSTM, lstm).flatten_parameters()
            forwards, _ = left_to_right(x)
            backwards, _ = right_to_left(_take(x, index))
            x = torch.cat([forwards, _take(backwards, index)], dim=-1)
        return x

    def last(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The states (B, 2H) in which the two directions end; rows have at least one step."""
        forwards, backwards = self.read(x, lengths).chunk(2, dim=-1)
        rows = torch.arange(len(lengths), device=x.device)
        return torch.cat([forwards[rows, lengths - 1], backwards[:, 0]], dim=-1)


def mirror(lengths: Tensor, n_steps: int) -> Tensor:
    """Indices (B, T) that reverse each row within its length and leave its padding in place."""
    t = torch.arange(n_steps, device=lengths.device)
    lengths = lengths.unsqueeze(1)
    return torch.where(t < lengths, lengths - 1 - t, t)


def _take(x: Tensor, index: Tensor) -> Tensor:
    return x.gather(1, index.unsqueeze(-1).expand_as(x))


def _lstms(widths: List[int], hidden_width: int) -> nn.ModuleList:
    return nn.ModuleList(nn.LSTM(width, hidden_width, batch_first=True) for width in widths)
