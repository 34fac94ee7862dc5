"""How sure the model is: of each token's tag, of whole sequences of tags, and of the next best ones.

All probabilities are those of the CRF at the component's temperature (see `docs/confidence.md`), among the
sequences that prediction could choose: legal BIO, tokens of preset entities and blocked tokens are O.
"""

from typing import List, NamedTuple, Optional, Sequence

import numpy as np
import torch
from spacy.tokens import Doc, Span
from thinc.api import Model

from ..errors import Errors
from ..models.tagger import get_decoder
from ..models.types import SequenceDecoder, TaggerOutput
from ..tags import bio_tags, entities_from_tags, trim
from .prediction import ScoredBatch, score_batches

MISSING_TAG = "-"


class TagSequence(NamedTuple):
    """One way to label a whole post.

    tags (List[str]): BIO, one a token.
    ents (List[Span]): the entities that they mean, without white space at the end. The doc does not
        have them: its own `doc.ents` stay as they are.
    log_probability (float): natural logarithm; never above 0.
    """

    tags: List[str]
    ents: List[Span]
    log_probability: float

    @property
    def probability(self) -> float:
        """From 0 to 1."""
        return float(np.exp(self.log_probability))


def marginals(
    model: Model[List[Doc], TaggerOutput], docs: Sequence[Doc], *, temperature: float = 1.0
) -> List[np.ndarray]:
    """Each token's distribution over tags.

    model (Model): an initialized tagger.
    docs (Sequence[Doc]): docs of any length; never changed.
    temperature (float): divides the scores of the CRF.
    RETURNS (List[ndarray]): one a doc: float32 (n_tokens, L), whose columns are `tags.bio_tags(labels)`
        and whose rows sum to 1.
    RAISES (ValueError): M001 if the model is not initialized, M140 if its decoder has no marginals.
    """
    decoder = _decoder(model)
    tables = [np.zeros((len(doc), decoder.n_tags), dtype=np.float32) for doc in docs]
    for batch in score_batches(model, docs):
        out = batch.output
        found = decoder.marginals(out.emissions, out.mask, batch.allowed, temperature=temperature)
        for i, doc, table in zip(
            batch.places, batch.docs, found.float().cpu().numpy(), strict=True
        ):
            tables[i] = table[: len(doc)].copy()
    return tables


def n_best(
    model: Model[List[Doc], TaggerOutput],
    docs: Sequence[Doc],
    k: int,
    labels: Sequence[str],
    *,
    temperature: float = 1.0,
) -> List[List[TagSequence]]:
    """The k most probable tag sequences of each doc, the best first.

    The first one is what is predicted (without a threshold). Sequences that differ only in the tag of
    white space behind an entity count apart, though their entities are the same.

    model (Model): an initialized tagger.
    docs (Sequence[Doc]): docs of any length; never changed.
    k (int): how many, 1 or more.
    labels (Sequence[str]): the component's.
    temperature (float): divides the scores of the CRF.
    RETURNS (List[List[TagSequence]]): one list a doc, shorter where there are fewer legal sequences.
    RAISES (ValueError): M001 if the model is not initialized, M011 for k below 1, M140 if the decoder
        cannot rank sequences.
    """
    if k < 1:
        raise ValueError(Errors.M011.format(setting="k", value=k, range="1 or more"))
    decoder = _decoder(model)
    names = bio_tags(labels)
    found = [[TagSequence([], [], 0.0)] for _ in docs]
    for batch in score_batches(model, docs):
        out = batch.output
        tags, log_probs = decoder.n_best(
            out.emissions, out.mask, k, batch.allowed, temperature=temperature
        )
        table, values = tags.cpu().numpy(), log_probs.cpu().numpy()
        for b, (i, doc) in enumerate(zip(batch.places, batch.docs, strict=True)):
            found[i] = [
                _sequence(doc, row[: len(doc)], float(value), labels, names)
                for row, value in zip(table[b], values[b], strict=True)
                if np.isfinite(value)
            ]
    return found


def log_probability(
    model: Model[List[Doc], TaggerOutput],
    docs: Sequence[Doc],
    tags: Optional[Sequence[Sequence[str]]],
    labels: Sequence[str],
    *,
    temperature: float = 1.0,
) -> np.ndarray:
    """The log-probability of whole tag sequences.

    model (Model): an initialized tagger.
    docs (Sequence[Doc]): docs of any length; never changed.
    tags (Optional[Sequence[Sequence[str]]]): one BIO tag a token and doc, "-" where any will do;
        None asks for what is predicted.
    labels (Sequence[str]): the component's.
    temperature (float): divides the scores of the CRF.
    RETURNS (ndarray): float64 (n_docs,), -inf for a sequence that cannot be predicted; 0 for an empty
        doc.
    RAISES (ValueError): M001 if the model is not initialized, M140 if the decoder has no probabilities
        of sequences, M141 if the tags do not fit the docs or the labels.
    """
    decoder = _decoder(model)
    if tags is not None:
        _check_tags(docs, tags, labels)
    found = np.zeros(len(docs))
    for batch in score_batches(model, docs):
        out = batch.output
        if tags is None:
            best = decoder.decode(out.emissions, out.mask, batch.allowed)
            given = torch.nn.functional.one_hot(best, decoder.n_tags).bool()
        else:
            given = _given(batch, tags, bio_tags(labels))
        values = decoder.log_prob(
            out.emissions, out.mask, given, batch.allowed, temperature=temperature
        )
        found[batch.places] = values.cpu().numpy()
    return found


def _decoder(model: Model[List[Doc], TaggerOutput]) -> SequenceDecoder:
    decoder = get_decoder(model)
    if not isinstance(decoder, SequenceDecoder):
        raise ValueError(Errors.M140.format(decoder=type(decoder).__name__))
    return decoder


def _sequence(
    doc: Doc, row: np.ndarray, value: float, labels: Sequence[str], names: Sequence[str]
) -> TagSequence:
    entities = [trim(entity, doc) for entity in entities_from_tags(row[None])[0]]
    ents = [Span(doc, e.start, e.end, label=labels[e.label]) for e in entities]
    return TagSequence([names[tag] for tag in row.tolist()], ents, value)


def _check_tags(docs: Sequence[Doc], tags: Sequence[Sequence[str]], labels: Sequence[str]) -> None:
    if len(tags) != len(docs):
        raise ValueError(Errors.M141.format(problem=f"{len(tags)} rows for {len(docs)} docs"))
    known = {*bio_tags(labels), MISSING_TAG}
    for i, (doc, row) in enumerate(zip(docs, tags, strict=True)):
        if len(row) != len(doc):
            problem = f"row {i} has {len(row)} tags for {len(doc)} tokens"
            raise ValueError(Errors.M141.format(problem=problem))
        for tag in row:
            if tag not in known:
                problem = f"row {i} has {tag!r}, the tags are {', '.join(sorted(known))}"
                raise ValueError(Errors.M141.format(problem=problem))


def _given(batch: ScoredBatch, tags: Sequence[Sequence[str]], names: Sequence[str]) -> torch.Tensor:
    given = np.ones((*batch.output.mask.shape, len(names)), dtype=bool)
    for b, place in enumerate(batch.places):
        for t, tag in enumerate(tags[place]):
            if tag != MISSING_TAG:
                given[b, t] = False
                given[b, t, names.index(tag)] = True
    return torch.from_numpy(given).to(batch.output.mask.device)
