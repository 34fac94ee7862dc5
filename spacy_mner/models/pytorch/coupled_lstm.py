"""The paper's Bi-LSTM (Eq. 1): coupled input and forget gates, full peepholes."""

import math
from typing import List, Optional

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from .coupled_scan import coupled_scan
from .packing import from_other_end, pack, packed_indices, pad


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
        if x.shape[0] == 0 or x.shape[1] == 0:
            return x.new_zeros(*x.shape[:2], self.nO)
        packed = pack(x, mask.sum(1))
        # Each row reversed in its own length, so that both directions start at its first step.
        mirror, _ = packed_indices(packed)
        both = torch.stack([packed.data, from_other_end(packed.data, mirror)])  # (2, N, nI)
        projected = torch.baddbmm(self.biases, both, self.input_weights)
        forwards, backwards = self._scan(projected, packed, initial)
        hidden = torch.cat([forwards, from_other_end(backwards, mirror)], -1)
        return pad(packed._replace(data=hidden), mask)

    def _scan(self, projected: Tensor, packed: PackedSequence, initial: Optional[Tensor]) -> Tensor:
        sizes: List[int] = packed.batch_sizes.tolist()
        if initial is None:
            cells = projected.new_zeros(sizes[0], self.nO // 2)
        else:
            cells = initial if packed.sorted_indices is None else initial[packed.sorted_indices]
        # Every step depends on the one before it: half precision would add up its rounding.
        with torch.autocast(projected.device.type, enabled=False):
            return coupled_scan(
                projected.to(self.biases.dtype),
                self.hidden_weights,
                self.input_peephole,
                self.output_peephole,
                cells.to(self.biases.dtype).expand(2, -1, -1),
                sizes,
            )
