"""Document evidence: what the picture says about the whole post, as a bias on the emissions."""

from typing import Optional, Tuple

import numpy as np
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
    image_width (int): D.
    scores (nn.Module): from the standardized picture (B, D) and its fold (B,) to a score per label.
    gated (bool): whether each token has a gate; otherwise all tokens of a post get the same bias.
    statistics: mean and standard deviation (D,) of the training pictures.
    """

    def __init__(
        self,
        nI: int,
        image_width: int,
        *,
        scores: nn.Module,
        gated: bool,
        statistics: Optional[Tuple[Tensor, Tensor]],
    ) -> None:
        super().__init__()
        self.standardize = Standardize(image_width, statistics)
        self.scores = scores
        self.gate = nn.Linear(nI, 1) if gated else None

    def forward(self, features: Features, hidden: Tensor) -> Tensor:
        """Features of B posts, hidden (B, T, nI) -> bias (B, T, N); zero without a picture."""
        scores = self.scores(self.standardize(features["vectors"]), features["folds"])
        bias = (scores * features["present"].unsqueeze(-1)).unsqueeze(1)
        if self.gate is None:
            return bias.expand(-1, hidden.shape[1], -1)
        return bias * torch.sigmoid(self.gate(hidden))


class JointScores(nn.Module):
    """Scores learnt together with the network: dropout, a bottleneck if set, a linear layer at zero.

    image_width (int): D.
    n_labels (int): N.
    rank (Optional[int]): width of the bottleneck, None = a full linear layer.
    dropout (Optional[float]): fixed rate, or None to follow `[training] dropout`.
    """

    def __init__(
        self, image_width: int, n_labels: int, *, rank: Optional[int], dropout: Optional[float]
    ) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.reduce = nn.Identity() if rank is None else nn.Linear(image_width, rank, bias=False)
        self.linear = nn.Linear(image_width if rank is None else rank, n_labels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, folds: Tensor) -> Tensor:
        """x (B, D) -> (B, N)."""
        return self.linear(self.reduce(self.dropout(x)))


class FittedScores(nn.Module):
    """Scores fitted before training (`cross_fit`), and how far each label's is trusted.

    In training a post is scored by the regression that has not seen its fold, elsewhere by the one
    that has seen all. The trust is a factor per label that starts at zero.

    image_width (int): D.
    n_labels (int): N.
    n_folds (int): K.
    fitted (Optional[ndarray]): (N, K + 1, D + 1) from `cross_fit`; None leaves all scores at zero.
    """

    fitted: Tensor

    def __init__(
        self, image_width: int, n_labels: int, *, n_folds: int, fitted: Optional[np.ndarray]
    ) -> None:
        super().__init__()
        shape = (n_labels, n_folds + 1, image_width + 1)
        start = torch.zeros(shape) if fitted is None else torch.from_numpy(fitted.copy())
        self.register_buffer("fitted", start)
        self.trust = nn.Parameter(torch.zeros(n_labels))

    def forward(self, x: Tensor, folds: Tensor) -> Tensor:
        """x (B, D), folds (B,) -> (B, N)."""
        index = folds + 1 if self.training else torch.zeros_like(folds)
        weights = self.fitted[:, index]  # (N, B, D + 1)
        scores = torch.einsum("bd,nbd->bn", x, weights[..., :-1]) + weights[..., -1].T
        return scores * self.trust
