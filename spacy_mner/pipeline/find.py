"""The components `mner` of a pipeline."""

from typing import Dict

from spacy.language import Language

from ..errors import Errors
from .mner import MultimodalEntityRecognizer


def find_mners(nlp: Language) -> Dict[str, MultimodalEntityRecognizer]:
    """Every `mner` by its name, in the order of the pipeline."""
    return {n: pipe for n, pipe in nlp.pipeline if isinstance(pipe, MultimodalEntityRecognizer)}


def find_mner(nlp: Language) -> MultimodalEntityRecognizer:
    """The `mner` that a measurement is about. Of several it is the last: whatever is in `Doc.ents` has
    gone through it.

    RAISES (ValueError): M130 if there is none.
    """
    found = find_mners(nlp)
    if not found:
        raise ValueError(Errors.M130.format(pipes=", ".join(nlp.pipe_names) or "empty"))
    return list(found.values())[-1]
