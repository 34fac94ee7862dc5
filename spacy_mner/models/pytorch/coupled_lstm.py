"""The paper's Bi-LSTM (Eq. 1): coupled input and forget gates, full peepholes."""

import math
from typing import List, Optional

import torch
from torch import Tensor, nn

from .mirror import mirror


class CoupledBiLSTM(nn.Module):
    """Bi-directional LSTM after Eq. 1 (Moon et al. 2018; Lample et al. 2016).

        i_t = σ(W_xi x_t + W_hi h_{t-1} + W_ci c_{t-1} + b_i)
        c_t = (1 - i_t) ⊙ c_{t-1} + i_t ⊙ tanh(W_xc x_t + W_hc h_{t-1} + b_c)
        o_t = σ(W_xo x_t + W_ho h_{t-1} + W_co c_t + b_o)
        h_t = o_t ⊙ tanh(c_t)

    As decided: the paper's input gate lacks its x_t (a misprint); the peepholes W_ci and W_co are
    full matrices.

    nI (int): input width.
    nO_per_direction (int): H, the width of each direction; the output's width `nO` is 2H.
    """

    def __init__(self, nI: int, nO_per_direction: int) -> None:
        super().__init__()
        width = nO_per_direction
        self.nO = 2 * width
        # Both directions in one tensor, and the gates side by side in the order i, c, o.
        self.input_weights = nn.Parameter(torch.empty(2, nI, 3 * width))
        self.biases = nn.Parameter(torch.zeros(2, 1, 3 * width))
        self.hidden_weights = nn.Parameter(torch.empty(2, width, 3 * width))
        self.input_peephole = nn.Parameter(torch.empty(2, width, width))
        self.output_peephole = nn.Parameter(torch.empty(2, width, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier keeps the variance of the inputs' sums, orthogonal recurrent matrices keep the
        state's norm over many steps; each gate's matrix is drawn on its own."""
        width = self.nO // 2
        with torch.no_grad():
            for direction in range(2):
                for gate in self.input_weights[direction].split(width, 1):
                    # (nI, H) is transposed against torch's convention, which Xavier does not mind.
                    bound = math.sqrt(6 / (gate.shape[0] + width))
                    gate.uniform_(-bound, bound)
                for gate in self.hidden_weights[direction].split(width, 1):
                    gate.copy_(nn.init.orthogonal_(torch.empty(width, width)))
                nn.init.orthogonal_(self.input_peephole[direction])
                nn.init.orthogonal_(self.output_peephole[direction])
            self.biases.zero_()

    def forward(self, x: Tensor, mask: Tensor, initial: Optional[Tensor] = None) -> Tensor:
        """Read each row from both ends.

        x (Tensor): (B, T, nI).
        mask (Tensor): (B, T) bool, padding on the right.
        initial (Optional[Tensor]): (B, H) cell state both directions start from (the picture as
            the initial state, §3.1); None is zero.
        RETURNS (Tensor): (B, T, 2H), 0 on padding.
        """
        n_rows, n_steps, _ = x.shape
        if n_rows == 0 or n_steps == 0:
            return x.new_zeros(n_rows, n_steps, self.nO)
        # Each row reversed in its own length, so that both directions start at index 0.
        index = mirror(mask.sum(1), n_steps).T[:, :, None]
        rows = x.transpose(0, 1)
        both = torch.stack([rows, rows.gather(0, index.expand_as(rows))])  # (2, T, B, nI)
        projected = torch.baddbmm(self.biases, both.flatten(1, 2), self.input_weights)
        steps = projected.view(2, n_steps, n_rows, -1).unbind(1)

        hidden = self._loop(steps, initial)  # (T, 2, B, H)
        forward, backward = hidden.unbind(1)
        backward = backward.gather(0, index.expand_as(backward))
        output = torch.cat([forward, backward], -1).transpose(0, 1)
        return output.masked_fill(~mask[:, :, None], 0.0)

    def _loop(self, steps: "tuple[Tensor, ...]", initial: Optional[Tensor]) -> Tensor:
        width = self.nO // 2
        hidden = steps[0].new_zeros(*steps[0].shape[:2], width)
        cell = hidden if initial is None else initial.to(hidden.dtype).expand_as(hidden)
        # h and c in one product for all that looks at c_{t-1}; W_co waits for c_t.
        no_peephole = torch.zeros_like(self.input_peephole)
        peepholes = torch.cat([self.input_peephole, no_peephole, no_peephole], 2)
        weights = torch.cat([self.hidden_weights, peepholes], 1)  # (2, 2H, 3H)
        outputs: List[Tensor] = []
        for step in steps:
            gates = torch.baddbmm(step, torch.cat([hidden, cell], 2), weights)
            i, candidate, o = gates.split(width, 2)
            cell = torch.lerp(cell, candidate.tanh(), i.sigmoid())
            o = torch.baddbmm(o, cell, self.output_peephole)
            hidden = o.sigmoid() * cell.tanh()
            outputs.append(hidden)
        return torch.stack(outputs)
