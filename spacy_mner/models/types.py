"""What the parts of a `MultimodalTagger` must provide.

The parts are Protocols: anybody's class that has these attributes plugs in, without inheriting.
Shapes: B posts, T tokens (padded), U unique word forms of a batch, M modalities, p = `width`,
L tags, N labels.
"""

from dataclasses import dataclass, field
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    runtime_checkable,
)

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab
from torch import Tensor, nn

Features = Dict[str, Tensor]
# What a part learnt from the training data, as values that JSON can hold.
State = Dict[str, Any]


@runtime_checkable
class FormModality(Protocol):
    """A modality whose output depends on the word form alone: words, characters.

    Its module maps `Features` of U forms to values (U, p) and presence (U,) bool.
    """

    def initialize(self, docs: Sequence[Doc]) -> None: ...

    def get_state(self) -> State: ...

    def set_state(self, state: State) -> None: ...

    def featurize_forms(self, forms: Sequence[str], vocab: Vocab) -> Features: ...

    def build(self, width: int) -> nn.Module: ...


@runtime_checkable
class DocModality(Protocol):
    """A modality whose features belong to the whole post: the picture.

    Its module maps `Features` of B posts and a query (B, T, p), the mean of the token's other
    modalities, to values (B, T, p) and presence (B, T) bool.
    """

    def initialize(self, docs: Sequence[Doc]) -> None: ...

    def get_state(self) -> State: ...

    def set_state(self, state: State) -> None: ...

    def featurize_docs(self, docs: Sequence[Doc]) -> Features: ...

    def build(self, width: int) -> nn.Module: ...


@runtime_checkable
class Evidence(Protocol):
    """What a post says about the labels as a whole; its module maps `Features` of B posts and the
    encoder's output (B, T, nI) to a bias (B, T, N), one value a label.

    `initialize` also gets what the training posts hold: (n_docs, N) 1 where the post has an entity of
    the label, NaN where that is not annotated; None where the model is initialized without it."""

    def initialize(self, docs: Sequence[Doc], post_labels: Optional[np.ndarray]) -> None: ...

    def get_state(self) -> State: ...

    def set_state(self, state: State) -> None: ...

    def featurize_docs(self, docs: Sequence[Doc]) -> Features: ...

    def build(self, nI: int, n_labels: int) -> nn.Module: ...


@runtime_checkable
class Decoder(Protocol):
    """From the encoder's output to emissions, loss, tags and probabilities; also an `nn.Module`.

    See `models.pytorch.decoder.CRFDecoder` for the shapes.
    """

    n_tags: int

    def loss(self, emissions: Tensor, mask: Tensor, allowed: Tensor) -> Tensor: ...

    def decode(
        self, emissions: Tensor, mask: Tensor, allowed: Optional[Tensor] = None
    ) -> Tensor: ...

    def span_log_probs(
        self,
        emissions: Tensor,
        mask: Tensor,
        spans: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor: ...


@runtime_checkable
class SequenceDecoder(Decoder, Protocol):
    """A decoder that also says how probable tags and whole sequences are. Both of ours do; a pipeline
    can do without until it is asked for `marginals`, `n_best` or `log_probability`."""

    def marginals(
        self,
        emissions: Tensor,
        mask: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor: ...

    def n_best(
        self,
        emissions: Tensor,
        mask: Tensor,
        k: int,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tuple[Tensor, Tensor]: ...

    def log_prob(
        self,
        emissions: Tensor,
        mask: Tensor,
        given: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor: ...


# (n_modalities, width) -> module: values (B, T, M, p), present (B, T, M) ->
# merged (B, T, nO), weights (B, T, M) or None. The module has an attribute `nO`.
FusionBuilder = Callable[[int, int], nn.Module]
# (nI) -> module: x (B, T, nI), mask (B, T) -> (B, T, nO). The module has an attribute `nO`. One that
# can be given an initial state says its width in `state_width`, and takes it as a third argument
# (B, state_width).
EncoderBuilder = Callable[[int], nn.Module]
# (nI, labels) -> module that maps hidden (B, T, nI) to emissions, and is a `Decoder`.
DecoderBuilder = Callable[[int, Sequence[str]], nn.Module]


@dataclass
class Batch:
    """The input of the torch module for one batch of posts.

    lengths (List[int]): number of tokens of each post.
    mask (Tensor): (B, T) bool, True on real tokens.
    form_index (Tensor): (B, T) long into the rows of the forms' table.
    forms (Dict[str, Features]): features of the forms that must be computed, by modality.
    new_slots (Optional[Tensor]): (U,) where the computed forms go in the cache; None = no cache.
    docs (Dict[str, Features]): features of the posts, by modality.
    initial_state (Optional[Features]): features of the posts for the encoder's initial state.
    evidence (Optional[Features]): features of the posts for the evidence.
    """

    lengths: List[int]
    mask: Tensor
    form_index: Tensor
    forms: Dict[str, Features] = field(default_factory=dict)
    new_slots: Optional[Tensor] = None
    docs: Dict[str, Features] = field(default_factory=dict)
    initial_state: Optional[Features] = None
    evidence: Optional[Features] = None


@dataclass
class TaggerOutput:
    """What the torch module says about a batch.

    emissions (Tensor): (B, T, nO) scores of the tags, as the decoder made them.
    mask (Tensor): (B, T) bool.
    weights (Optional[Tensor]): (B, T, M) modality weights; None where the fusion has none.
    """

    emissions: Tensor
    mask: Tensor
    weights: Optional[Tensor] = None


# Probability that a modality is made to miss in training, by its name.
ModalityDropout = Dict[str, float]


def to_device(features: Features, device: torch.device) -> Features:
    """Move a modality's features to the device of the module."""
    return {name: value.to(device, non_blocking=True) for name, value in features.items()}
