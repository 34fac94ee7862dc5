"""A part of the training data for early stopping, so that nothing is chosen on the scored posts."""

import random
from pathlib import Path
from typing import Tuple

from spacy.tokens import DocBin

from ..errors import Errors
from ..training.spacy_files import read_docs


def split_train(train: Path, folder: Path, fraction: float, *, seed: int = 0) -> Tuple[Path, Path]:
    """Write two parts of the training data.

    train (Path): `.spacy` file, or a folder of them.
    folder (Path): where `train.spacy` and `dev.spacy` are written.
    fraction (float): share of the posts that becomes the dev part, in (0, 1).
    seed (int): of the draw; the same for every row and every seed of a model.
    RETURNS (Tuple[Path, Path]): the larger part for training, the smaller one for early stopping.
    RAISES (ValueError): M125 if a part would be empty.
    """
    docs = read_docs(train)
    n_dev = round(fraction * len(docs))
    if not 0 < n_dev < len(docs):
        raise ValueError(Errors.M125.format(path=train, n=len(docs), fraction=fraction, dev=n_dev))
    chosen = set(random.Random(seed).sample(range(len(docs)), n_dev))
    paths = folder / "train.spacy", folder / "dev.spacy"
    folder.mkdir(parents=True, exist_ok=True)
    for path, part in zip(paths, (False, True), strict=True):
        kept = [doc for i, doc in enumerate(docs) if (i in chosen) is part]
        DocBin(docs=kept, store_user_data=True).to_disk(path)
    return paths
