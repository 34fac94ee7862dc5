"""From docs to predicted entities, their probabilities and the modality weights."""

from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from torch import Tensor

from ..models.tagger import get_decoder, get_tagger
from ..models.types import Decoder, TaggerOutput
from ..tags import Entity, entities_from_tags, preset_constraints, trim

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


class ScoredBatch(NamedTuple):
    """Posts of similar length and what the network says about them.

    places (List[int]): of the posts among the docs that were given.
    docs (List[Doc]): the B posts, none of them empty.
    output (TaggerOutput): emissions, mask and modality weights.
    allowed (Optional[Tensor]): (B, T, L) bool, what the posts' own annotation leaves; None = all.
    """

    places: List[int]
    docs: List[Doc]
    output: TaggerOutput
    allowed: Optional[Tensor]


def score_batches(
    model: Model[List[Doc], TaggerOutput], docs: Sequence[Doc]
) -> Iterator[ScoredBatch]:
    """Run the network on docs of any length, in batches of posts of similar length.

    model (Model): a tagger.
    docs (Sequence[Doc]): they are not changed; empty ones are left out.
    YIELDS (ScoredBatch): batches that hold each post once.
    RAISES (ValueError): M001 if the model is not initialized.
    """
    get_tagger(model)
    n_tags = get_decoder(model).n_tags
    order = sorted((i for i, doc in enumerate(docs) if len(doc)), key=lambda i: len(docs[i]))
    for places in _batches_of_tokens(order, docs):
        batch = [docs[i] for i in places]
        output = model.predict(batch)
        constraints = preset_constraints(batch, output.mask.shape[1], n_tags)
        allowed = None
        if constraints is not None:
            allowed = torch.from_numpy(constraints).to(output.mask.device)
        yield ScoredBatch(places, batch, output, allowed)


def predict_docs(
    model: Model[List[Doc], TaggerOutput],
    docs: Sequence[Doc],
    *,
    scores: bool,
    weights: bool,
    temperature: float = 1.0,
    threshold: float = 0.0,
) -> List[Prediction]:
    """Predict docs of any length.

    model (Model): an initialized tagger.
    docs (Sequence[Doc]): they are not changed.
    scores (bool): return each entity's probability.
    weights (bool): return the modality weights.
    temperature (float): divides the scores of the CRF; it changes probabilities alone.
    threshold (float): entities that are less probable are left out.
    RETURNS (List[Prediction]): one a doc, in the docs' order.
    RAISES (ValueError): M001 if the model is not initialized.
    """
    nothing = np.zeros(0, dtype=np.float32) if scores else None
    predictions = [Prediction([], nothing) for _ in docs]
    for batch in score_batches(model, docs):
        rows = decode_entities(get_decoder(model), batch)
        probs: List[Optional[np.ndarray]] = [None] * len(rows)
        if scores or threshold > 0:
            probs = list(entity_probabilities(get_decoder(model), batch, rows, temperature))
        for i, row, prob, weight in zip(
            batch.places, rows, probs, _weights(batch, weights), strict=True
        ):
            if prob is not None and threshold > 0:
                row = [entity for entity, p in zip(row, prob, strict=True) if p >= threshold]
                prob = prob[prob >= threshold]
            predictions[i] = Prediction(row, prob if scores else None, weight)
    return predictions


def decode_entities(decoder: Decoder, batch: ScoredBatch) -> List[List[Entity]]:
    """The entities of the best legal tags, one list a post."""
    with torch.no_grad():
        tags = decoder.decode(batch.output.emissions, batch.output.mask, batch.allowed)
    rows = entities_from_tags(tags.cpu().numpy())
    return [
        [trim(entity, doc) for entity in row] for row, doc in zip(rows, batch.docs, strict=True)
    ]


def entity_probabilities(
    decoder: Decoder, batch: ScoredBatch, rows: List[List[Entity]], temperature: float = 1.0
) -> List[np.ndarray]:
    """The probability of each entity, float32 (n_entities,), one array a post.

    Spans that differ in the white space at their end are the same entity: their probabilities add up.

    decoder (Decoder): of the model.
    batch (ScoredBatch): B posts.
    rows (List[List[Entity]]): entities of each post, from `decode_entities`.
    temperature (float): divides the scores of the CRF.
    """
    spans: List[Tuple[int, ...]] = []
    firsts: List[int] = []
    for i, (row, doc) in enumerate(zip(rows, batch.docs, strict=True)):
        for entity in row:
            firsts.append(len(spans))
            spans.append((i, *entity))
            for end in range(entity.end, len(doc)):
                if not doc[end].is_space:
                    break
                spans.append((i, *entity._replace(end=end + 1)))
    if not spans:
        return [np.zeros(0, dtype=np.float32) for _ in rows]
    with torch.no_grad():
        log_probs = decoder.span_log_probs(
            batch.output.emissions,
            batch.output.mask,
            torch.tensor(spans, device=batch.output.mask.device),
            batch.allowed,
            temperature=temperature,
        )
    probs = np.add.reduceat(log_probs.exp().float().cpu().numpy(), firsts)
    # Rounding may lift a certain entity above 1 by a few units in the last place.
    ends = np.cumsum([len(row) for row in rows])[:-1]
    return list(np.split(probs.clip(max=1.0), ends))


def _weights(batch: ScoredBatch, wanted: bool) -> List[Optional[np.ndarray]]:
    if not wanted or batch.output.weights is None:
        return [None] * len(batch.docs)
    table = batch.output.weights.float().cpu().numpy()
    return [table[i, : len(doc)].copy() for i, doc in enumerate(batch.docs)]


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
