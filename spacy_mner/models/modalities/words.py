"""The word modality: pretrained vectors, open at run time, with trainable rows on top."""

import warnings
import zlib
from typing import Dict, Optional, Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.vectors import Mode, Vectors
from spacy.vocab import Vocab
from torch import nn

from ...errors import Errors, Warnings, check_choice
from ...host_vectors import HostVectors
from ..pytorch.transform import ACTIVATIONS
from ..pytorch.words import WordVectorsModule
from ..types import Features, State
from .counts import count_forms
from .lookup import KINDS, SHAPES, find_row, kind_of, shape_class

UNKNOWN = ("zero", "random", "mask")
# U(-σ, +σ) of §3.3 for random unknown words.
SIGMA = 0.25


def build_word_vectors_v1(
    unknown: str = "zero",
    trainable: bool = False,
    min_freq: int = 2,
    shape_width: int = 0,
    word_dropout: float = 0.0,
    dropout: Optional[float] = None,
    activation: str = "tanh",
    default_width: int = 100,
) -> "WordVectors":
    """Word vectors from `nlp.vocab.vectors`, looked up at run time.

    The whole pretrained table is open at test time. `trainable=False` and `unknown="zero"` or
    "random" are the paper's setting.

    unknown (str): what an unknown word is: the "zero" vector, a "random" one, U(-0.25, +0.25) and
        the same for each occurrence, or "mask": the modality is missing for that token.
    trainable (bool): add trainable rows: a residual on the vector of a form seen in training, a
        vector for a form that the table lacks, and one each for URLs, user names and numbers.
    min_freq (int): how often a form must be seen in training to get a row of its own.
    shape_width (int): width of an embedding of the word's capitalisation class; 0 = none.
    word_dropout (float): probability that a form becomes unknown, in training.
    dropout (Optional[float]): rate on the transform's input; None follows `[training] dropout`.
    activation (str): non-linearity of the transform.
    default_width (int): width of the trained vectors when the pipeline has no table.
    RETURNS (WordVectors): a form modality.
    RAISES (ValueError): M006 for an unknown value of `unknown` or `activation`.
    """
    check_choice("unknown", unknown, UNKNOWN)
    check_choice("activation", activation, ACTIVATIONS)
    return WordVectors(
        unknown=unknown,
        trainable=trainable,
        min_freq=min_freq,
        shape_width=shape_width,
        word_dropout=word_dropout,
        dropout=dropout,
        activation=activation,
        default_width=default_width,
    )


