"""Evidence architectures for the config."""

from typing import Optional, Sequence

from spacy.tokens import Doc
from torch import nn

from .modalities.images import ImageReader
from .pytorch.evidence import LabelBias
from .types import Features, State


def build_label_bias_v1(
    width: Optional[int] = None,
    rank: Optional[int] = None,
    gated: bool = True,
    dropout: Optional[float] = None,
) -> "ImageEvidence":
    """What the picture says about the labels of the whole post, added to the emissions.

    width (Optional[int]): D; None = that of the training data's vectors.
    rank (Optional[int]): width of a linear bottleneck; None = none.
    gated (bool): let each token decide how far it listens.
    dropout (Optional[float]): rate on the picture's vector; None follows `[training] dropout`.
    RETURNS (ImageEvidence): an evidence.
    """
    return ImageEvidence(width, rank, gated, dropout)


class ImageEvidence:
    """See `build_label_bias_v1`."""

    def __init__(
        self, width: Optional[int], rank: Optional[int], gated: bool, dropout: Optional[float]
    ) -> None:
        self.reader = ImageReader(width, standardize=True)
        self.rank = rank
        self.gated = gated
        self.dropout = dropout

    def initialize(self, docs: Sequence[Doc]) -> None:
        self.reader.initialize(docs)

    def get_state(self) -> State:
        return self.reader.get_state()

    def set_state(self, state: State) -> None:
        self.reader.set_state(state)

    def featurize_docs(self, docs: Sequence[Doc]) -> Features:
        return self.reader.featurize_docs(docs, pool=True)

    def build(self, nI: int, n_labels: int) -> nn.Module:
        return LabelBias(
            nI,
            n_labels,
            self.reader.built_width,
            rank=self.rank,
            gated=self.gated,
            dropout=self.dropout,
            statistics=self.reader.statistics,
        )
