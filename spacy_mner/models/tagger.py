"""`spacy_mner.MultimodalTagger.v1`: a Thinc model around the torch module."""

import contextlib
from typing import Any, Callable, Collection, Dict, Iterator, List, Optional, Sequence, Tuple, cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, PyTorchGradScaler
from thinc.types import Floats2d
from thinc.util import torch2xp, xp2torch
from torch import Tensor

from ..errors import Errors, check_choice
from .blueprint import Blueprint
from .featurize import featurize
from .pytorch.decoder import copy_labels
from .pytorch.dropout import set_dropout
from .pytorch.tagger import MultimodalTagger
from .pytorch.transform import ACTIVATIONS
from .shim import TaggerShim, limit_threads_after_fork
from .types import (
    Decoder,
    DecoderBuilder,
    DocModality,
    EncoderBuilder,
    Evidence,
    FormModality,
    FusionBuilder,
    TaggerOutput,
)


def build_multimodal_tagger_v1(
    # Any: the config system cannot check Protocols inside a dict; we do so below.
    modalities: Dict[str, Any],
    fusion: FusionBuilder,
    encoder: EncoderBuilder,
    decoder: DecoderBuilder,
    tok2vec: Optional[Model[List[Doc], List[Floats2d]]] = None,
    evidence: Optional[Evidence] = None,
    initial_state: Optional[Any] = None,
    width: int = 150,
    post_dropout: Optional[Dict[str, float]] = None,
    token_dropout: Optional[Dict[str, float]] = None,
    context_activation: str = "tanh",
    context_dropout: Optional[float] = None,
    mixed_precision: bool = False,
    grad_scaler: Optional[PyTorchGradScaler] = None,
    cache_size: int = 20_000,
    learn_rate_factor: float = 1.0,
) -> Model[List[Doc], TaggerOutput]:
    """Build the multimodal tagger (Moon et al. 2018, Figure 2).

    modalities (Dict[str, Optional[Modality]]): what is known about a token, by name; None takes away
        one that the default config of the component brings.
    fusion (FusionBuilder): merges the modalities of a token.
    encoder (EncoderBuilder): reads the row of merged tokens.
    decoder (DecoderBuilder): labels it.
    tok2vec (Optional[Model]): any spaCy tok2vec, listener or transformer: the modality "context".
    evidence (Optional[Evidence]): what the post says about the labels as a whole.
    initial_state (Optional[DocModality]): what the encoder starts from, such as the picture (§3.1: "only
        as an initial input"); it needs an encoder that takes an initial state.
    width (int): p, the common width of the modalities.
    post_dropout (Optional[Dict[str, float]]): in training, the probability that a modality is missing
        from a whole post, by modality.
    token_dropout (Optional[Dict[str, float]]): the same for single tokens.
    context_activation (str): non-linearity of the context's transform.
    context_dropout (Optional[float]): dropout on the context; None follows `[training] dropout`.
    mixed_precision (bool): half precision on a GPU.
    grad_scaler (Optional[PyTorchGradScaler]): see Thinc; for mixed precision.
    cache_size (int): number of word forms of which features, and in prediction vectors, are kept; 0 = none.
    learn_rate_factor (float): how many times faster than `[training.optimizer] learn_rate` everything but
        `tok2vec` learns. The one optimizer of a pipeline then has the rate of a pretrained transformer.
    RETURNS (Model[List[Doc], TaggerOutput]): its backprop callback takes the loss, a scalar tensor.
    RAISES (ValueError): M006 for an unknown name or value, M009 for a part without its protocol, M011 for a
        number out of range.
    """
    if learn_rate_factor <= 0:
        raise ValueError(
            Errors.M011.format(
                setting="learn_rate_factor", value=learn_rate_factor, range="above 0"
            )
        )
    left_out = {k for k, m in modalities.items() if m is None}
    forms = {k: m for k, m in modalities.items() if isinstance(m, FormModality)}
    docs = {k: m for k, m in modalities.items() if isinstance(m, DocModality)}
    for name in set(modalities) - left_out - set(forms) - set(docs):
        raise ValueError(
            Errors.M009.format(kind=name, problem="it is no FormModality or DocModality")
        )
    if initial_state is not None and not isinstance(initial_state, DocModality):
        raise ValueError(Errors.M009.format(kind="initial_state", problem="it is no DocModality"))
    check_choice("context_activation", context_activation, ACTIVATIONS)
    blueprint = Blueprint(
        forms=forms,
        docs=docs,
        fusion=fusion,
        encoder=encoder,
        decoder=decoder,
        evidence=evidence,
        initial_state=initial_state,
        width=width,
        context_activation=context_activation,
        context_dropout=context_dropout,
        post_dropout=_rates(post_dropout, "post_dropout", left_out),
        token_dropout=_rates(token_dropout, "token_dropout", left_out),
        cache_size=cache_size,
    )
    blueprint.check_names(tok2vec is not None)
    return Model(
        "multimodal_tagger",
        forward,
        init=init,
        layers=[] if tok2vec is None else [tok2vec],
        refs={"tok2vec": tok2vec},
        shims=[
            TaggerShim(
                blueprint,
                mixed_precision=mixed_precision,
                grad_scaler=grad_scaler,
                learn_rate_factor=learn_rate_factor,
            )
        ],
        attrs={"dropout_rate": 0.0, "resize_output": resize_output},
    )


