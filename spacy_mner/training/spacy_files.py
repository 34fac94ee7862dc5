"""Posts in `.spacy` files, read without a config."""

from pathlib import Path
from typing import List

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example

from ..errors import Errors


def find_spacy_files(path: Path) -> List[Path]:
    """RETURNS (List[Path]): The file, or all `.spacy` files in and below the folder, sorted."""
    return sorted(path.rglob("*.spacy")) if path.is_dir() else [path]


def read_docs(path: Path) -> List[Doc]:
    """All docs of a `.spacy` file, or of a folder of them."""
    vocab = spacy.blank("xx").vocab
    return [
        doc for file in find_spacy_files(path) for doc in DocBin().from_disk(file).get_docs(vocab)
    ]


def read_examples(nlp: Language, path: Path) -> List[Example]:
    """What `spacy evaluate` would score, with spaCy's own reader: the same docs, so the same figures.

    nlp (Language): The pipeline.
    path (Path): `.spacy` file, or a folder of them.
    RETURNS (List[Example]): At least one.
    RAISES (ValueError): M061 if there is none.
    """
    examples = list(Corpus(path)(nlp))
    if not examples:
        raise ValueError(Errors.M061.format(path=path))
    return examples
