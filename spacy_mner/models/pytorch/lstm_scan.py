"""The recurrence of an LSTM over packed rows, with its gradient, for training on a CPU."""

from typing import Any, Optional, Sequence, Tuple

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
        steps = zip(
            *(x.split(sizes, 1) for x in (projected, gates, hidden, cells, tanh_cells)),
            gates[..., : 3 * width].split(sizes, 1),
            *(x.split(sizes, 1) for x in gates.split(width, 2)),
            strict=True,
        )
        h: Optional[Tensor] = None
        c: Optional[Tensor] = None
        for inputs, step, next_h, next_c, tanh_c, i_f_o, i, f, o, g in steps:
            if h is None or c is None:
                step.copy_(inputs)
            else:
                n = step.shape[1]
                if n < h.shape[1]:
                    h, c = h[:, :n], c[:, :n]
                torch.add(inputs, torch.bmm(h, hidden_weights), out=step)
            i_f_o.sigmoid_()
            g.tanh_()
            torch.mul(i, g, out=next_c)
            if c is not None:
                next_c.addcmul_(f, c)
            torch.tanh(next_c, out=tanh_c)
            torch.mul(o, tanh_c, out=next_h)
            h, c = next_h, next_c
        ctx.sizes = sizes
        ctx.save_for_backward(hidden_weights, gates, hidden, cells, tanh_cells)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        hidden_weights, gates, hidden, cells, tanh_cells = ctx.saved_tensors
        sizes = ctx.sizes
        i, f, o, g = gates.split(hidden.shape[2], 2)
        # All that does not wait for the next step, for all steps at once: how the hidden state
        # follows the cell, and how each follows the gates' pre-activations.
        by_cell = (1 - tanh_cells.square()).mul_(o)
        local = torch.cat(
            [
                (1 - i).mul_(i).mul_(g),
                (1 - f).mul_(f).mul_(_previous(cells, sizes)),
                (1 - o).mul_(o).mul_(tanh_cells),
                (1 - g.square()).mul_(i),
            ],
            dim=2,
        ).unflatten(2, (4, -1))
        d_gates = torch.empty_like(gates)
        d_parts = d_gates.unflatten(2, (4, -1))
        to_hidden = hidden_weights.transpose(1, 2)
        steps = zip(
            *(x.split(sizes, 1) for x in (grad, by_cell, f, d_gates)),
            *(x.split(sizes, 1) for x in (local[:, :, :2], local[:, :, 2], local[:, :, 3])),
            *(x.split(sizes, 1) for x in (d_parts[:, :, :2], d_parts[:, :, 2], d_parts[:, :, 3])),
            strict=True,
        )
        later_h: Optional[Tensor] = None
        later_c: Optional[Tensor] = None
        for d_h, h_c, forget, d_step, by_i_f, by_o, by_g, d_i_f, d_o, d_g in reversed(list(steps)):
            if later_h is None or later_c is None:
                d_c = d_h * h_c
            else:
                n = later_h.shape[1]
                d_h = d_h.clone()
                d_h[:, :n] += later_h
                d_c = d_h * h_c
                d_c[:, :n] += later_c
            torch.mul(by_i_f, d_c.unsqueeze(2), out=d_i_f)
            torch.mul(by_o, d_h, out=d_o)
            torch.mul(by_g, d_c, out=d_g)
            # The first step's is computed in vain.
            later_h, later_c = torch.bmm(d_step, to_hidden), d_c.mul_(forget)
        d_weights = torch.bmm(_previous(hidden, sizes).transpose(1, 2), d_gates)
        return d_gates, d_weights, None


def _previous(states: Tensor, sizes: Sequence[int]) -> Tensor:
    """The states (D, N, H) one step earlier; zero before the first."""
    first = states.new_zeros(states.shape[0], sizes[0], states.shape[2])
    # A row that has a step t has all steps before it, at the same place.
    earlier = [before[:, :n] for before, n in zip(states.split(sizes, 1), sizes[1:], strict=False)]
    return torch.cat([first, *earlier], dim=1)
