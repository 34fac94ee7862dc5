"""The loss of a batch of examples: gold tags, and what is known of them, against the model's scores."""

from typing import Sequence

import numpy as np
import torch
from spacy.training import Example
from torch import Tensor

from ..models.types import Decoder, TaggerOutput
from ..tags import UNKNOWN_TAG, gold_tags


def mean_loss(
    decoder: Decoder, scores: TaggerOutput, examples: Sequence[Example], labels: Sequence[str]
) -> Tensor:
    """Mean negative log-likelihood a post of the gold tags (Eq. 3).

    A token without annotation allows every tag: the loss sums over them.

    decoder (Decoder): of the model.
    scores (TaggerOutput): the model's output for the predicted docs.
    examples (Sequence[Example]): B examples.
    labels (Sequence[str]): the component's.
    RETURNS (Tensor): scalar.
    RAISES (ValueError): M012 for an entity whose label is not among them.
    """
    label_ids = {label: i for i, label in enumerate(labels)}
    tags = np.full(scores.mask.shape, UNKNOWN_TAG, dtype=np.int64)
    for row, eg in zip(tags, examples, strict=True):
        if len(eg.predicted):
            row[: len(eg.predicted)] = gold_tags(eg, label_ids)
    known = torch.from_numpy(tags).to(scores.mask.device).unsqueeze(-1)
    allowed = (known == torch.arange(decoder.n_tags, device=known.device)) | (known < 0)
    losses = decoder.loss(scores.emissions, scores.mask, allowed)
    # The loss of an empty doc is 0, and it is no post.
    return losses.sum() / scores.mask.any(1).sum().clamp(min=1)
