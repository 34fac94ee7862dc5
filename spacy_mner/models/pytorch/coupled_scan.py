"""The recurrence of Eq. 1 over packed rows, with its gradient."""

from typing import Any, Sequence, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .packing import previous


def coupled_scan(
    projected: Tensor,
    hidden_weights: Tensor,
    input_peephole: Tensor,
    output_peephole: Tensor,
    cells: Tensor,
    sizes: Sequence[int],
) -> Tensor:
    """Run D independent coupled LSTMs with full peepholes over the same packed rows; differentiable once.

        i = σ(P_i + W_hi h_{t-1} + W_ci c_{t-1});  g = tanh(P_c + W_hc h_{t-1})
        c_t = (1 - i) ⊙ c_{t-1} + i ⊙ g
        o = σ(P_o + W_ho h_{t-1} + W_co c_t);  h_t = o ⊙ tanh(c_t)

    projected (Tensor): P, (D, N, 3H), the inputs' share of the gates with the biases, in the order i, c, o.
        Rows are packed as by `packing.pack`.
    hidden_weights (Tensor): (D, H, 3H), gates in the same order.
    input_peephole, output_peephole (Tensor): W_ci and W_co, (D, H, H).
    cells (Tensor): (D, sizes[0], H), the cells before the first step, longest row first.
    sizes (Sequence[int]): number of rows that have a step t, for each t; falling, sum N.
    RETURNS (Tensor): h, (D, N, H).
    """
    # h and c in one product for all that looks at c_{t-1}; W_co waits for c_t.
    nothing = torch.zeros_like(input_peephole)
    weights = torch.cat([hidden_weights, torch.cat([input_peephole, nothing, nothing], 2)], 1)
    start = torch.cat([torch.zeros_like(cells), cells], 2)
    return _Scan.apply(projected, weights, output_peephole, start, sizes)


class _Scan(torch.autograd.Function):
    # States are h and c side by side: (D, N, 2H).
    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        weights: Tensor,
        output_peephole: Tensor,
        start: Tensor,
        sizes: Sequence[int],
    ) -> Tensor:
        width = output_peephole.shape[1]
        gates = torch.empty_like(projected)
        states = projected.new_empty(*projected.shape[:2], 2 * width)
        tanh_cells = projected.new_empty(*projected.shape[:2], width)
        parts = (*gates.split(width, 2), *states.split(width, 2), tanh_cells)
        steps = zip(
            *(x.split(sizes, 1) for x in (projected, gates, states, *parts)),
            strict=True,
        )
        state = start
        for inputs, step, next_state, i, g, o, h, c, tanh_c in steps:
            state = state[:, : step.shape[1]]
            torch.baddbmm(inputs, state, weights, out=step)
            i.sigmoid_()
            g.tanh_()
            torch.lerp(state[..., width:], g, i, out=c)
            o.baddbmm_(c, output_peephole).sigmoid_()
            torch.tanh(c, out=tanh_c)
            torch.mul(o, tanh_c, out=h)
            state = next_state
        ctx.sizes = sizes
        ctx.save_for_backward(weights, output_peephole, start, gates, states, tanh_cells)
        return states[..., :width].contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tuple[Any, ...]:
        weights, output_peephole, start, gates, states, tanh_cells = ctx.saved_tensors
        sizes = ctx.sizes
        width = output_peephole.shape[1]
        i, g, o = gates.split(width, 2)
        before = previous(states, sizes, start)
        # All that does not wait for the next step, for all steps at once: how the hidden state follows
        # the cell, and how the cell or the hidden state follows each gate's pre-activation.
        by_cell = (1 - tanh_cells.square()).mul_(o)
        by_i = (1 - i).mul_(i).mul_(g - before[..., width:])
        by_g = (1 - g.square()).mul_(i)
        by_o = (1 - o).mul_(o).mul_(tanh_cells)
        keep = 1 - i
        d_gates = torch.empty_like(gates)
        # What flows into each step from its output and from the step after it.
        d_states = torch.cat([grad, torch.zeros_like(grad)], 2)
        d_start = torch.zeros_like(start)
        to_states, to_cell = weights.transpose(1, 2), output_peephole.transpose(1, 2)
        parts = (*d_gates.split(width, 2), *d_states.split(width, 2))
        rows = [x.split(sizes, 1) for x in (d_gates, *parts, by_cell, by_i, by_g, by_o, keep)]
        targets = (d_start, *d_states.split(sizes, 1)[:-1])
        for target, step, d_i, d_g, d_o, d_h, d_c, h_c, c_i, c_g, h_o, c_c in reversed(
            list(zip(targets, *rows, strict=True))
        ):
            torch.mul(d_h, h_o, out=d_o)
            d_c.addcmul_(d_h, h_c).baddbmm_(d_o, to_cell)
            torch.mul(d_c, c_i, out=d_i)
            torch.mul(d_c, c_g, out=d_g)
            earlier = target[:, : step.shape[1]]
            earlier.baddbmm_(step, to_states)
            earlier[..., width:].addcmul_(d_c, c_c)
        d_weights = torch.bmm(before.transpose(1, 2), d_gates)
        d_peephole = torch.bmm(states[..., width:].transpose(1, 2), d_gates[..., 2 * width :])
        return d_gates, d_weights, d_peephole, d_start, None