def forward(
    model: Model[List[Doc], TaggerOutput], docs: List[Doc], is_train: bool
) -> Tuple[TaggerOutput, Callable[[Tensor], None]]:
    """Score the tags of B docs, at least one of which has tokens."""
    shim = get_shim(model)
    module = shim.module
    # Before tok2vec, which may be torch's, too.
    limit_threads_after_fork()
    context, backprop_tok2vec = _context(model, docs, is_train, shim.device)
    cache = None if is_train else module.cache
    if is_train:
        set_dropout(module, model.attrs["dropout_rate"])
    # One thread at a time: another one must not meet slots that are given out but not filled yet.
    with shim.lock:
        try:
            batch = featurize(shim.blueprint, docs, shim.device, cache=cache)
            output, backprop_torch = shim(ArgsKwargs(args=(batch, context), kwargs={}), is_train)
        except BaseException:
            # Nor must the next batch, also where the user interrupted this one.
            module.cache.clear()
            raise

    def backprop(loss: Tensor) -> None:
        ones = torch.ones_like(loss)
        backprop_torch(ArgsKwargs(args=((loss,),), kwargs={"grad_tensors": (ones,)}))
        if backprop_tok2vec is not None and context is not None:
            gradient = context.grad if context.grad is not None else torch.zeros_like(context)
            backprop_tok2vec([torch2xp(gradient[i, :n]) for i, n in enumerate(batch.lengths)])

    return output, backprop


def init(
    model: Model[List[Doc], TaggerOutput],
    X: Optional[List[Doc]] = None,
    Y: Optional[np.ndarray] = None,
) -> None:
    """Initialize tok2vec, let the parts learn from the docs X, and build the module.

    The labels must have been set with `set_labels`. Without docs nothing happens. Y is what the docs
    hold, (n_docs, N): see `types.Evidence`.
    """
    if not X:
        return
    blueprint = get_shim(model).blueprint
    tok2vec = model.get_ref("tok2vec") if model.has_ref("tok2vec") else None
    if tok2vec is not None:
        sample = [doc for doc in X if len(doc)][:10]
        tok2vec.initialize(X=sample)
        if tok2vec.has_dim("nO"):
            blueprint.context_width = tok2vec.get_dim("nO")
        else:
            blueprint.context_width = tok2vec.predict(sample[:1])[0].shape[1]
    blueprint.initialize(X, Y)
    get_shim(model).build()


