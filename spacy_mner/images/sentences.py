"""Image encoder `sentences`: a sentence about the picture stands for it, as a sentence encoder reads it."""

from pathlib import Path
from threading import RLock
from typing import Any, Dict, List, Optional, Union

import numpy as np
import torch

from ..errors import Errors
from .device import Device
from .reading import ImageReadError, describe
from .sentence_folder import find_folder, identity, pooling
from .sentence_network import (
    import_transformers,
    max_tokens,
    pool,
    read_config,
    read_network,
    read_tokenizer,
)

# Two things of `transformers` are not for several threads: its tokenizers written in Rust, while they set
# how to truncate, and the making of networks, which changes torch for a while.
_LOCK = RLock()
MIN_LENGTH = 3  # a token between the two special ones


def create_sentences_encoder(
    model: Union[str, Path],
    *,
    max_length: int = 64,
    download: bool = False,
    device: Optional[str] = None,
) -> "SentencesEncoder":
    """Make an encoder that reads captions with a network of `transformers`. Nothing is loaded before
    its first use.

    model (Union[str, Path]): Folder of a sentence encoder; or its name on Hugging Face's hub, which is
        looked up in the cache.
    max_length (int): Tokens of a caption, with the special ones; what follows is cut off.
    download (bool): Whether to download a model that is not in the cache.
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    RETURNS (SentencesEncoder): The encoder.
    RAISES (ValueError): If the length or the device cannot be.
    """
    if type(max_length) is not int or max_length < MIN_LENGTH:
        expected = f"a whole number of at least {MIN_LENGTH}"
        message = Errors.M011.format(setting="max_length", value=repr(max_length), range=expected)
        raise ValueError(message)
    return SentencesEncoder(str(model), max_length=max_length, download=download, device=device)


class SentencesEncoder:
    """Turns a caption into one vector: the last hidden layer, pooled over the tokens, of length 1. This
    is what sentence-transformers gives for the same folder.

    model (str): Folder or name.
    max_length (int): Tokens of a caption.
    download (bool): Whether the model may be downloaded.
    device (Optional[str]): Name of a torch device. None: the device of Thinc's current ops.
    """

    name = "sentences"
    reads = "caption"

    def __init__(
        self, model: str, *, max_length: int, download: bool, device: Optional[str]
    ) -> None:
        self.model = model
        self.max_length = max_length
        self.download = download
        self.device = Device(device)
        self._config: Any = None
        self._tokenizer: Any = None
        self._network: Any = None
        self._pooling = ""

    @property
    def width(self) -> int:
        """RETURNS (int): D. No weights are read for it."""
        return int(self._load_config().hidden_size)

    @property
    def settings(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): Hashes of weights, configuration and tokenizer, pooling, length."""
        return {**identity(self.folder()), "max_length": self.max_length}

    def folder(self) -> Path:
        """RETURNS (Path): Where the sentence encoder is. RAISES (ValueError): If it is nowhere."""
        import_transformers()
        return find_folder(self.model, download=self.download)

    def read(self, source: Any) -> Dict[str, List[int]]:
        """Tokenize a caption.

        source (str): The caption.
        RETURNS (Dict[str, List[int]]): What the network takes: ids of tokens, mask, ….
        RAISES (ImageReadError): If it has no tokens.
        """
        tokenizer = self._load_tokenizer()
        if not isinstance(source, str):
            raise ImageReadError(Errors.M132.format(caption=describe(source)))
        # Half of a pair of surrogates, as JSON may hold it, is no character to a tokenizer.
        text = source.encode("utf8", "ignore").decode("utf8")
        length = min(self.max_length, max_tokens(self._load_config(), tokenizer))
        with _LOCK:
            encoded = tokenizer(
                text, truncation=True, max_length=length, return_special_tokens_mask=True
            )
        if all(encoded.pop("special_tokens_mask")):
            raise ImageReadError(Errors.M132.format(caption=describe(source)))
        return dict(encoded)

    def encode(self, batch: List[Dict[str, List[int]]]) -> List[np.ndarray]:
        """Compute the vectors of tokenized captions.

        batch (List[Dict[str, List[int]]]): B results of `read`.
        RETURNS (List[ndarray]): B float32 arrays (D,).
        RAISES (ValueError): If the weights cannot be had, or do not fit.
        """
        if not batch:
            return []
        device = self.device.get()
        network = self._load_network().to(device)
        inputs = self._load_tokenizer().pad(batch, return_tensors="pt").to(device)
        with torch.inference_mode():
            hidden = network(**inputs).last_hidden_state
            vectors = pool(hidden, inputs["attention_mask"], self._pooling)
        return list(vectors.cpu().numpy())

    def _load_config(self) -> Any:
        with _LOCK:
            if self._config is None:
                self._config = read_config(self.folder())
        return self._config

    def _load_tokenizer(self) -> Any:
        with _LOCK:
            if self._tokenizer is None:
                self._tokenizer = read_tokenizer(self.folder())
        return self._tokenizer

    def _load_network(self) -> Any:
        with _LOCK:
            if self._network is None:
                folder = self.folder()
                self._pooling = pooling(folder)
                self._network = read_network(folder, self._load_config())
        return self._network

    def __getstate__(self) -> Dict[str, Any]:
        # Whoever unpickles it finds the weights where this one did.
        return {**self.__dict__, "_config": None, "_tokenizer": None, "_network": None}
