"""The character modality: how a word is spelt."""

from collections import Counter
from typing import Callable, Dict, Optional, Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.vocab import Vocab
from torch import nn

from ...errors import Errors, check_choice
from ..pytorch.chars import CharBiLSTMModule, CharCNNModule
from ..pytorch.transform import ACTIVATIONS
from ..types import Features, State
from .counts import count_forms

PADDING, UNKNOWN = 0, 1


def build_char_bilstm_v1(
    embed_width: int = 30,
    hidden_width: int = 50,
    max_length: int = 20,
    min_freq: int = 2,
    dropout: Optional[float] = None,
    activation: str = "tanh",
) -> "Characters":
    """A Bi-LSTM over the characters of a word (Lample et al. 2016).

    embed_width (int): width of the characters' embeddings.
    hidden_width (int): width of each direction; the word's vector has twice as much.
    max_length (int): characters after this many are cut off.
    min_freq (int): characters seen fewer times in the distinct word forms share one "unknown"
        embedding.
    dropout (Optional[float]): rate on the transform's input; None follows `[training] dropout`.
    activation (str): non-linearity of the transform.
    RETURNS (Characters): a form modality.
    RAISES (ValueError): M006 for an unknown activation.
    """
    settings = {"embed_width": embed_width, "hidden_width": hidden_width}
    return Characters(CharBiLSTMModule, settings, max_length, min_freq, dropout, activation)


def build_char_cnn_v1(
    embed_width: int = 30,
    n_filters: int = 30,
    window: int = 3,
    max_length: int = 20,
    min_freq: int = 2,
    dropout: Optional[float] = None,
    activation: str = "tanh",
) -> "Characters":
    """A convolution over the characters of a word, max-pooled (Ma and Hovy 2016).

    embed_width (int): width of the characters' embeddings.
    n_filters (int): width of the word's vector.
    window (int): characters that a filter sees, an odd number.
    max_length (int): characters after this many are cut off.
    min_freq (int): characters seen fewer times in the distinct word forms share one "unknown"
        embedding.
    dropout (Optional[float]): rate on the transform's input; None follows `[training] dropout`.
    activation (str): non-linearity of the transform.
    RETURNS (Characters): a form modality.
    RAISES (ValueError): M011 for an even window, M006 for an unknown activation.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(Errors.M011.format(setting="window", value=window, range="an odd number"))
    settings = {"embed_width": embed_width, "n_filters": n_filters, "window": window}
    return Characters(CharCNNModule, settings, max_length, min_freq, dropout, activation)


class Characters:
    """Turns word forms into rows of character ids; which network reads them is a setting."""

    def __init__(
        self,
        network: Callable[..., nn.Module],
        settings: Dict[str, int],
        max_length: int,
        min_freq: int,
        dropout: Optional[float],
        activation: str,
    ) -> None:
        check_choice("activation", activation, ACTIVATIONS)
        self.network = network
        self.settings = settings
        self.max_length = max_length
        self.min_freq = min_freq
        self.dropout = dropout
        self.activation = activation
        self.alphabet: Dict[str, int] = {}

    def initialize(self, docs: Sequence[Doc]) -> None:
        """Learn the alphabet from the word forms of the docs."""
        counts = Counter(char for form in count_forms(docs) for char in form)
        self._set_alphabet(sorted(c for c, n in counts.items() if n >= self.min_freq))

    def get_state(self) -> State:
        return {"alphabet": list(self.alphabet)}

    def set_state(self, state: State) -> None:
        self._set_alphabet(state["alphabet"])

    def featurize_forms(self, forms: Sequence[str], vocab: Vocab) -> Features:
        """RETURNS (Features): "chars" long (U, max_length), 0 on padding, and "lengths" long (U,)."""
        ids = [[self.alphabet.get(c, UNKNOWN) for c in form[: self.max_length]] for form in forms]
        lengths = np.asarray([len(row) for row in ids], dtype=np.int64)
        chars = np.full((len(ids), self.max_length), PADDING, dtype=np.int64)
        if ids:
            chars[np.arange(chars.shape[1]) < lengths[:, None]] = np.concatenate(ids)
        return {"chars": torch.from_numpy(chars), "lengths": torch.from_numpy(lengths)}

    def build(self, width: int) -> nn.Module:
        return self.network(
            len(self.alphabet) + 2,
            width,
            dropout=self.dropout,
            activation=self.activation,
            **self.settings,
        )

    def _set_alphabet(self, chars: Sequence[str]) -> None:
        self.alphabet = {char: i for i, char in enumerate(chars, UNKNOWN + 1)}
