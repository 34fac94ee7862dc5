"""Modality attention and concatenation: how the modalities of a token become one vector."""

from typing import Callable, Dict, Optional, Tuple

import torch
from torch import Tensor, nn

from ...errors import check_choice

SQUASH: Dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "none": lambda a: a,
}
COMBINE = ("sum", "concatenate")


class ModalityAttention(nn.Module):
    """Weigh the modalities of each token against each other (Moon et al. 2018, Eq. 4 and 5).

    A plain module that other networks can use. With `squash="sigmoid"`, the paper's formula, the
    weights of three present modalities lie in [0.155, 0.576] and those of two in [0.269, 0.731],
    so none can be switched off; "tanh" and "none" widen or lift the bounds.

    n_modalities (int): M.
    width (int): p, the common width of the modalities.
    squash (str): "sigmoid", "tanh" or "none": what is applied to the scores before the softmax.
    combine (str): "sum", the paper's formula, or "concatenate": the weighted modalities side by side, so that
        what one says is not mixed with what another says. The output has width p or M·p.
    """

    def __init__(
        self, n_modalities: int, width: int, *, squash: str = "sigmoid", combine: str = "sum"
    ) -> None:
        super().__init__()
        check_choice("squash", squash, SQUASH)
        check_choice("combine", combine, COMBINE)
        self.squash = squash
        self.combine = combine
        self.nO = width if combine == "sum" else n_modalities * width
        self.scores = nn.Linear(n_modalities * width, n_modalities)

    def forward(self, values: Tensor, present: Tensor) -> Tuple[Tensor, Tensor]:
        """Merge the modalities.

        values (Tensor): (..., M, p). What stands in a missing modality's place is never read.
        present (Tensor): (..., M) bool. The weight of a missing modality is exactly 0; a token
            without any modality becomes the zero vector.
        RETURNS (Tuple[Tensor, Tensor]): x̄ (..., nO) and the weights α (..., M).
        """
        values = values.masked_fill(~present.unsqueeze(-1), 0.0)
        # a_t = σ(W_m · [x^(1); …; x^(M)] + b_m)
        scores = SQUASH[self.squash](self.scores(values.flatten(-2)))
        # α_t = softmax(a_t) over the modalities that are there (Eq. 5 is the case without a picture)
        weights = masked_softmax(scores, present)
        if self.combine == "concatenate":
            return (weights.unsqueeze(-1) * values).flatten(-2), weights
        # x̄_t = Σ_m α_t^(m) x_t^(m)
        return torch.einsum("...m,...mp->...p", weights, values), weights


class Concatenate(nn.Module):
    """Put the modalities of a token side by side: the paper's baseline. A missing one is zero.

    n_modalities (int): M.
    width (int): p. The output has width M·p.
    """

    def __init__(self, n_modalities: int, width: int) -> None:
        super().__init__()
        self.nO = n_modalities * width

    def forward(self, values: Tensor, present: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        """Merge values (..., M, p) into (..., M·p). There are no weights."""
        return values.masked_fill(~present.unsqueeze(-1), 0.0).flatten(-2), None


def masked_softmax(scores: Tensor, present: Tensor) -> Tensor:
    """Softmax over the last dimension where `present`; exactly 0 elsewhere, also where nothing is."""
    scores = scores.masked_fill(~present, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1) * present
