"""The Bi-LSTM that reads the row of merged tokens."""

import torch
from torch import Tensor, nn


class BiLSTM(nn.Module):
    """Bi-directional LSTM over padded rows.

    nI (int): input width.
    hidden_width (int): width of each direction; the output has twice as much.
    depth (int): number of layers.
    """

    def __init__(self, nI: int, hidden_width: int, *, depth: int = 1) -> None:
        super().__init__()
        self.nO = 2 * hidden_width
        self.lstm = nn.LSTM(nI, hidden_width, depth, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, nI), mask (B, T) -> (B, T, nO), zero on padding."""
        return run_packed(self.lstm, x, mask.sum(1))


def run_packed(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> Tensor:
    """Run an LSTM on the real part of each row, so that padding cannot change a result.

    lstm (nn.LSTM): batch first.
    x (Tensor): (B, T, nI).
    lengths (Tensor): (B,) long; rows of length 0 are allowed and give zeros.
    RETURNS (Tensor): (B, T, nO), zero beyond each row's length.
    """
    lstm.flatten_parameters()
    directions = 2 if lstm.bidirectional else 1
    output = x.new_zeros(x.shape[0], x.shape[1], directions * lstm.hidden_size)
    # Packing refuses empty rows.
    rows = lengths.nonzero().squeeze(1)
    if rows.numel() == 0:
        return output
    all_rows = rows.numel() == x.shape[0]
    packed = nn.utils.rnn.pack_padded_sequence(
        x if all_rows else x[rows],
        (lengths if all_rows else lengths[rows]).cpu(),
        batch_first=True,
        enforce_sorted=False,
    )
    unpacked, _ = nn.utils.rnn.pad_packed_sequence(
        lstm(packed)[0], batch_first=True, total_length=x.shape[1]
    )
    if all_rows:
        return unpacked
    return torch.index_copy(output.to(unpacked.dtype), 0, rows, unpacked)
