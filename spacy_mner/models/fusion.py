"""Fusion architectures for the config."""

from functools import partial

from ..errors import check_choice
from .pytorch.attention import SQUASH, Concatenate, ModalityAttention
from .types import FusionBuilder


def build_modality_attention_v1(squash: str = "sigmoid") -> FusionBuilder:
    """Modality attention (Eq. 4 and 5).

    squash (str): "sigmoid" (the paper's formula), "tanh" or "none".
    RAISES (ValueError): M006 for another value.
    """
    check_choice("squash", squash, SQUASH)
    return partial(ModalityAttention, squash=squash)


def build_concatenate_v1() -> FusionBuilder:
    """Concatenation: the encoder reads M·p values a token."""
    return Concatenate
