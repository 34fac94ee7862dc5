"""What an image encoder must provide, and what it may."""

import inspect
import json
import math
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Protocol, Tuple, runtime_checkable

import numpy as np
from spacy.language import Language
from spacy.vocab import Vocab

from ..errors import Errors


class Described(Protocol):
    """Whatever makes vectors says which: vectors are comparable if these three are equal."""

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int: ...

    @property
    def settings(self) -> Dict[str, Any]: ...


class ImageEncoder(Described, Protocol):
    """Turns pictures, or whatever stands for them, into vectors.

    name (str): The name of the encoder, as registered.
    width (int): D, the length of a vector; 0 while it is not known yet.
    settings (Dict[str, Any]): Everything that changes the vectors (weights' identity,
        preprocessing, regions), as JSON values. Reading them must not load a network.
    reads (str): "picture", "caption" or "id" (of a picture): what a source is.

    What it may be as well: `Tagger`, `OfPipeline`, `KnowsIds`. And it may have `parallel` (bool): True
    says that `encode` may be called from several threads at once, and that this is worth while. Without
    it, there is one call at a time.
    """

    @property
    def reads(self) -> str: ...

    def read(self, source: Any) -> Any:
        """Prepare one source; called from several threads at once.

        source (Any): A picture (see `reading.read_rgb`), a caption or an id.
        RETURNS (Any): What `encode` takes.
        RAISES (ImageReadError): If there is no picture to be had from it.
        """
        ...

    def encode(self, batch: List[Any]) -> List[np.ndarray]:
        """Compute the vectors of prepared sources.

        batch (List[Any]): B results of `read`.
        RETURNS (List[ndarray]): B float32 arrays, (D,) for a whole picture or (R, D) for regions.
        """
        ...


@runtime_checkable
class Tagger(Protocol):
    """An image encoder that can also name what it sees."""

    def tags(self, batch: List[Any], n: int = 5) -> List[List[Tuple[str, float]]]:
        """Name the likeliest contents of prepared pictures.

        batch (List[Any]): B results of `read`.
        n (int): Tags per picture.
        RETURNS (List[List[Tuple[str, float]]]): Per picture, names with probabilities, best first.
        """
        ...


@runtime_checkable
class OfPipeline(Protocol):
    """An image encoder that lives on the word vectors of a pipeline, which may come after it."""

    def bind(self, nlp: Language) -> None:
        """Use those of the pipeline that it is a component of, unless another one was named.

        nlp (Language): The pipeline.
        """
        ...

    def follow(self, vocab: Vocab) -> None:
        """Use those of the posts, unless another pipeline was named: the component may be sourced.

        vocab (Vocab): Of the posts that come now.
        """
        ...


@runtime_checkable
class KnowsIds(Protocol):
    """An image encoder that reads ids, and has a list of all that it knows."""

    @property
    def ids(self) -> Iterable[str]:
        """RETURNS (Iterable[str]): The ids."""
        ...


@dataclass(frozen=True)
class EncoderInfo:
    """The description of an encoder without the encoder, e.g. of vectors computed elsewhere.

    name (str): The name of the encoder.
    width (int): D, the length of a vector.
    settings (Dict[str, Any]): JSON values that identify weights and preprocessing.
    """

    name: str
    width: int
    settings: Dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, encoder: Described) -> "EncoderInfo":
        """Take the description of an encoder, with its settings as they look after JSON."""
        return cls(encoder.name, encoder.width, json.loads(json.dumps(encoder.settings)))

    def difference(self, other: "EncoderInfo") -> Optional[str]:
        """Say in words what sets another encoder apart.

        other (EncoderInfo): The other description.
        RETURNS (Optional[str]): "what: mine, not theirs", or None if the vectors are comparable.
        """
        mine = {"encoder": self.name, "width": self.width, **self.settings}
        theirs = {"encoder": other.name, "width": other.width, **other.settings}
        if self.name != other.name:
            return f"encoder: {self.name}, not {other.name}"
        differences = [
            f"{key}: {mine.get(key)}, not {theirs.get(key)}"
            for key in sorted({*mine, *theirs})
            if not _same(mine.get(key), theirs.get(key))
        ]
        return "; ".join(differences) or None

    def to_json(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The description as JSON values."""
        return {"name": self.name, "width": self.width, "settings": self.settings}


def _same(mine: Any, theirs: Any) -> bool:
    """Compare JSON values. spaCy's writer of JSON leaves out the last digit of a number."""
    if isinstance(mine, list) and isinstance(theirs, list):
        pairs = zip(mine, theirs, strict=False)
        return len(mine) == len(theirs) and all(_same(x, y) for x, y in pairs)
    if isinstance(mine, float) and isinstance(theirs, float):
        return math.isclose(mine, theirs, rel_tol=1e-9)
    return bool(mine == theirs)


def check_encoder(encoder: Any) -> ImageEncoder:
    """Make sure that something configured as image encoder is one.

    encoder (Any): The object that a function of the registry returned.
    RETURNS (ImageEncoder): The same object.
    RAISES (ValueError): If something is missing.
    """
    # getattr_static: looking must not run properties, which may load vectors.
    nothing = object()
    missing = [
        name
        for name in ("name", "width", "settings", "reads", "read", "encode")
        if inspect.getattr_static(encoder, name, nothing) is nothing
    ]
    if missing:
        kind = type(encoder).__name__
        raise ValueError(Errors.M037.format(kind=kind, missing=", ".join(missing)))
    return encoder
