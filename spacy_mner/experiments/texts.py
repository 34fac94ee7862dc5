"""Weak text: what is left of a data set when words, capitals or spelling are not to be relied on."""

import random
from pathlib import Path
from typing import List, Literal, Sequence, get_args

from spacy.tokens import Doc, DocBin

from ..training.respelling import respell, respell_words
from ..training.spacy_files import read_docs

Text = Literal["plain", "lower", "noisy"]
TEXTS: Sequence[str] = get_args(Text)
TITLES = {"plain": "as it is", "lower": "lower-cased", "noisy": "typos and elongations"}
# One word in four with a typo, one in ten stretched: worse than tweets are, and still readable.
NOISE = {"typos": 0.25, "elongations": 0.1}


def write_text(source: Path, target: Path, text: Text, *, seed: int) -> Path:
    """Write a copy of posts with weaker text; entities and pictures stay.

    source (Path): `.spacy` file, or a folder of them.
    target (Path): `.spacy` file to write.
    text (str): "plain", "lower" or "noisy".
    seed (int): of the noise.
    RETURNS (Path): the target.
    """
    rng = random.Random(seed)
    docs = [respell(doc, _weaken(doc, text, rng)) if len(doc) else doc for doc in read_docs(source)]
    target.parent.mkdir(parents=True, exist_ok=True)
    DocBin(docs=docs, store_user_data=True).to_disk(target)
    return target


def read_lengths(path: Path) -> List[int]:
    """Number of tokens of each scored post. Empty posts are left out, as by spaCy's reader, which the counts
    of a run are from."""
    return [len(doc) for doc in read_docs(path) if len(doc)]


def _weaken(doc: Doc, text: Text, rng: random.Random) -> List[str]:
    words = [token.text for token in doc]
    if text == "lower":
        return [word.lower() for word in words]
    return respell_words(words, rng, **NOISE) if text == "noisy" else words
