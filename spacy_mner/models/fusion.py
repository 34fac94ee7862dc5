"""Fusion architectures for the config."""

from functools import partial

from ..errors import check_choice
from .pytorch.attention import COMBINE, SQUASH, Concatenate, ModalityAttention
from .types import FusionBuilder


def build_modality_attention_v1(squash: str = "sigmoid", combine: str = "sum") -> FusionBuilder:
    """Modality attention (Eq. 4 and 5).

    squash (str): "sigmoid" (the paper's formula), "tanh" or "none".
    combine (str): "sum" (the paper's formula) or "concatenate": the weighted modalities side by side.
    RAISES (ValueError): M006 for another value.
    """
    check_choice("squash", squash, SQUASH)
    check_choice("combine", combine, COMBINE)
    return partial(ModalityAttention, squash=squash, combine=combine)


def build_concatenate_v1() -> FusionBuilder:
    """Concatenation: the encoder reads M·p values a token."""
    return Concatenate
