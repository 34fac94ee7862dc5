"""Posts as the contestants that know nothing of spaCy want them, and as a stream without end."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.util import load_model
from spacy.vocab import Vocab

# Words, and the picture's vector.
Text = tuple[list[str], np.ndarray | None]


def read(path: Path) -> list[Doc]:
    """Posts with a token at least."""
    docs = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    return [doc for doc in docs if len(doc)]


def words(doc: Doc) -> list[str]:
    return [token.text for token in doc]


def tags_of(doc: Doc) -> list[str]:
    return [f"{t.ent_iob_}-{t.ent_type_}" if t.ent_type_ else "O" for t in doc]


def text(doc: Doc) -> Text:
    return words(doc), doc._.image_vec


def docs(vocab: Vocab, texts: Iterable[Text]) -> Iterator[Doc]:
    """Posts as they come, with the vectors of their pictures."""
    for forms, vector in texts:
        doc = Doc(vocab, words=forms)
        doc._.image_vec = vector
        yield doc


def label(nlp: Language, texts: Iterable[Text], batch_size: int, n_process: int = 1) -> int:
    """Label posts as they come, and forget them. RETURNS: number of posts."""
    labelled = nlp.pipe(docs(nlp.vocab, texts), n_process=n_process, batch_size=batch_size)
    return sum(1 for _ in labelled)


def word_table(vectors: str, docs: list[Doc]) -> tuple[dict[str, int], np.ndarray]:
    """Row by word, as it is and in lower case, for the words of the docs, and the rows; row 0 is zero,
    for unknown words."""
    vocab = load_model(vectors).vocab
    forms = {form for doc in docs for t in doc for form in (t.text, t.lower_)}
    rows = {form: vocab.vectors.key2row.get(vocab.strings.add(form), -1) for form in forms}
    data = np.asarray(vocab.vectors.data, dtype=np.float32)
    table = {form: row + 1 for form, row in rows.items() if row >= 0}
    return table, np.concatenate([np.zeros((1, data.shape[1]), np.float32), data])
