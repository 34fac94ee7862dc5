"""One case for every kind of image encoder, with what is to be expected of it."""

import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import numpy as np
import pytest
import spacy
from spacy.vectors import Vectors

from spacy_mner.images.registry import get_image_encoder

from ..transformers.builders import WIDTH, save_encoder
from .random_weights import FOLDER, TINY_CLIP, clip_file, timm_file, torchvision_file

WORDS = ["dog", "cat", "grass", "paris", "Turkey"]


def make_nlp(words=WORDS, width=6, seed=0):
    nlp = spacy.blank("en")
    data = np.random.default_rng(seed).normal(size=(len(words), width)).astype("float32")
    nlp.vocab.vectors = Vectors(data=data, keys=[nlp.vocab.strings.add(w) for w in words])
    return nlp


def make_picture(seed, height=60, width=80):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype="uint8")


PICTURES = [make_picture(i, 60 + 10 * i, 80) for i in range(3)]
CAPTIONS = ["A dog on the grass.", "the Cat", "a dog, a cat in Paris"]


@dataclass
class Case:
    """An image encoder to test.

    encoder (str): Registered name.
    width (int): D.
    options (Dict[str, Any]): Options; a function is called to get the value.
    regions (Optional[List[int]]): Regions of each source, or None for single vectors.
    mean (bool): Whether the mean of the regions is the vector without regions.
    tags (Optional[int]): Number of classes.
    twin (bool): One more network of a class that another case stands for: what is common to the class
        is not tested again.
    """

    encoder: str
    width: int
    options: Dict[str, Any] = field(default_factory=dict)
    sources: List[Any] = field(default_factory=lambda: PICTURES)
    bad: List[Any] = field(default_factory=lambda: [b"x", "no.jpg", None])
    regions: Optional[List[int]] = None
    mean: bool = False
    tags: Optional[int] = None
    needs: Optional[str] = None
    twin: bool = False

    @property
    def name(self) -> str:
        shown = [str(v) for v in self.options.values() if isinstance(v, (str, bool))]
        return "-".join([self.encoder, *shown])

    def resolved(self) -> Dict[str, Any]:
        if self.needs is not None:
            pytest.importorskip(self.needs, reason=f"{self.needs} is not installed")
        return {k: v() if callable(v) else v for k, v in self.options.items()}

    def make(self, **options: Any) -> Any:
        encoder = get_image_encoder(self.encoder)(**{**self.resolved(), **options})
        if hasattr(encoder, "bind"):
            encoder.bind(make_nlp())
        return encoder


@lru_cache
def sentence_folder() -> str:
    """A BERT with random weights."""
    return str(save_encoder(Path(FOLDER.name, "sentences")))


def vector_file(regions: bool = False) -> Callable[[], str]:
    def make() -> str:
        _, path = tempfile.mkstemp(".npz", dir=FOLDER.name)
        rng = np.random.default_rng(0)
        shape = (3, 4, 5) if regions else (3, 5)
        np.savez(path, ids=np.array(["a", "b", "c"]), vectors=rng.normal(size=shape))
        return path

    return make


def torchvision(
    model: str, width: int, regions: Optional[int] = None, mean: bool = False, twin: bool = False
) -> Case:
    options: Dict[str, Any] = {"model": model, "path": lambda: torchvision_file(model)}
    if regions is not None:
        options["regions"] = True
    expected = None if regions is None else [regions] * 3
    return Case("torchvision", width, options, regions=expected, mean=mean, tags=1000, twin=twin)


def timm(model: str, width: int, regions: Optional[int] = None, mean: bool = False) -> Case:
    case = torchvision(model, width, regions, mean)
    case.encoder, case.options["path"], case.needs = "timm", lambda: timm_file(model), "timm"
    return case


def clip(width: int, regions: Optional[int] = None) -> Case:
    case = torchvision(TINY_CLIP, width, regions)
    case.encoder, case.options["path"] = "open_clip", lambda: clip_file(TINY_CLIP)
    case.tags, case.needs = None, "open_clip"
    return case


GOOGLENET = {"path": lambda: torchvision_file("googlenet")}
INCEPTION = {"path": lambda: torchvision_file("inception_v3")}
CASES = [
    Case("efficientnet_lite0", 1280, tags=1000),
    Case("efficientnet_lite0", 1280, {"regions": True}, regions=[49] * 3, mean=True, tags=1000),
    Case("googlenet", 1024, GOOGLENET, twin=True),
    Case("googlenet", 1024, {**GOOGLENET, "regions": True}, regions=[49] * 3, twin=True),
    Case("inception_v3", 2048, INCEPTION, twin=True),
    torchvision("resnet18", 512),
    torchvision("resnet18", 512, regions=49, mean=True),
    torchvision("mobilenet_v3_small", 1024, twin=True),
    torchvision("mobilenet_v3_small", 576, regions=49, twin=True),
    timm("test_resnet", 96, regions=25, mean=True),
    timm("test_vit", 64),
    timm("test_vit", 64, regions=100),
    clip(24),
    clip(64, regions=16),
    Case("captions", 6, {}, CAPTIONS, ["", "xyzzy !", None, 3]),
    Case("captions", 6, {"pooling": "words"}, CAPTIONS, ["qwertz"], [2, 1, 3], mean=True),
    Case(
        "sentences",
        WIDTH,
        {"model": sentence_folder},
        CAPTIONS,
        ["", " \n", None, 3, b"a dog", "\ufe0f"],
        needs="transformers",
    ),
    Case("precomputed", 5, {"vectors": vector_file()}, ["a", "b", "c"], ["d", None, b"a"]),
    Case("precomputed", 5, {"vectors": vector_file(regions=True)}, ["c", "a"], [3], [4, 4]),
]
CLASSES = [case for case in CASES if not case.twin]
each_with_twins = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each = pytest.mark.parametrize("case", CLASSES, ids=lambda case: case.name)
each_of_pictures = pytest.mark.parametrize(
    "case", [case for case in CLASSES if case.sources is PICTURES], ids=lambda case: case.name
)
