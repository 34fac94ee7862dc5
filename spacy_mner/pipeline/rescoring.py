"""Predicts again, for scoring, what was predicted without its picture."""

from typing import Any, Iterable, List, Protocol, Sequence

from spacy.tokens import Doc
from spacy.training import Example

from ..errors import Errors, is_coded
from ..pictures import lacks_image, share_images
from .annotations import remove_entities
from .prediction import Prediction

BATCH_SIZE = 128


class Recognizer(Protocol):
    """What is needed of the component."""

    name: str
    spans_key: str

    def predict(self, docs: Iterable[Doc]) -> List[Prediction]: ...

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[Prediction]) -> Any: ...


def predict_lacking(component: Recognizer, examples: Sequence[Example]) -> List[Example]:
    """Examples whose predicted docs saw the picture that their reference has.

    component (Recognizer): the component that is scored.
    examples (Sequence[Example]): predicted by it; they and their docs are left as they are.
    RETURNS (List[Example]): the same objects where nothing was lacking, elsewhere new ones, on copies.
    RAISES (ValueError): M015 if components that came later left too little of a doc.
    """
    # The model sees vectors alone: other pictures would change nothing here.
    lacking = [
        i
        for i, eg in enumerate(examples)
        if lacks_image(eg) and eg.reference._.image_vec is not None
    ]
    try:
        shared = share_images(examples[i] for i in lacking)
        docs = [eg.predicted for eg in shared]
        for doc in docs:
            remove_entities(doc, key=component.spans_key, component=component.name)
        for start in range(0, len(docs), BATCH_SIZE):
            part = docs[start : start + BATCH_SIZE]
            component.set_annotations(part, component.predict(part))
    except Exception as error:
        # Tokens that were merged, a tensor that was cleaned away: not what the component once saw.
        if is_coded(error):
            raise
        raise ValueError(Errors.M015.format(name=component.name, problem=error)) from error
    found = list(examples)
    for i, eg in zip(lacking, shared, strict=True):
        found[i] = eg
    return found
