"""Bi-directional LSTMs over padded rows."""

from contextlib import nullcontext
from typing import Iterator, List, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ...cuda import exact_cudnn
from .lstm_scan import lstm_scan, lstm_states
from .packing import from_other_end, pack, packed_indices, pad


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
        return pad(hidden, mask)

    def project(self, x: Tensor) -> Tensor:
        """What inputs x (U, nI) add to the gates of the first layer: (U, 2, 4H), for both directions.

        Two thirds of the inputs of a stream of posts are words that came before: what belongs to a word
        form is computed once, and kept.
        """
        return _project(self.lstm, 0, x.expand(2, *x.shape)).transpose(0, 1)

    def read_projected(self, table: Tensor, index: Tensor, mask: Tensor) -> Tensor:
        """The same as `forward` for x = inputs[index], where table = project(inputs); for CPUs.

        table (Tensor): (U, 2, 4H).
        index (Tensor): (B, T) long, rows of the table.
        mask (Tensor): (B, T), padding on the right.
        RETURNS (Tensor): (B, T, 2H), zero on padding.
        """
        if index.numel() == 0:
            return table.new_zeros(*index.shape, self.nO)
        packed = pack(index.unsqueeze(-1), mask.sum(1))
        hidden, _ = _scan_layers(self.lstm, packed, table)
        return pad(hidden, mask)

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
        packed = pack(x, lengths)
        if torch.is_grad_enabled() and x.device.type == "cpu":
            return _scan_layers(self.lstm, packed)
        self.lstm.flatten_parameters()
        # Labelling gives the scores of the CPU, but for the last digits; training may be faster.
        exact = nullcontext() if torch.is_grad_enabled() else exact_cudnn(x.device)
        with exact:
            hidden, (last, _) = self.lstm(packed)
        return hidden, torch.cat([last[-2], last[-1]], dim=-1)


def _scan_layers(
    lstm: nn.LSTM, packed: PackedSequence, table: Optional[Tensor] = None
) -> Tuple[PackedSequence, Tensor]:
    """What `lstm(packed)` gives, with a faster gradient.

    table (Optional[Tensor]): (U, 2, 4H), what inputs add to the gates of the first layer; the packed
        data (N, 1) are rows of it then.
    """
    sizes: List[int] = packed.batch_sizes.tolist()
    mirror, last = packed_indices(packed)
    x = packed.data
    for layer in range(lstm.num_layers):
        hidden = _both_directions(lstm, "weight_hh", layer).transpose(1, 2)
        if table is not None and layer == 0:
            steps = _look_up(table, torch.stack([x[:, 0], x[:, 0].index_select(0, mirror)]), sizes)
            forwards, backwards = lstm_states(steps, hidden, sizes)
        else:
            projected = _project(lstm, layer, torch.stack([x, from_other_end(x, mirror)]))
            forwards, backwards = lstm_scan(projected, hidden, sizes)
        x = torch.cat([forwards, from_other_end(backwards, mirror)], dim=-1)
    # Both directions end at a row's last step: the second one reads the row mirrored.
    ends = torch.cat([forwards.index_select(0, last), backwards.index_select(0, last)], dim=-1)
    if packed.unsorted_indices is not None:
        ends = ends.index_select(0, packed.unsorted_indices)
    return packed._replace(data=x), ends


def _look_up(table: Tensor, rows: Tensor, sizes: List[int]) -> Iterator[Tensor]:
    """The rows (2, N) of a table (U, 2, 4H), step by step in one piece of memory: (2, sizes[t], 4H)."""
    gates = table.new_empty(2, sizes[0], table.shape[-1])
    for step in rows.split(sizes, 1):
        for d in range(2):
            torch.index_select(table[:, d], 0, step[d], out=gates[d, : step.shape[1]])
        yield gates[:, : step.shape[1]]


def _project(lstm: nn.LSTM, layer: int, both: Tensor) -> Tensor:
    """What inputs (2, N, nI), one a direction, add to the gates of a layer: (2, N, 4H)."""
    inputs, input_bias, hidden_bias = (
        _both_directions(lstm, kind, layer) for kind in ("weight_ih", "bias_ih", "bias_hh")
    )
    return torch.baddbmm((input_bias + hidden_bias).unsqueeze(1), both, inputs.transpose(1, 2))


def _both_directions(lstm: nn.LSTM, kind: str, layer: int) -> Tensor:
    """A layer's weights of both directions, (2, 4H, ...), gates in the order of `lstm_scan`."""
    names = (f"{kind}_l{layer}", f"{kind}_l{layer}_reverse")
    return torch.stack([_gates_together(getattr(lstm, name)) for name in names])


def _gates_together(weights: Tensor) -> Tensor:
    """From torch's order of the gates, i, f, g, o, to i, f, o, g: those with a sigmoid first."""
    i, f, g, o = weights.chunk(4)
    return torch.cat([i, f, o, g])
