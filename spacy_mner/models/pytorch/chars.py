"""The networks of the character modality."""

from typing import Optional, Tuple

import torch
from torch import Tensor, nn

from ..types import Features
from .bilstm import BiLSTM
from .dropout import Dropout
from .transform import Transform


class CharBiLSTMModule(nn.Module):
    """Last states of a Bi-LSTM over a word's characters, through the transform σ_c.

    n_chars (int): size of the alphabet with padding and unknown.
    nO (int): common width p.
    embed_width (int), hidden_width (int): widths of the embedding and of each direction.
    dropout (Optional[float]), activation (str): of the transform.
    """

    def __init__(
        self,
        n_chars: int,
        nO: int,
        *,
        embed_width: int,
        hidden_width: int,
        dropout: Optional[float],
        activation: str,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_chars, embed_width, padding_idx=0)
        self.lstm = BiLSTM(embed_width, hidden_width)
        self.dropout = Dropout(dropout)
        self.transform = Transform(2 * hidden_width, nO, activation=activation)

    def forward(self, features: Features) -> Tuple[Tensor, Tensor]:
        """Features of U forms -> values (U, p), present (U,): every form has characters."""
        chars, lengths = features["chars"], features["lengths"]
        present = lengths > 0
        if chars.numel() == 0:
            empty = self.embedding.weight.new_zeros(len(lengths), self.transform.linear.in_features)
            return self.transform(empty), present
        last = self.lstm.last(self.embedding(chars), lengths)
        return self.transform(self.dropout(last)), present


class CharCNNModule(nn.Module):
    """Max-pooled convolution over a word's characters, through the transform σ_c.

    n_chars (int): size of the alphabet with padding and unknown.
    nO (int): common width p.
    embed_width (int), n_filters (int), window (int): see `build_char_cnn_v1`.
    dropout (Optional[float]), activation (str): of the transform.
    """

    def __init__(
        self,
        n_chars: int,
        nO: int,
        *,
        embed_width: int,
        n_filters: int,
        window: int,
        dropout: Optional[float],
        activation: str,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_chars, embed_width, padding_idx=0)
        self.convolution = nn.Conv1d(embed_width, n_filters, window, padding=window // 2)
        self.dropout = Dropout(dropout)
        self.transform = Transform(n_filters, nO, activation=activation)

    def forward(self, features: Features) -> Tuple[Tensor, Tensor]:
        """Features of U forms -> values (U, p), present (U,)."""
        chars, lengths = features["chars"], features["lengths"]
        present = lengths > 0
        if chars.numel() == 0:
            empty = self.embedding.weight.new_zeros(len(lengths), self.transform.linear.in_features)
            return self.transform(empty), present
        maps = self.convolution(self.embedding(chars).transpose(1, 2))
        # Padding never wins the maximum, so that it cannot change a result.
        padding = chars.eq(0).unsqueeze(1)
        pooled = maps.masked_fill(padding, torch.finfo(maps.dtype).min).amax(dim=2)
        return self.transform(self.dropout(pooled)), present
