"""Evidence architectures for the config."""

import zlib
from typing import Optional, Sequence, Tuple

import numpy as np
import torch
from spacy.tokens import Doc
from torch import nn

from ..errors import Errors
from .cross_fit import cross_fit
from .modalities.images import ImageReader
from .pytorch.evidence import FittedScores, JointScores, LabelBias
from .types import Features, State


def build_label_bias_v1(
    width: Optional[int] = None,
    rank: Optional[int] = None,
    gated: bool = True,
    dropout: Optional[float] = None,
    n_folds: int = 0,
) -> "ImageEvidence":
    """What the picture says about the labels of the whole post, added to the emissions.

    width (Optional[int]): D; None = that of the training data's vectors.
    rank (Optional[int]): width of a linear bottleneck; None = none.
    gated (bool): let each token decide how far it listens.
    dropout (Optional[float]): rate on the picture's vector; None follows `[training] dropout`.
    n_folds (int): 0 learns the labels' scores together with the network. 2 or more fits them before
        training, out of fold: "this post holds a PER", one ridge regression a label; the network
        learns no more than how far to trust each. `rank` and `dropout` do not apply then.
    RETURNS (ImageEvidence): an evidence.
    RAISES (ValueError): M011 for a single fold.
    """
    if n_folds < 0 or n_folds == 1:
        raise ValueError(
            Errors.M011.format(setting="n_folds", value=n_folds, range="0, or 2 or more")
        )
    return ImageEvidence(width, rank, gated, dropout, n_folds)


class ImageEvidence:
    """See `build_label_bias_v1`."""

    def __init__(
        self,
        width: Optional[int],
        rank: Optional[int],
        gated: bool,
        dropout: Optional[float],
        n_folds: int,
    ) -> None:
        self.reader = ImageReader(width, standardize=True, name="evidence")
        self.rank = rank
        self.gated = gated
        self.dropout = dropout
        self.n_folds = n_folds
        self.fitted: Optional[np.ndarray] = None

    def initialize(self, docs: Sequence[Doc], post_labels: Optional[np.ndarray]) -> None:
        self.reader.initialize(docs)
        self.fitted = None
        if self.n_folds and post_labels is not None and self.reader.statistics is not None:
            x, folds, present = self._read(docs)
            kept = present & ~np.isnan(post_labels).any(1)
            mean, std = (value.numpy() for value in self.reader.statistics)
            if kept.any():
                x = ((x[kept] - mean) / std).astype(np.float64)
                self.fitted = cross_fit(x, post_labels[kept], folds[kept], self.n_folds)

    def get_state(self) -> State:
        return self.reader.get_state()

    def set_state(self, state: State) -> None:
        # What was fitted comes with the module's weights.
        self.reader.set_state(state)
        self.fitted = None

    def featurize_docs(self, docs: Sequence[Doc]) -> Features:
        x, folds, present = self._read(docs)
        return {
            "vectors": torch.from_numpy(x),
            "present": torch.from_numpy(present),
            "folds": torch.from_numpy(folds),
        }

    def build(self, nI: int, n_labels: int) -> nn.Module:
        width = self.reader.built_width
        scores: nn.Module
        if self.n_folds:
            # A label that was added later has no fit: its evidence stays silent.
            known = self.fitted is not None and len(self.fitted) == n_labels
            scores = FittedScores(
                width, n_labels, n_folds=self.n_folds, fitted=self.fitted if known else None
            )
        else:
            scores = JointScores(width, n_labels, rank=self.rank, dropout=self.dropout)
        return LabelBias(
            nI, width, scores=scores, gated=self.gated, statistics=self.reader.statistics
        )

    def _read(self, docs: Sequence[Doc]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vectors (B, D), folds (B,) and presence (B,). Equal pictures share their fold: it is a hash
        of the vector."""
        features = self.reader.featurize_docs(docs, pool=True)
        x = features["vectors"][:, 0].numpy()
        present = features["regions"][:, 0].numpy()
        folds = [zlib.crc32(row.tobytes()) % max(1, self.n_folds) for row in x]
        return x, np.asarray(folds, dtype=np.int64), present
