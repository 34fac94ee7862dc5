"""The picture modality, and what it shares with the evidence: reading `Doc._.image_vec`."""

import warnings
from collections import Counter
from typing import List, Optional, Sequence, Tuple

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from ...errors import Errors, Warnings, check_choice
from ..pytorch.images import ImageVectorsModule
from ..pytorch.transform import ACTIVATIONS
from ..types import Features, State

POOLING = ("mean", "attention")


def build_image_vectors_v1(
    width: Optional[int] = None,
    pooling: str = "mean",
    rank: Optional[int] = None,
    standardize: bool = True,
    dropout: Optional[float] = None,
    activation: str = "tanh",
    gated: bool = False,
) -> "ImageVectors":
    """The vector or vectors of a post's picture.

    width (Optional[int]): D; None = that of the training data's vectors.
    pooling (str): how several regions or pictures become one vector: their "mean", or "attention" with
        the token as the query.
    rank (Optional[int]): width of a linear bottleneck before the transform. A wide vector overfits
        a few thousand posts; 16 to 64 is enough.
    standardize (bool): bring each column to mean 0 and variance 1 over the training pictures.
    dropout (Optional[float]): rate on the transform's input; None follows `[training] dropout`.
    activation (str): non-linearity of the transform.
    gated (bool): multiply the transformed picture by a relevance gate in (0, 1) that each token opens
        or closes by what it and the picture are.
    RETURNS (ImageVectors): a doc modality.
    RAISES (ValueError): M006 for an unknown pooling or activation.
    """
    check_choice("pooling", pooling, POOLING)
    check_choice("activation", activation, ACTIVATIONS)
    return ImageVectors(width, pooling, rank, standardize, dropout, activation, gated)


class ImageVectors:
    """See `build_image_vectors_v1`."""

    def __init__(
        self,
        width: Optional[int],
        pooling: str,
        rank: Optional[int],
        standardize: bool,
        dropout: Optional[float],
        activation: str,
        gated: bool,
    ) -> None:
        self.reader = ImageReader(width, standardize=standardize, name="image")
        self.pooling = pooling
        self.rank = rank
        self.dropout = dropout
        self.activation = activation
        self.gated = gated

    def initialize(self, docs: Sequence[Doc]) -> None:
        self.reader.initialize(docs)

    def get_state(self) -> State:
        return self.reader.get_state()

    def set_state(self, state: State) -> None:
        self.reader.set_state(state)

    def featurize_docs(self, docs: Sequence[Doc]) -> Features:
        return self.reader.featurize_docs(docs, pool=self.pooling == "mean")

    def build(self, width: int) -> nn.Module:
        return ImageVectorsModule(
            self.reader.built_width,
            width,
            attend=self.pooling == "attention",
            rank=self.rank,
            dropout=self.dropout,
            activation=self.activation,
            statistics=self.reader.statistics,
            gated=self.gated,
        )


class ImageReader:
    """Reads `Doc._.image_vec` of a batch, checks it, and knows the training pictures' statistics.

    width (Optional[int]): D; None = that of the training data's vectors.
    standardize (bool): whether to measure mean and standard deviation.
    name (str): of the part of the model that looks at them, for warnings.
    """

    # A picture modality that never saw a picture still needs a width to be built.
    FALLBACK_WIDTH = 1

    def __init__(self, width: Optional[int], *, standardize: bool, name: str) -> None:
        self.name = name
        self.fixed_width = width
        self.width = width
        self.standardize = standardize
        self.statistics: Optional[Tuple[Tensor, Tensor]] = None

    @property
    def built_width(self) -> int:
        return self.width or self.FALLBACK_WIDTH

    def initialize(self, docs: Sequence[Doc]) -> None:
        """Take the width and the statistics of the docs' pictures (one mean vector a post).

        RAISES (ValueError): M013 for several widths, M005 for another one than the fixed width.
        """
        self.width, self.statistics = self.fixed_width, None
        vectors = [v for v in map(read_image_vec, docs) if v is not None]
        if not vectors:
            warnings.warn(Warnings.MW002.format(n=len(docs), name=self.name), stacklevel=2)
            return
        if self.width is None:
            widths = Counter(vector.shape[1] for vector in vectors)
            if len(widths) > 1:
                listed = ", ".join(f"{width} ({n} posts)" for width, n in widths.most_common())
                raise ValueError(Errors.M013.format(widths=listed))
            self.width = vectors[0].shape[1]
        means = np.stack([self._check(v).mean(0) for v in vectors])
        if self.standardize:
            std = means.std(0)
            # A column that never changes says nothing; dividing by its deviation would blow it up.
            std[std < 1e-6] = 1.0
            self.statistics = (torch.from_numpy(means.mean(0)), torch.from_numpy(std))

    def get_state(self) -> State:
        return {"width": self.width}

    def set_state(self, state: State) -> None:
        # The statistics are buffers of the module, and come with its weights.
        self.width, self.statistics = state["width"], None

    def featurize_docs(self, docs: Sequence[Doc], *, pool: bool) -> Features:
        """Read the pictures of B posts.

        pool (bool): average each post's regions.
        RETURNS (Features): "vectors" float32 (B, R, D) and "regions" bool (B, R).
        RAISES (ValueError): M004 or M005 for a vector of a wrong shape or width.
        """
        rows: List[Optional[np.ndarray]] = [read_image_vec(doc) for doc in docs]
        if self.width is None and any(row is not None for row in rows):
            # What was never trained would be noise. (And which width should it have?)
            warnings.warn(Warnings.MW004, stacklevel=2)
            rows = [None] * len(rows)
        if pool:
            rows = [
                self._check(row).mean(0, keepdims=True) if row is not None and len(row) > 1 else row
                for row in rows
            ]
        counts = [0 if row is None else len(row) for row in rows]
        vectors = np.zeros((len(docs), max([1, *counts]), self.built_width), dtype=np.float32)
        for i, row in enumerate(rows):
            if row is not None and len(row):
                vectors[i, : len(row)] = self._check(row)
        regions = np.arange(vectors.shape[1]) < np.asarray(counts)[:, None]
        return {"vectors": torch.from_numpy(vectors), "regions": torch.from_numpy(regions)}

    def _check(self, vector: np.ndarray) -> np.ndarray:
        if vector.shape[1] != self.built_width:
            raise ValueError(Errors.M005.format(found=vector.shape[1], expected=self.built_width))
        return vector


def read_image_vec(doc: Doc) -> Optional[np.ndarray]:
    """The picture of a post as a float32 array (R, D) with R ≥ 1, or None.

    A vector with NaN or infinite values counts as no picture, with a warning.

    RAISES (ValueError): M004 for anything that is no array of numbers of one or two dimensions.
    """
    value = doc._.image_vec
    if value is None:
        return None
    try:
        vector = np.asarray(value if not hasattr(value, "get") else value.get(), dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError(Errors.M004.format(found=f"is a {type(value).__name__}")) from None
    if vector.ndim not in (1, 2) or vector.shape[-1] == 0:
        raise ValueError(Errors.M004.format(found=f"has shape {vector.shape}"))
    vector = np.atleast_2d(vector)
    if not len(vector):
        return None
    if not np.isfinite(vector).all():
        warnings.warn(Warnings.MW003, stacklevel=2)
        return None
    return vector
