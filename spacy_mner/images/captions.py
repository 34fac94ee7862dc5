"""Image encoder `captions`: a sentence about the picture stands for it."""

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.vocab import Vocab

from ..errors import Errors, check_choice
from ..host_vectors import HostVectors
from .reading import ImageReadError, describe

POOLINGS = ("mean", "words")


def create_captions_encoder(
    vectors: Optional[Union[str, Path]] = None, *, pooling: str = "mean"
) -> "CaptionsEncoder":
    """Make an encoder that looks up a caption's words in a table of word vectors.

    vectors (Optional[Union[str, Path]]): Name or path of a pipeline with vectors. None: those of
        the pipeline to which the component `image_encoder` belongs.
    pooling (str): "mean" (D,): the mean of the words' vectors; "words" (R, D): a region per word.
    RETURNS (CaptionsEncoder): The encoder. The pipeline is loaded at first use.
    RAISES (ValueError): If the pooling is unknown.
    """
    check_choice("pooling", pooling, POOLINGS)
    return CaptionsEncoder(vectors, pooling)


class CaptionsEncoder:
    """Looks up a caption's words, as they are or in lower case; punctuation and unknown words count
    for nothing.

    vectors (Optional[Union[str, Path]]): Name or path of a pipeline with vectors.
    pooling (str): "mean" or "words".
    """

    name = "captions"
    reads = "caption"

    def __init__(self, vectors: Optional[Union[str, Path]], pooling: str) -> None:
        self.pooling = pooling
        self._source = vectors
        self._tokenizer: Optional[Tokenizer] = None
        self._vocab: Optional[Vocab] = None
        self._table = HostVectors()

    def bind(self, nlp: Language) -> None:
        """Use the vectors of a pipeline, unless another one was named.

        nlp (Language): The pipeline.
        """
        if self._source is None:
            self._tokenizer, self._vocab = nlp.tokenizer, nlp.vocab

    def follow(self, vocab: Vocab) -> None:
        """Use the vectors of the posts' own pipeline, unless another one was named.

        A component that is sourced from another pipeline would go on reading the other one's.

        vocab (Vocab): Of the posts.
        """
        if self._source is None:
            self._vocab = vocab

    @property
    def width(self) -> int:
        """RETURNS (int): D, or 0 while there are no vectors."""
        vocab = self._load()[1]
        return int(vocab.vectors.shape[1]) if vocab is not None and vocab.vectors.size else 0

    @property
    def settings(self) -> Dict[str, Any]:
        """Pooling, and a fingerprint of the table of vectors.

        RETURNS (Dict[str, Any]): The settings.
        RAISES (ValueError): If there are no vectors (M035).
        """
        return {"pooling": self.pooling, "vectors": self._fingerprint(self._load_vectors()[1])}

    def read(self, source: Any) -> np.ndarray:
        """Look up the words of a caption.

        source (str): The caption.
        RETURNS (ndarray): (R, D), a row for each known word.
        RAISES (ImageReadError): If no word is known.
        RAISES (ValueError): If there are no vectors (M035).
        """
        tokenizer, vocab = self._load_vectors()
        if not isinstance(source, str):
            raise ImageReadError(Errors.M036.format(caption=describe(source)))
        words = [t.text for t in tokenizer(source) if not (t.is_punct or t.is_space)]
        rows = [row for row in (self._look_up(vocab, word) for word in words) if row is not None]
        if not rows:
            raise ImageReadError(Errors.M036.format(caption=describe(source)))
        return np.stack(rows)

    def encode(self, batch: List[np.ndarray]) -> List[np.ndarray]:
        """Pool what `read` found.

        batch (List[ndarray]): B arrays (R, D).
        RETURNS (List[ndarray]): B arrays, (D,) or (R, D).
        """
        if self.pooling == "words":
            return list(batch)
        return [rows.mean(axis=0, dtype="float64").astype("float32") for rows in batch]

    def _load_vectors(self) -> Tuple[Any, Any]:
        if not self.width:
            where = f" in '{self._source}'" if self._source is not None else ""
            raise ValueError(Errors.M035.format(where=where))
        return self._load()

    def _load(self) -> Tuple[Any, Any]:
        if self._vocab is None and self._source is not None:
            nlp = spacy.load(self._source)
            self._tokenizer, self._vocab = nlp.tokenizer, nlp.vocab
        return self._tokenizer, self._vocab

    def _look_up(self, vocab: Vocab, word: str) -> Optional[np.ndarray]:
        """Look up a word's vector: exact, then in lower case."""
        vectors = vocab.vectors
        for form in (word, word.lower()):
            if vectors.mode == "floret":  # has a vector for everything
                return self._table.batch(vectors, [form])[0].astype("float32")
            row = int(vectors.find(key=vocab.strings[form]))
            if row >= 0:
                return self._table.rows(vectors, row).astype("float32")
        return None

    def _fingerprint(self, vocab: Vocab) -> str:
        """Tell one table of vectors from another by its shape, a thousand of its rows, and which word
        has which row."""
        n_rows, width = vocab.vectors.shape
        sample = self._table.rows(vocab.vectors, slice(None, None, max(1, n_rows // 1000)))
        digest = hashlib.sha256(np.ascontiguousarray(sample, dtype="<f4").tobytes())
        digest.update(np.array(sorted(vocab.vectors.key2row.items()), dtype="<u8").tobytes())
        return f"{n_rows}x{width}-{digest.hexdigest()[:16]}"
