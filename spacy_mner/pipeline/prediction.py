"""From docs to predicted entities, their probabilities and the modality weights."""

from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from torch import Tensor

from ..models.tagger import get_decoder, get_tagger
from ..models.types import Decoder, TaggerOutput
from ..tags import Entity, entities_from_tags, preset_constraints, space_tokens, trim

# Padded tokens of one forward pass: bounds memory when a post is very long.
MAX_TOKENS = 8192


class Prediction(NamedTuple):
    """What the model says about one doc.

    entities (List[Entity]): token spans with the index of their label.
    scores (Optional[ndarray]): float32 (n_entities,) probabilities.
    weights (Optional[ndarray]): float32 (n_tokens, M) modality weights.
    """

    entities: List[Entity]
    scores: Optional[np.ndarray] = None
    weights: Optional[np.ndarray] = None


def predict_docs(
    model: Model[List[Doc], TaggerOutput], docs: Sequence[Doc], *, scores: bool, weights: bool
) -> List[Prediction]:
    """Predict docs of any length, in batches of posts of similar length.

    model (Model): an initialized tagger.
    docs (Sequence[Doc]): they are not changed.
    scores (bool): compute each entity's probability.
    weights (bool): return the modality weights.
    RETURNS (List[Prediction]): one a doc, in the docs' order.
    RAISES (ValueError): M001 if the model is not initialized.
    """
    get_tagger(model)
    nothing = np.zeros(0, dtype=np.float32) if scores else None
    predictions = [Prediction([], nothing) for _ in docs]
    order = sorted((i for i, doc in enumerate(docs) if len(doc)), key=lambda i: len(docs[i]))
    for batch in _batches_of_tokens(order, docs):
        made = _predict_batch(model, [docs[i] for i in batch], scores=scores, weights=weights)
        for i, prediction in zip(batch, made, strict=True):
            predictions[i] = prediction
    return predictions


def _predict_batch(
    model: Model[List[Doc], TaggerOutput], docs: List[Doc], *, scores: bool, weights: bool
) -> List[Prediction]:
    decoder = get_decoder(model)
    output = model.predict(docs)
    constraints = preset_constraints(docs, output.mask.shape[1], decoder.n_tags)
    allowed = None
    if constraints is not None:
        allowed = torch.from_numpy(constraints).to(output.mask.device)
    with torch.no_grad():
        tags = decoder.decode(output.emissions, output.mask, allowed).cpu().numpy()
        spaces = [space_tokens(doc) for doc in docs]
        rows = [
            [trim(entity, space) for entity in entities_from_tags(row[: len(space)])]
            for row, space in zip(tags, spaces, strict=True)
        ]
        row_scores = (
            _scores(decoder, output, rows, spaces, allowed) if scores else [None] * len(docs)
        )
    row_weights: List[Optional[np.ndarray]] = [None] * len(docs)
    if weights and output.weights is not None:
        table = output.weights.float().cpu().numpy()
        row_weights = [table[i, : len(doc)].copy() for i, doc in enumerate(docs)]
    return [Prediction(*made) for made in zip(rows, row_scores, row_weights, strict=True)]


def _scores(
    decoder: Decoder,
    output: TaggerOutput,
    rows: List[List[Entity]],
    spaces: List[np.ndarray],
    allowed: Optional[Tensor],
) -> List[Optional[np.ndarray]]:
    """The probability of each entity, one array a doc.

    Spans that differ in the white space at their end are the same entity: their probabilities add up.
    """
    spans: List[Tuple[int, ...]] = []
    firsts: List[int] = []
    for i, (row, space) in enumerate(zip(rows, spaces, strict=True)):
        for entity in row:
            firsts.append(len(spans))
            spans.append((i, *entity))
            for end in range(entity.end, len(space)):
                if not space[end]:
                    break
                spans.append((i, *entity._replace(end=end + 1)))
    if not spans:
        return [np.zeros(0, dtype=np.float32) for _ in rows]
    log_probs = decoder.span_log_probs(
        output.emissions,
        output.mask,
        torch.tensor(spans, device=output.mask.device),
        allowed,
    )
    probs = np.add.reduceat(log_probs.exp().float().cpu().numpy(), firsts)
    # Rounding may lift a certain entity above 1 by a few units in the last place.
    ends = np.cumsum([len(row) for row in rows])[:-1]
    return list(np.split(probs.clip(max=1.0), ends))


def _batches_of_tokens(order: Sequence[int], docs: Sequence[Doc]) -> Iterable[List[int]]:
    """Split docs sorted by length so that no batch has more than `MAX_TOKENS` padded tokens."""
    batch: List[int] = []
    for i in order:
        if batch and (len(batch) + 1) * len(docs[i]) > MAX_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
