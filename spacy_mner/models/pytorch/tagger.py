"""The network: modalities -> fusion -> encoder -> decoder."""

from typing import Dict, FrozenSet, List, Optional, cast

import torch
from torch import Tensor, nn

from ..cache import FormCache
from ..types import Batch, ModalityDropout, TaggerOutput
from .encoder import RecurrentEncoder

CONTEXT = "context"


class MultimodalTagger(nn.Module):
    """Merges the modalities of each token and labels the row of tokens (Figure 2 of the paper).

    The order of the modalities is: forms, docs, context; it is the order of the weights' columns.

    forms (Dict[str, nn.Module]): modules of the modalities that depend on the form alone.
    docs (Dict[str, nn.Module]): modules of the modalities that belong to the post.
    context (Optional[nn.Module]): transform of the `tok2vec` vectors.
    fusion, encoder, decoder (nn.Module): see `models/types.py`.
    evidence (Optional[nn.Module]): bias on the emissions.
    initial_state (Optional[nn.Module]): what the encoder starts from; a module as in `docs`.
    width (int): p.
    post_dropout (Dict[str, float]): probability that a modality is missing from a whole post, in
        training; by modality.
    token_dropout (Dict[str, float]): the same for one token.
    cache (FormCache): transformed forms, kept outside training.
    """

    def __init__(
        self,
        *,
        forms: Dict[str, nn.Module],
        docs: Dict[str, nn.Module],
        context: Optional[nn.Module],
        fusion: nn.Module,
        encoder: nn.Module,
        decoder: nn.Module,
        evidence: Optional[nn.Module],
        initial_state: Optional[nn.Module] = None,
        width: int,
        post_dropout: ModalityDropout,
        token_dropout: ModalityDropout,
        cache: FormCache,
    ) -> None:
        super().__init__()
        self.forms = nn.ModuleDict(forms)
        self.docs = nn.ModuleDict(docs)
        self.context = context
        self.fusion = fusion
        self.encoder = encoder
        self.decoder = decoder
        self.evidence = evidence
        self.initial_state = initial_state
        self.width = width
        self.post_dropout = post_dropout
        self.token_dropout = token_dropout
        self.cache = cache
        # Modalities that are made to miss, in prediction: see `missing_modalities`.
        self.missing: FrozenSet[str] = frozenset()

    @property
    def modality_names(self) -> List[str]:
        """Names in the order of the weights' columns."""
        return [*self.forms, *self.docs, *([CONTEXT] if self.context is not None else [])]

    def forward(self, batch: Batch, context: Optional[Tensor] = None) -> TaggerOutput:
        """Score the tags of every token.

        batch (Batch): features of B posts.
        context (Optional[Tensor]): (B, T, D) vectors of `tok2vec`, zero where it has none.
        RETURNS (TaggerOutput): emissions (B, T, nO) and weights (B, T, M).
        """
        if self._is_merged_by_form():
            hidden, weights = self._read_forms(batch)
        else:
            merged, weights = self._merge_tokens(batch, context)
            hidden = self.encoder(merged, batch.mask, *self._initial_state(batch))
        emissions = self.decoder(hidden)
        if self.evidence is not None and batch.evidence is not None:
            emissions = self._add_bias(emissions, self.evidence(batch.evidence, hidden))
        return TaggerOutput(emissions=emissions, mask=batch.mask, weights=weights)

    def _is_merged_by_form(self) -> bool:
        """Whether what a token merges depends on its form alone, so that it is merged once per form."""
        alone = not self.docs and self.context is None and not self.missing
        return alone and not (self.training and (self.post_dropout or self.token_dropout))

    def _read_forms(self, batch: Batch) -> tuple[Tensor, Optional[Tensor]]:
        """The encoder's output (B, T, H) and weights (B, T, M); every form is merged once, and in prediction
        put through the encoder's first weights once."""
        merged, weights = self.fusion(*self._transform_forms(batch))
        projecting = None
        if isinstance(self.encoder, RecurrentEncoder) and self.encoder.projects(merged):
            projecting = self.encoder
        rows = {"inputs": projecting.project(merged) if projecting else merged}
        if weights is not None:
            rows["weights"] = weights
        if batch.new_slots is not None:
            rows = self.cache.update(batch.new_slots, rows)
        inputs = rows["inputs"]
        if projecting:
            hidden = projecting.read_projected(inputs, batch.form_index, batch.mask)
        else:
            inputs = _spread(inputs, batch)
            hidden = self.encoder(inputs, batch.mask, *self._initial_state(batch))
        return hidden, _spread(rows["weights"], batch) if weights is not None else None

    def _merge_tokens(
        self, batch: Batch, context: Optional[Tensor]
    ) -> tuple[Tensor, Optional[Tensor]]:
        """Merged (B, T, nO) and weights (B, T, M), computed for every token."""
        values, present = self._forms(batch)
        names = list(self.forms)
        if self.context is not None and context is not None:
            values.append(self.context(context))
            # A token that became no sub-token has no context: missing, not zero.
            present.append(context.ne(0).any(-1))
            names.append(CONTEXT)
        present = [self._lose(name, there) for name, there in zip(names, present, strict=True)]
        # What is missing does not ask, either. Nobody does where the picture is no modality.
        query = _mean(values, present) if self.docs else None
        docs = [module(batch.docs[name], query) for name, module in self.docs.items()]
        at = len(self.forms)
        values[at:at] = [v for v, _ in docs]
        present[at:at] = [self._lose(name, p) for name, (_, p) in zip(self.docs, docs, strict=True)]
        return self.fusion(torch.stack(values, dim=2), torch.stack(present, dim=2))

    def _transform_forms(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Values (U, F, p) and presence (U, F) of the form modalities, for the batch's new forms."""
        computed = [module(batch.forms[name]) for name, module in self.forms.items()]
        return torch.stack([v for v, _ in computed], dim=1), torch.stack(
            [p for _, p in computed], dim=1
        )

    def _forms(self, batch: Batch) -> tuple[List[Tensor], List[Tensor]]:
        """Values (B, T, p) and presence (B, T) of each form modality.

        Every form is transformed once; `form_index` then spreads the rows over the tokens.
        """
        if not self.forms:
            return [], []
        values, present = self._transform_forms(batch)
        if batch.new_slots is not None:
            tables = self.cache.update(batch.new_slots, {"values": values, "present": present})
            values, present = tables["values"], tables["present"]
        values, present = _spread(values, batch), _spread(present, batch)
        return list(values.unbind(2)), list(present.unbind(2))

    def _initial_state(self, batch: Batch) -> tuple[Tensor, ...]:
        """The encoder's third argument (B, H), if there is one; zero for posts that have nothing."""
        if self.initial_state is None or batch.initial_state is None:
            return ()
        # No token asks, so regions that are pooled by attention are averaged.
        width = cast(int, self.encoder.state_width)
        query = torch.zeros(len(batch.mask), 1, width, device=batch.mask.device)
        values, present = self.initial_state(batch.initial_state, query)
        return (values[:, 0].masked_fill(~present, 0.0),)

    def _lose(self, name: str, present: Tensor) -> Tensor:
        """Where a modality is there, (B, T): less in training, so that one model serves posts with and
        without, and nowhere if it is made to miss."""
        if name in self.missing:
            return torch.zeros_like(present)
        if self.training:
            for rate, shape in (
                (self.post_dropout.get(name, 0.0), (present.shape[0], 1)),
                (self.token_dropout.get(name, 0.0), present.shape),
            ):
                if rate > 0:
                    present = present & (torch.rand(shape, device=present.device) >= rate)
        return present

    def _add_bias(self, emissions: Tensor, bias: Tensor) -> Tensor:
        """Add the bias (B, T, N) of each label to its B and I tags; O stays the reference."""
        n_tags = 1 + 2 * bias.shape[-1]
        per_tag = nn.functional.pad(bias.repeat_interleave(2, dim=-1), (1, 0))
        return torch.cat([emissions[..., :n_tags] + per_tag, emissions[..., n_tags:]], dim=-1)


def _spread(rows: Tensor, batch: Batch) -> Tensor:
    """Rows (U, ...) of the forms -> (B, T, ...), a new tensor."""
    index = batch.form_index
    return rows.index_select(0, index.flatten()).view(*index.shape, *rows.shape[1:])


def _mean(values: List[Tensor], present: List[Tensor]) -> Optional[Tensor]:
    """The mean of a token's modalities that are there, (B, T, p): the query for the picture."""
    if not values:
        return None
    mask = torch.stack(present, dim=-1).unsqueeze(-2)
    total = (torch.stack(values, dim=-1) * mask).sum(-1)
    return total / mask.sum(-1).clamp(min=1)
