"""The components `mner` of a pipeline."""

from typing import List, Tuple

from spacy.language import Language

from ..errors import Errors
from .mner import MultimodalEntityRecognizer


def find_mners(nlp: Language) -> List[Tuple[str, MultimodalEntityRecognizer]]:
    """Every `mner` with its name, in the order of the pipeline; at least one.

    RAISES (ValueError): M130 if there is none.
    """
    found = [
        (name, pipe) for name, pipe in nlp.pipeline if isinstance(pipe, MultimodalEntityRecognizer)
    ]
    if not found:
        raise ValueError(Errors.M130.format(pipes=", ".join(nlp.pipe_names) or "empty"))
    return found
