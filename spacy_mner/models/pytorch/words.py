"""The network of the word modality."""

from typing import Optional, Tuple

import torch
from torch import Tensor, nn

from ..types import Features
from .dropout import Dropout
from .transform import Transform


class WordVectorsModule(nn.Module):
    """Table vector + trainable residual, and the shape class, through the transform σ_w.

    nI (int): width D of the word vectors.
    nO (int): common width p.
    n_rows (int): trainable rows, row 0 being "none"; 0 = frozen vectors only.
    n_shapes (int): number of shape classes.
    shape_width (int): width of the shape embedding; 0 = none.
    mask_unknown (bool): an unknown word is missing rather than its filler vector.
    word_dropout (float): probability that a form becomes unknown in training.
    dropout (Optional[float]): rate on the transform's input.
    activation (str): non-linearity.
    """

    def __init__(
        self,
        nI: int,
        nO: int,
        *,
        n_rows: int,
        n_shapes: int,
        shape_width: int,
        mask_unknown: bool,
        word_dropout: float,
        dropout: Optional[float],
        activation: str,
    ) -> None:
        super().__init__()
        self.mask_unknown = mask_unknown
        self.word_dropout = word_dropout
        self.residual = nn.Embedding(n_rows, nI, padding_idx=0) if n_rows else None
        if self.residual is not None:
            # A residual starts at nothing, so that an untrained row is exactly the table's vector.
            nn.init.zeros_(self.residual.weight)
        self.shapes = nn.Embedding(n_shapes, shape_width) if shape_width else None
        self.dropout = Dropout(dropout)
        self.transform = Transform(nI + shape_width, nO, activation=activation)

    def forward(self, features: Features) -> Tuple[Tensor, Tensor]:
        """Features of U forms -> values (U, p), present (U,)."""
        x, known = features["vectors"], features["known"]
        if self.residual is not None:
            x = x + self.residual(features["rows"])
        if self.training and self.word_dropout > 0:
            kept = torch.rand(known.shape, device=known.device) >= self.word_dropout
            x = x * kept.unsqueeze(-1)
            known = known & kept
        if self.shapes is not None:
            x = torch.cat([x, self.shapes(features["shapes"])], dim=-1)
        present = known if self.mask_unknown else torch.ones_like(known)
        return self.transform(self.dropout(x)), present
