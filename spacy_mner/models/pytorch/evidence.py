"""Document evidence: what the picture says about the whole post, as a bias on the emissions."""

from typing import Optional, Tuple

import torch
from torch import Tensor, nn

from ..types import Features
from .dropout import Dropout
from .standardize import Standardize


class LabelBias(nn.Module):
    """A bias per label from the post's picture: "this post holds a PER / LOC / ...".

    The evidence is linear in the picture's vector and starts at zero, so that a picture says nothing
    until training shows that it should. A gate per token, read from the encoder's output, decides how
    far a token listens.

    nI (int): width of the encoder's output.
    n_labels (int): N.
    image_width (int): D.
    rank (Optional[int]): width of a bottleneck, None = a full linear layer.
    gated (bool): whether each token has a gate; otherwise all tokens of a post get the same bias.
    dropout (Optional[float]): fixed rate, or None to follow `[training] dropout`.
    statistics: mean and standard deviation (D,) of the training pictures.
    """

    def __init__(
        self,
        nI: int,
        n_labels: int,
        image_width: int,
        *,
        rank: Optional[int],
        gated: bool,
        dropout: Optional[float],
        statistics: Optional[Tuple[Tensor, Tensor]],
    ) -> None:
        super().__init__()
        self.standardize = Standardize(image_width, statistics)
        self.dropout = Dropout(dropout)
        self.reduce = nn.Identity() if rank is None else nn.Linear(image_width, rank, bias=False)
        self.scores = nn.Linear(image_width if rank is None else rank, n_labels)
        nn.init.zeros_(self.scores.weight)
        nn.init.zeros_(self.scores.bias)
        self.gate = nn.Linear(nI, 1) if gated else None

    def forward(self, features: Features, hidden: Tensor) -> Tensor:
        """Features of B posts, hidden (B, T, nI) -> bias (B, T, N); zero without a picture."""
        regions = features["regions"].float()
        present = regions.any(1)
        # Several pictures or regions: their mean.
        vector = (features["vectors"] * regions.unsqueeze(-1)).sum(1)
        vector = vector / regions.sum(1, keepdim=True).clamp(min=1.0)
        scores = self.scores(self.reduce(self.dropout(self.standardize(vector))))
        bias = (scores * present.unsqueeze(-1)).unsqueeze(1)
        if self.gate is None:
            return bias.expand(-1, hidden.shape[1], -1)
        return bias * torch.sigmoid(self.gate(hidden))
