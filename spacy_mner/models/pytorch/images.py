"""The network of the picture modality."""

from typing import Optional, Tuple

import torch
from torch import Tensor, nn

from ..types import Features
from .attention import masked_softmax
from .dropout import Dropout
from .standardize import Standardize
from .transform import Transform


class ImageVectorsModule(nn.Module):
    """The picture's regions, pooled, through the transform σ_v; the same for every token or not.

    nI (int): width D of the picture's vectors.
    nO (int): common width p.
    attend (bool): pool by attention with the token as the query (scaled dot product); otherwise by
        the mean, which is the same for every token.
    rank (Optional[int]): width of a linear bottleneck.
    dropout (Optional[float]), activation (str): of the transform.
    statistics (Optional[Tuple[Tensor, Tensor]]): mean and standard deviation (D,).
    gated (bool): with a relevance gate, g_t = σ(w · [q_t; v_t] + b) for token t with the query q_t and
        the transformed picture v_t; g_t v_t goes on (the scalar form of the filtration gate of
        Zhang et al. 2018).
    """

    def __init__(
        self,
        nI: int,
        nO: int,
        *,
        attend: bool,
        rank: Optional[int],
        dropout: Optional[float],
        activation: str,
        statistics: Optional[Tuple[Tensor, Tensor]],
        gated: bool = False,
    ) -> None:
        super().__init__()
        self.standardize = Standardize(nI, statistics)
        self.dropout = Dropout(dropout)
        self.reduce = nn.Identity() if rank is None else nn.Linear(nI, rank, bias=False)
        width = nI if rank is None else rank
        self.transform = Transform(width, nO, activation=activation)
        self.query = nn.Linear(nO, width, bias=False) if attend else None
        self.gate = nn.Linear(2 * nO, 1) if gated else None

    def forward(self, features: Features, query: Tensor) -> Tuple[Tensor, Tensor]:
        """Features of B posts, query (B, T, p) -> values (B, T, p), present (B, T)."""
        regions = features["regions"]
        n_tokens = query.shape[1]
        x = self.reduce(self.dropout(self.standardize(features["vectors"])))
        # A region that is padding is never read.
        x = x.masked_fill(~regions.unsqueeze(-1), 0.0)
        present = regions.any(1, keepdim=True).expand(-1, n_tokens)
        if self.query is None:
            mean = x.sum(1) / regions.sum(1, keepdim=True).clamp(min=1)
            values = self.transform(mean).unsqueeze(1).expand(-1, n_tokens, -1)
        else:
            scores = torch.einsum("btk,brk->btr", self.query(query), x) / x.shape[-1] ** 0.5
            weights = masked_softmax(scores, regions.unsqueeze(1).expand_as(scores))
            values = self.transform(torch.einsum("btr,brk->btk", weights, x))
        if self.gate is not None:
            values = values * torch.sigmoid(self.gate(torch.cat([query, values], dim=-1)))
        return values, present
