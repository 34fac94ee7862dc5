"""Decoder architectures for the config."""

from functools import partial

from .pytorch.decoder import CRFDecoder, MultitaskCRFDecoder
from .types import DecoderBuilder


def build_crf_v1(constrain_training: bool = False) -> DecoderBuilder:
    """A linear-chain CRF over BIO tags.

    constrain_training (bool): exclude illegal sequences from the loss as well as from decoding.
    """
    return partial(CRFDecoder, constrain_training=constrain_training)


def build_multitask_crf_v1(constrain_training: bool = False) -> DecoderBuilder:
    """A CRF over BIO tags with a second, untyped head (Aguilar et al. 2017).

    constrain_training (bool): as in `build_crf_v1`.
    """
    return partial(MultitaskCRFDecoder, constrain_training=constrain_training)
