"""Bi-directional LSTMs over padded rows."""

from typing import List, Tuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from .lstm_scan import lstm_scan


class BiLSTM(nn.Module):
    """Torch's bi-directional LSTM over padded rows, trained on a CPU by `lstm_scan`.

    nI (int): input width.
    hidden_width (int): H, width of each direction; the output has twice as much.
    depth (int): number of layers.
    """

    def __init__(self, nI: int, hidden_width: int, *, depth: int = 1) -> None:
        super().__init__()
        self.nO = 2 * hidden_width
        self.lstm = nn.LSTM(nI, hidden_width, depth, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, nI), mask (B, T) with padding on the right -> (B, T, 2H), zero on padding."""
        if x.shape[0] == 0 or x.shape[1] == 0:
            return x.new_zeros(*x.shape[:2], self.nO)
        hidden, _ = self._read(x, mask.sum(1))
        padded, _ = pad_packed_sequence(hidden, batch_first=True, total_length=x.shape[1])
        return padded.masked_fill(~mask.unsqueeze(-1), 0.0)

    def last(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The states (B, 2H) in which the two directions of the last layer end.

        x (Tensor): (B, T, nI).
        lengths (Tensor): (B,) long, at least 1.
        """
        if x.shape[0] == 0:
            return x.new_zeros(0, self.nO)
        return self._read(x, lengths)[1]

    def _read(self, x: Tensor, lengths: Tensor) -> Tuple[PackedSequence, Tensor]:
        """All states of the last layer (packed), and the states (B, 2H) that it ends in."""
        # A packed row has a step at least; that of an empty post is masked afterwards.
        packed = pack_padded_sequence(
            x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        if torch.is_grad_enabled() and x.device.type == "cpu":
            return _scan_layers(self.lstm, packed)
        self.lstm.flatten_parameters()
        hidden, (last, _) = self.lstm(packed)
        return hidden, torch.cat([last[-2], last[-1]], dim=-1)


def _scan_layers(lstm: nn.LSTM, packed: PackedSequence) -> Tuple[PackedSequence, Tensor]:
    """What `lstm(packed)` gives, with a faster gradient."""
    sizes: List[int] = packed.batch_sizes.tolist()
    mirror, last = _packed_indices(packed.batch_sizes)
    x = packed.data
    for layer in range(lstm.num_layers):
        names = [f"l{layer}", f"l{layer}_reverse"]
        inputs, hidden, input_bias, hidden_bias = (
            torch.stack([_gates_together(getattr(lstm, f"{kind}_{name}")) for name in names])
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        both = torch.stack([x, x.index_select(0, mirror)])
        biases = (input_bias + hidden_bias).unsqueeze(1)
        projected = torch.baddbmm(biases, both, inputs.transpose(1, 2))
        forwards, backwards = lstm_scan(projected, hidden.transpose(1, 2), sizes)
        x = torch.cat([forwards, backwards.index_select(0, mirror)], dim=-1)
    # Both directions end at a row's last step: the second one reads the row mirrored.
    ends = torch.cat([forwards.index_select(0, last), backwards.index_select(0, last)], dim=-1)
    if packed.unsorted_indices is not None:
        ends = ends.index_select(0, packed.unsorted_indices)
    return packed._replace(data=x), ends


def _gates_together(weights: Tensor) -> Tensor:
    """From torch's order of the gates, i, f, g, o, to i, f, o, g: those with a sigmoid first."""
    i, f, g, o = weights.chunk(4)
    return torch.cat([i, f, o, g])


def _packed_indices(sizes: Tensor) -> Tuple[Tensor, Tensor]:
    """For packed rows: where each step's mirror image is, and each row's last step."""
    starts = sizes.cumsum(0) - sizes
    step = torch.arange(len(sizes)).repeat_interleave(sizes)
    row = torch.arange(len(step)) - starts[step]
    # A row has as many steps as there are sizes above its rank.
    lengths = (sizes.unsqueeze(1) > torch.arange(int(sizes[0]))).sum(0)
    return starts[lengths[row] - 1 - step] + row, starts[lengths - 1] + torch.arange(len(lengths))