class WordVectors:
    """See `build_word_vectors_v1`."""

    def __init__(
        self,
        *,
        unknown: str,
        trainable: bool,
        min_freq: int,
        shape_width: int,
        word_dropout: float,
        dropout: Optional[float],
        activation: str,
        default_width: int,
    ) -> None:
        self.unknown = unknown
        self.trainable = trainable
        self.min_freq = min_freq
        self.shape_width = shape_width
        self.word_dropout = word_dropout
        self.dropout = dropout
        self.activation = activation
        self.default_width = default_width
        self.width = default_width
        self.has_table = True
        # Trained rows by key: a spelling of the table, a form that it lacks, or a kind. Row 0: none.
        self.rows: Dict[str, int] = {}
        self._table = HostVectors()

    def initialize(self, docs: Sequence[Doc]) -> None:
        """Take the table's width, and give rows to the forms seen in the docs."""
        vectors = docs[0].vocab.vectors
        self.has_table = vectors.shape[1] > 0
        self.width = vectors.shape[1] if self.has_table else self.default_width
        if not self.has_table:
            warnings.warn(Warnings.MW001.format(name="word", width=self.width), stacklevel=2)
        self.rows = {}
        if not (self.trainable or not self.has_table):
            return
        keys: Dict[str, int] = {}
        for form, count in count_forms(docs).items():
            key, _ = self._find(form, vectors)
            keys[key] = keys.get(key, 0) + count
        # What occurs once would learn that one post by heart, and most forms do.
        kept = [key for key, n in keys.items() if n >= self.min_freq]
        self.rows = {key: i for i, key in enumerate([*KINDS, *sorted(set(kept) - set(KINDS))], 1)}

    def get_state(self) -> State:
        return {"width": self.width, "has_table": self.has_table, "rows": list(self.rows)}

    def set_state(self, state: State) -> None:
        self.width = state["width"]
        self.has_table = state["has_table"]
        self.rows = {key: i for i, key in enumerate(state["rows"], 1)}

    def featurize_forms(self, forms: Sequence[str], vocab: Vocab) -> Features:
        """Look the forms up.

        RETURNS (Features): "vectors" float32 (U, D), "known" bool (U,), "rows" long (U,), "shapes"
            long (U,).
        RAISES (ValueError): M003 if the vocab has vectors of another width than in training.
        """
        vectors = vocab.vectors
        if self.has_table and vectors.shape[1] != self.width:
            raise ValueError(
                Errors.M003.format(found=vectors.shape[1], expected=self.width, name="word")
            )
        found = [self._find(form, vectors) for form in forms]
        rows = np.asarray([self.rows.get(key, 0) for key, _ in found], dtype=np.int64)
        table_rows = np.asarray([row for _, row in found], dtype=np.int64)
        values = self._table_values(forms, table_rows, vectors)
        known = (table_rows >= 0) | (rows > 0)
        if self.unknown == "random":
            for i in np.flatnonzero(~known).tolist():
                values[i] = _random_vector(forms[i], self.width)
        return {
            "vectors": torch.from_numpy(values),
            "known": torch.from_numpy(known),
            "rows": torch.from_numpy(rows),
            "shapes": torch.tensor([shape_class(form) for form in forms], dtype=torch.int64),
        }

    def build(self, width: int) -> nn.Module:
        return WordVectorsModule(
            self.width,
            width,
            n_rows=len(self.rows) + 1 if self.rows else 0,
            n_shapes=len(SHAPES),
            shape_width=self.shape_width,
            mask_unknown=self.unknown == "mask",
            word_dropout=self.word_dropout,
            dropout=self.dropout,
            activation=self.activation,
        )

    def _find(self, form: str, vectors: Vectors) -> tuple[str, int]:
        """The key of a form's trained row, and its row in the table (-1: none)."""
        if vectors.mode != Mode.default or not self.has_table:
            # Floret tables have a vector for every string; without a table there are no rows.
            kind = self._kind(form)
            return kind or form.lower(), 0 if self.has_table and kind is None else -1
        key, row = find_row(form, vectors, self._table)
        kind = self._kind(form)
        # A kind's own row is worth more than what its letters resemble, unless the form itself is known.
        if kind is not None and key not in (form, form.lower()):
            return kind, -1
        return (key, row) if key is not None else (form.lower(), -1)

    def _kind(self, form: str) -> Optional[str]:
        """The kind whose row stands for the form; None where there are no trainable rows."""
        return kind_of(form) if self.trainable or not self.has_table else None

    def _table_values(
        self, forms: Sequence[str], table_rows: np.ndarray, vectors: Vectors
    ) -> np.ndarray:
        values = np.zeros((len(forms), self.width), dtype=np.float32)
        hits = np.flatnonzero(table_rows >= 0)
        if not hits.size:
            return values
        if vectors.mode == Mode.default:
            values[hits] = self._table.rows(vectors, table_rows[hits])
        else:
            values[hits] = self._table.batch(vectors, [forms[i] for i in hits.tolist()])
        return values


def _random_vector(form: str, width: int) -> np.ndarray:
    """The same vector whenever and wherever the form occurs."""
    rng = np.random.default_rng(zlib.crc32(form.encode("utf8")))
    return rng.uniform(-SIGMA, SIGMA, width).astype(np.float32)
