"""Pictures that are encoded in training, by a component of the pipeline."""

from itertools import takewhile
from typing import Any, List, Sequence

from spacy.language import Language
from spacy.training import Example

from ..pictures import PICTURE_EXTENSIONS

VECTOR = "doc._.image_vec"


def encode_pictures(nlp: Language, name: str, examples: Sequence[Example]) -> List[Example]:
    """Examples whose predicted docs have the vectors that training will see.

    spaCy runs the components under `[training] annotating_components` in training, but not before a
    component is initialized, which takes widths and statistics from the vectors.

    nlp (Language): the pipeline.
    name (str): the component that is initialized; what comes before it is looked at.
    examples (Sequence[Example]): they and their docs are left as they are.
    RETURNS (List[Example]): the same objects where nothing had to be encoded; elsewhere new examples
        with a copy of the predicted doc.
    """
    annotating = nlp.config["training"].get("annotating_components", [])
    pipes: List[Any] = [
        pipe
        for pipe_name, pipe in takewhile(lambda pair: pair[0] != name, nlp.pipeline)
        if pipe_name in annotating and VECTOR in nlp.get_pipe_meta(pipe_name).assigns
    ]
    found = list(examples)
    if not pipes:
        return found
    lacking = [i for i, eg in enumerate(found) if _awaits_encoder(eg)]
    docs = [found[i].predicted.copy() for i in lacking]
    for pipe in pipes:
        docs = list(pipe.pipe(docs))
    for i, doc in zip(lacking, docs, strict=True):
        found[i] = Example(doc, found[i].reference)
    return found


def _awaits_encoder(example: Example) -> bool:
    doc = example.predicted
    return doc._.image_vec is None and any(doc._.get(x) is not None for x in PICTURE_EXTENSIONS)
