"""The recurrence of an LSTM over packed rows on a CPU: for training, with its gradient, and without."""

from typing import Any, Iterable, Optional, Sequence, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .packing import previous


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


def lstm_states(steps: Iterable[Tensor], hidden_weights: Tensor, sizes: Sequence[int]) -> Tensor:
    """The same states without a gradient: nothing is kept of a step but what the next one needs, so that
    the numbers at hand stay in the processor's cache.

    tanh x is written as 1 - 2σ(-2x): on a CPU, torch's sigmoid takes a quarter of the time of its tanh.

    steps (Iterable[Tensor]): for each step the inputs' share of the gates (D, sizes[t], 4H), which is
        overwritten. They may share their memory.
    hidden_weights (Tensor): (D, H, 4H).
    sizes (Sequence[int]): as for `lstm_scan`.
    RETURNS (Tensor): h, (D, N, H).
    """
    n_directions, width, _ = hidden_weights.shape
    hidden = hidden_weights.new_empty(n_directions, sum(sizes), width)
    cells = hidden_weights.new_zeros(n_directions, sizes[0], width)
    h: Optional[Tensor] = None
    for gates, next_h in zip(steps, hidden.split(sizes, 1), strict=True):
        n = gates.shape[1]
        if h is not None:
            gates.baddbmm_(h[:, :n], hidden_weights)
        i, f, o, g = gates.split(width, 2)
        g.mul_(-2)
        gates.sigmoid_()
        c = cells[:, :n].mul_(f).add_(torch.addcmul(i, i, g, value=-2, out=g))
        # g has been used: its place is free.
        torch.mul(c, -2, out=g).sigmoid_()
        h = torch.addcmul(o, o, g, value=-2, out=next_h)
    return hidden


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
        width = hidden.shape[2]
        i, f, o, g = gates.split(width, 2)
        start = hidden.new_zeros(hidden.shape[0], sizes[0], width)
        # All that does not wait for the next step, for all steps at once: how the hidden state
        # follows the cell, and how each follows the gates' pre-activations.
        by_cell = (1 - tanh_cells.square()).mul_(o)
        by_i = (1 - i).mul_(i).mul_(g)
        by_f = (1 - f).mul_(f).mul_(previous(cells, sizes, start))
        by_o = (1 - o).mul_(o).mul_(tanh_cells)
        by_g = (1 - g.square()).mul_(i)
        d_gates = torch.empty_like(gates)
        # What flows into each step from its output and from the step after it.
        d_hidden, d_cells = grad.clone(), torch.zeros_like(cells)
        to_hidden = hidden_weights.transpose(1, 2)
        rows = [
            x.split(sizes, 1)
            for x in (
                *(d_hidden, d_cells, d_gates, *d_gates.split(width, 2)),
                *(by_cell, by_i, by_f, by_o, by_g, f),
            )
        ]
        steps = list(zip(*rows, strict=True))
        for t in range(len(steps) - 1, -1, -1):
            d_h, d_c, step, d_i, d_f, d_o, d_g, h_c, c_i, c_f, h_o, c_g, c_c = steps[t]
            d_c.addcmul_(d_h, h_c)
            torch.mul(d_c, c_i, out=d_i)
            torch.mul(d_c, c_f, out=d_f)
            torch.mul(d_h, h_o, out=d_o)
            torch.mul(d_c, c_g, out=d_g)
            if t > 0:
                n = sizes[t]
                earlier_h, earlier_c, *_ = steps[t - 1]
                earlier_h[:, :n].baddbmm_(step, to_hidden)
                torch.mul(d_c, c_c, out=earlier_c[:, :n])
        d_weights = torch.bmm(previous(hidden, sizes, start).transpose(1, 2), d_gates)
        return d_gates, d_weights, None
