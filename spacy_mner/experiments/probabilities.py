"""How probable a model finds given entities, also those that it does not predict."""

from typing import List, Sequence

import torch
from spacy.tokens import Doc

from ..evaluation.spans import Span
from ..models.tagger import get_decoder
from ..pipeline.mner import MultimodalEntityRecognizer


def span_probabilities(
    component: MultimodalEntityRecognizer, doc: Doc, spans: Sequence[Span]
) -> List[float]:
    """The probability of exactly these entities under the CRF, each for itself.

    component (MultimodalEntityRecognizer): an initialized component.
    doc (Doc): a post with its picture, as the component gets it; never changed.
    spans (Sequence[Span]): (label, start, end) in tokens of the doc; a label that the model does not
        know has probability 0.
    RETURNS (List[float]): from 0 to 1.
    """
    ids = {label: i for i, label in enumerate(component.labels)}
    known = [(0, start, end, ids[label]) for label, start, end in spans if label in ids]
    if not known:
        return [0.0] * len(spans)
    output = component.model.predict([doc])
    with torch.no_grad():
        where = torch.tensor(known, device=output.mask.device)
        found = get_decoder(component.model).span_log_probs(
            output.emissions, output.mask, where, temperature=component.temperature
        )
    values = iter(found.exp().clamp(max=1.0).tolist())
    return [next(values) if label in ids else 0.0 for label, _, _ in spans]
