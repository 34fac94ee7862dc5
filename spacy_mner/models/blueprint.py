"""What a torch module is built from: the configured parts, and what they learnt from the data."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
import torch
from spacy.tokens import Doc

from ..errors import Errors, check_choice
from .cache import FormCache
from .pytorch.dropout import Dropout
from .pytorch.tagger import CONTEXT, MultimodalTagger
from .pytorch.transform import Transform
from .types import (
    Decoder,
    DecoderBuilder,
    DocModality,
    EncoderBuilder,
    Evidence,
    FormModality,
    FusionBuilder,
    ModalityDropout,
    State,
)


@dataclass
class Blueprint:
    """The parts of a tagger. `initialize` fits them to the data, `build` makes the module.

    `get_state` and `set_state` carry what was learnt from the data as JSON values, so that a saved
    model can be rebuilt from its config, this state and its weights.
    """

    forms: Dict[str, FormModality]
    docs: Dict[str, DocModality]
    fusion: FusionBuilder
    encoder: EncoderBuilder
    decoder: DecoderBuilder
    evidence: Optional[Evidence]
    width: int
    initial_state: Optional[DocModality] = None
    context_activation: str = "tanh"
    context_dropout: Optional[float] = None
    post_dropout: ModalityDropout = field(default_factory=dict)
    token_dropout: ModalityDropout = field(default_factory=dict)
    cache_size: int = 20_000
    labels: List[str] = field(default_factory=list)
    context_width: Optional[int] = None
    # Features of the forms seen in training; they follow from the parts' state and the word vectors.
    features: FormCache = field(init=False)

    def __post_init__(self) -> None:
        self.features = FormCache(self.cache_size)

    def initialize(self, docs: Sequence[Doc], post_labels: Optional[np.ndarray] = None) -> None:
        """Let every part learn its vocabulary and widths from the training docs.

        docs (Sequence[Doc]): the training docs.
        post_labels (Optional[ndarray]): (n_docs, N), what they hold: see `types.Evidence`.
        """
        self.features.clear()
        for form_part in self.forms.values():
            form_part.initialize(docs)
        for doc_part in self.docs.values():
            doc_part.initialize(docs)
        if self.initial_state is not None:
            self.initial_state.initialize(docs)
        if self.evidence is not None:
            self.evidence.initialize(docs, post_labels)

    def build(self) -> MultimodalTagger:
        """Make the module, with fresh weights.

        RAISES (ValueError): M002 without labels, M009 without any modality.
        """
        if not self.labels:
            raise ValueError(Errors.M002.format(name="mner"))
        forms = {name: part.build(self.width) for name, part in self.forms.items()}
        docs = {name: part.build(self.width) for name, part in self.docs.items()}
        n_modalities = len(forms) + len(docs) + (self.context_width is not None)
        if n_modalities == len(docs):
            raise ValueError(
                Errors.M009.format(
                    kind="modalities", problem="words, characters or a tok2vec are needed"
                )
            )
        fusion = self.fusion(n_modalities, self.width)
        encoder = self.encoder(_width(fusion, "fusion"))
        hidden_width = _width(encoder, "encoder")
        initial_state = None
        if self.initial_state is not None:
            state_width = _width(encoder, "encoder", "state_width")
            initial_state = self.initial_state.build(state_width)
        decoder = self.decoder(hidden_width, self.labels)
        if not isinstance(decoder, Decoder):
            raise ValueError(Errors.M009.format(kind="decoder", problem="its module is no Decoder"))
        return MultimodalTagger(
            forms=forms,
            docs=docs,
            context=self._build_context(),
            fusion=fusion,
            encoder=encoder,
            decoder=decoder,
            initial_state=initial_state,
            evidence=(
                None
                if self.evidence is None
                else self.evidence.build(hidden_width, len(self.labels))
            ),
            width=self.width,
            post_dropout=self.post_dropout,
            token_dropout=self.token_dropout,
            cache=FormCache(self.cache_size),
        )

    def _build_context(self) -> Optional[torch.nn.Module]:
        if self.context_width is None:
            return None
        return torch.nn.Sequential(
            Dropout(self.context_dropout),
            Transform(self.context_width, self.width, activation=self.context_activation),
        )

    def get_state(self) -> State:
        """Labels, widths and the parts' states, as JSON values."""
        return {
            "labels": list(self.labels),
            "context_width": self.context_width,
            "parts": {name: part.get_state() for name, part in self._parts().items()},
        }

    def set_state(self, state: State) -> None:
        """Take over a saved state.

        RAISES (ValueError): M009 if the config has other parts than the saved model.
        """
        self.features.clear()
        parts = self._parts()
        if set(parts) != set(state["parts"]):
            raise ValueError(
                Errors.M009.format(
                    kind="modalities",
                    problem=f"the config has {sorted(parts)}, the saved model has {list(state['parts'])}",
                )
            )
        self.labels = list(state["labels"])
        self.context_width = state["context_width"]
        # The fusion's weights know modalities by position alone: the saved order counts.
        order = {name: i for i, name in enumerate(state["parts"])}
        self.forms = dict(sorted(self.forms.items(), key=lambda m: order[f"modality:{m[0]}"]))
        self.docs = dict(sorted(self.docs.items(), key=lambda m: order[f"modality:{m[0]}"]))
        for name, part in parts.items():
            part.set_state(state["parts"][name])

    def check_names(self, has_context: bool) -> None:
        """Refuse a name that is taken, and dropout for modalities that do not exist.

        RAISES (ValueError): M008 or M006.
        """
        for name in [*self.forms, *self.docs]:
            if has_context and name == CONTEXT:
                raise ValueError(Errors.M008.format(name=name, problem="tok2vec is called so"))
            # The modules are attributes of a `ModuleDict`.
            if "." in name or hasattr(torch.nn.ModuleDict(), name):
                raise ValueError(Errors.M008.format(name=name, problem="torch cannot hold it"))
        names = [*self.forms, *self.docs, *([CONTEXT] if has_context else [])]
        for setting in ("post_dropout", "token_dropout"):
            for name in getattr(self, setting):
                check_choice(setting, name, names)

    def _parts(self) -> Dict[str, Any]:
        parts: Dict[str, Any] = {f"modality:{k}": v for k, v in {**self.forms, **self.docs}.items()}
        if self.initial_state is not None:
            parts["initial_state"] = self.initial_state
        if self.evidence is not None:
            parts["evidence"] = self.evidence
        return parts


def _width(module: torch.nn.Module, kind: str, name: str = "nO") -> int:
    width = getattr(module, name, None)
    if not isinstance(width, int):
        problem = f"its module has no attribute {name}"
        if name == "state_width":
            problem += ", so it takes no initial state (CoupledBiLSTM.v1 does)"
        raise ValueError(Errors.M009.format(kind=kind, problem=problem))
    return width
