"""Encoder architectures for the config."""

from functools import partial
from typing import Optional

from .pytorch.bilstm import BiLSTM
from .pytorch.coupled_lstm import CoupledBiLSTM
from .pytorch.encoder import RecurrentEncoder
from .types import EncoderBuilder


def build_bilstm_v1(
    hidden_width: int = 100, depth: int = 1, dropout: Optional[float] = None
) -> EncoderBuilder:
    """A standard Bi-LSTM.

    hidden_width (int): width of each direction.
    depth (int): number of layers.
    dropout (Optional[float]): rate on input and output; None follows `[training] dropout`.
    """
    return partial(_build_bilstm, hidden_width=hidden_width, depth=depth, dropout=dropout)


def build_coupled_bilstm_v1(
    hidden_width: int = 100, dropout: Optional[float] = None
) -> EncoderBuilder:
    """The paper's cell (Eq. 1): coupled input and forget gates, full peepholes.

    hidden_width (int): width of each direction.
    dropout (Optional[float]): rate on input and output; None follows `[training] dropout`.
    """
    return partial(_build_coupled_bilstm, hidden_width=hidden_width, dropout=dropout)


def _build_bilstm(
    nI: int, *, hidden_width: int, depth: int, dropout: Optional[float]
) -> RecurrentEncoder:
    return RecurrentEncoder(BiLSTM(nI, hidden_width, depth=depth), dropout=dropout)


def _build_coupled_bilstm(
    nI: int, *, hidden_width: int, dropout: Optional[float]
) -> RecurrentEncoder:
    network = CoupledBiLSTM(nI, hidden_width)
    return RecurrentEncoder(network, dropout=dropout, state_width=hidden_width)