def resize_output(model: Model[List[Doc], TaggerOutput], labels: Sequence[str]) -> None:
    """Give an initialized model more labels; what it knows about the old ones stays."""
    shim = get_shim(model)
    old, old_labels = shim.module, list(shim.blueprint.labels)
    shim.blueprint.labels = list(labels)
    new = shim.blueprint.build()
    state = {
        name: value
        for name, value in old.state_dict().items()
        if value.shape == new.state_dict()[name].shape
    }
    new.load_state_dict(state, strict=False)
    copy_labels(old.decoder, new.decoder, old_labels, labels)
    if old.evidence is not None and new.evidence is not None:
        kept = [(old_labels.index(x), i) for i, x in enumerate(labels) if x in old_labels]
        _copy_rows(old.evidence, new.evidence, kept)
    # Thinc's current ops may be others than when it was loaded.
    shim.set_module(new, shim.device)


def set_labels(model: Model[List[Doc], TaggerOutput], labels: Sequence[str]) -> None:
    """Set the labels that `initialize` builds the module for."""
    get_shim(model).blueprint.labels = list(labels)


def get_tagger(model: Model[List[Doc], TaggerOutput]) -> MultimodalTagger:
    """The torch module of an initialized model.

    RAISES (ValueError): M001 before initialization.
    """
    return get_shim(model).module


@contextlib.contextmanager
def missing_modalities(
    model: Model[List[Doc], TaggerOutput], names: Collection[str]
) -> Iterator[None]:
    """Predict as if modalities were missing from every token: what are they worth to a trained model?

    Other threads wait with their predictions until the block ends. To take the picture away wherever it
    enters, also as evidence or initial state, take it away from the posts (`pictures.with_pictures`).

    model (Model): an initialized tagger.
    names (Collection[str]): names of modalities, such as "word".
    RAISES (ValueError): M001 before initialization, M006 for a modality that the model has not.
    """
    shim = get_shim(model)
    tagger = shim.module
    for name in names:
        check_choice("modality", name, tagger.modality_names)
    with shim.lock:
        before = tagger.missing
        tagger.missing = before | frozenset(names)
        # Merged forms are cached, and merge other modalities now.
        tagger.cache.clear()
        try:
            yield
        finally:
            tagger.missing = before
            tagger.cache.clear()


def get_decoder(model: Model[List[Doc], TaggerOutput]) -> Decoder:
    """The decoder of an initialized model.

    RAISES (ValueError): M001 before initialization.
    """
    return cast(Decoder, get_tagger(model).decoder)


def get_shim(model: Model[List[Doc], TaggerOutput]) -> TaggerShim:
    """The model's shim."""
    shim = model.shims[0]
    if not isinstance(shim, TaggerShim):
        raise ValueError(Errors.M009.format(kind="model", problem="it is no MultimodalTagger"))
    return shim


def _context(
    model: Model[List[Doc], TaggerOutput], docs: List[Doc], is_train: bool, device: torch.device
) -> Tuple[Optional[Tensor], Optional[Callable]]:
    """The tok2vec vectors as one padded tensor (B, T, D), and tok2vec's backprop."""
    if not model.layers:
        return None, None
    vectors, backprop = model.layers[0](docs, is_train)
    # A transformer's listener gives an empty doc a matrix without columns.
    width = max((row.shape[1] for row in vectors), default=0)
    longest = max(len(doc) for doc in docs)
    context = torch.zeros(len(docs), longest, width, device=device)
    for i, row in enumerate(vectors):
        if len(row):
            context[i, : len(row)] = xp2torch(row, device=device)
    if is_train:
        context.requires_grad_()
    return context, backprop


def _copy_rows(old: torch.nn.Module, new: torch.nn.Module, rows: List[Tuple[int, int]]) -> None:
    before = old.state_dict()
    with torch.no_grad():
        for name, value in new.state_dict().items():
            if before[name].shape != value.shape:
                for source, target in rows:
                    value[target] = before[name][source]


def _rates(
    rates: Optional[Dict[str, float]], setting: str, left_out: Collection[str]
) -> Dict[str, float]:
    for name, rate in (rates or {}).items():
        if not 0 <= rate < 1:
            raise ValueError(
                Errors.M011.format(setting=f"{setting}.{name}", value=rate, range="in [0, 1)")
            )
    return {name: rate for name, rate in (rates or {}).items() if name not in left_out}
