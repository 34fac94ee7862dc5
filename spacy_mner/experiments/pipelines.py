"""The component `mner` of a pipeline, its size, and what its word vectors know."""

import shutil
from pathlib import Path
from typing import Iterable

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model, PyTorchShim

from ..models.modalities.lookup import is_known
from ..training.thin_vectors import thin_vectors


def count_parameters(nlp: Language) -> int:
    """Values that training changes, of all components; word vectors that are frozen do not count."""
    models = [getattr(pipe, "model", None) for _, pipe in nlp.pipeline]
    nodes = [node for model in models if isinstance(model, Model) for node in model.walk()]
    count = sum(node.get_param(x).size for node in nodes for x in node.param_names)
    for shim in (shim for node in nodes for shim in node.shims):
        if isinstance(shim, PyTorchShim):
            count += sum(p.numel() for p in shim._model.parameters() if p.requires_grad)
    return int(count)


def known_share(docs: Iterable[Doc], vocab: Vocab) -> float:
    """The share of tokens that are found in a table of word vectors, by the ladder of `is_known`."""
    found = total = 0
    for doc in docs:
        for token in doc:
            total += 1
            found += is_known(token.text, vocab.vectors)
    return found / max(1, total)


def write_thin_vectors(vectors: str, folder: Path, keep: float, *, seed: int) -> str:
    """Write a copy of a vectors pipeline that has lost a part of its words.

    vectors (str): name or path of a pipeline.
    folder (Path): where to write; replaced if it exists.
    keep (float): share of the words that stays.
    seed (int): see `thin_vectors`.
    RETURNS (str): the folder.
    """
    nlp = spacy.load(vectors)
    nlp.vocab.vectors = thin_vectors(nlp.vocab.vectors, keep, seed=seed)
    shutil.rmtree(folder, ignore_errors=True)
    nlp.to_disk(folder)
    return str(folder)
