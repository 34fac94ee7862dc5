"""The recurrence of an LSTM over packed rows, with its gradient, for training on a CPU."""

from itertools import pairwise
from typing import Any, List, Optional, Sequence, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def lstm_scan(projected: Tensor, hidden_weights: Tensor, sizes: Sequence[int]) -> Tensor:
    """Run D independent LSTMs over the same packed rows; differentiable once.

        i, f, o, g = σ, σ, σ, tanh (projected_t + W_h h_{t-1});  c_t = f ⊙ c_{t-1} + i ⊙ g
        h_t = o ⊙ tanh(c_t)

    Torch trains an LSTM on a CPU either over the padding too, or with a handful of autograd nodes
    for every gate and step. Posts and words are short and of very different lengths, so that both
    spend most of their time on something else than the recurrence.

    projected (Tensor): (D, N, 4H), the inputs' share of the gates with the biases, gates in the order
        i, f, o, g. Rows are packed as in torch's `PackedSequence`: all first steps, longest row
        first, then all second steps, ...
    hidden_weights (Tensor): (D, H, 4H), gates in the same order.
    sizes (Sequence[int]): number of rows that have a step t, for each t; falling, sum N.
    RETURNS (Tensor): h, (D, N, H).
    """
    return _Scan.apply(projected, hidden_weights, sizes)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, hidden_weights: Tensor, sizes: Sequence[int]
    ) -> Tensor:
        n_directions, n_steps, width = projected.shape
        width //= 4
        gates = torch.empty_like(projected)
        # No view of a common tensor: an output that is a view and is saved would hold itself alive.
        hidden, cells, tanh_cells = (
            projected.new_empty(n_directions, n_steps, width) for _ in range(3)
        )
        previous: Optional[Tuple[Tensor, Tensor]] = None
        for now in _slices(sizes):
            step, n = gates[:, now], now.stop - now.start
            if previous is None:
                step.copy_(projected[:, now])
            else:
                product = torch.bmm(previous[0][:, :n], hidden_weights)
                torch.add(projected[:, now], product, out=step)
            step[..., : 3 * width].sigmoid_()
            step[..., 3 * width :].tanh_()
            i, f, o, g = step.split(width, 2)
            cell = torch.mul(i, g, out=cells[:, now])
            if previous is not None:
                cell.addcmul_(f, previous[1][:, :n])
            tanh_cell = torch.tanh(cell, out=tanh_cells[:, now])
            previous = torch.mul(o, tanh_cell, out=hidden[:, now]), cell
        ctx.sizes = sizes
        ctx.save_for_backward(hidden_weights, gates, hidden, cells, tanh_cells)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        hidden_weights, gates, hidden, cells, tanh_cells = ctx.saved_tensors
        slices = _slices(ctx.sizes)
        i, f, o, g = gates.split(hidden.shape[2], 2)
        # All that does not wait for the next step, for all steps at once: how the hidden state
        # follows the cell, and how each follows the gates' pre-activations.
        by_cell = o * (1 - tanh_cells.square())
        local = torch.cat(
            [
                g * i * (1 - i),
                _previous(cells, slices) * f * (1 - f),
                tanh_cells * o * (1 - o),
                i * (1 - g.square()),
            ],
            dim=2,
        ).unflatten(2, (4, -1))
        d_gates = torch.empty_like(gates)
        d_parts = d_gates.unflatten(2, (4, -1))
        to_hidden = hidden_weights.transpose(1, 2)
        later: Optional[Tuple[Tensor, Tensor]] = None
        for now in reversed(slices):
            d_hidden = grad[:, now]
            if later is not None:
                d_hidden = d_hidden.clone()
                d_hidden[:, : later[0].shape[1]] += later[0]
            d_cell = d_hidden * by_cell[:, now]
            if later is not None:
                d_cell[:, : later[1].shape[1]] += later[1]
            torch.mul(local[:, now, :2], d_cell.unsqueeze(2), out=d_parts[:, now, :2])
            torch.mul(local[:, now, 2], d_hidden, out=d_parts[:, now, 2])
            torch.mul(local[:, now, 3], d_cell, out=d_parts[:, now, 3])
            if now.start:
                later = torch.bmm(d_gates[:, now], to_hidden), d_cell * f[:, now]
        d_weights = torch.bmm(_previous(hidden, slices).transpose(1, 2), d_gates)
        return d_gates, d_weights, None


def _slices(sizes: Sequence[int]) -> List[slice]:
    """Where each step's rows are."""
    slices, start = [], 0
    for n in sizes:
        slices.append(slice(start, start + n))
        start += n
    return slices


def _previous(states: Tensor, slices: List[slice]) -> Tensor:
    """The states (D, N, H) one step earlier; zero before the first."""
    first = states.new_zeros(states.shape[0], slices[0].stop, states.shape[2])
    # A row that has a step t has all steps before it, at the same place.
    earlier = [
        states[:, before.start : before.start + now.stop - now.start]
        for before, now in pairwise(slices)
    ]
    return torch.cat([first, *earlier], dim=1)
