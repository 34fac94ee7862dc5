"""Decoders: from the encoder's output to emissions, the loss, and the best legal tags."""

from typing import Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from ...tags import bio_tags
from .crf import CRF, bio_constraints


class CRFDecoder(nn.Module):
    """A linear-chain CRF on a linear layer (Eq. 2 and 3; Lample et al. 2016).

    Illegal BIO sequences are never decoded, and probabilities are those among legal sequences. The
    emissions of a decoder that is derived from this may have more columns than L: the first L count.

    nI (int): width of the encoder's output.
    labels (Sequence[str]): N entity labels; the tags are `tags.bio_tags(labels)`, L = 1 + 2N.
    constrain_training (bool): whether the loss, too, excludes illegal sequences.
    """

    def __init__(self, nI: int, labels: Sequence[str], *, constrain_training: bool = False) -> None:
        super().__init__()
        tags = bio_tags(labels)
        legal, legal_start = bio_constraints(tags)
        self.n_tags = len(tags)
        self.emissions = nn.Linear(nI, self.n_tags)
        self.crf = CRF(
            self.n_tags,
            legal=legal,
            legal_start=legal_start,
            constrain_training=constrain_training,
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden (B, T, nI) -> emissions (B, T, L). Evidence is added to the first L columns."""
        return self.emissions(hidden)

    def loss(self, emissions: Tensor, mask: Tensor, allowed: Tensor) -> Tensor:
        """Negative log-likelihood of the allowed tags, one value a post.

        emissions (Tensor): (B, T, nO) from `forward`.
        mask (Tensor): (B, T) bool.
        allowed (Tensor): (B, T, L) bool; a token whose annotation is missing allows every tag.
        RETURNS (Tensor): (B,).
        """
        return self.crf.loss(emissions, mask, allowed)

    def decode(self, emissions: Tensor, mask: Tensor, allowed: Optional[Tensor] = None) -> Tensor:
        """The best legal tags (B, T) long, by Viterbi."""
        return self.crf.decode(emissions[..., : self.n_tags], mask, allowed)

    def span_log_probs(
        self,
        emissions: Tensor,
        mask: Tensor,
        spans: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        """Log-probability of exactly these entities.

        spans (Tensor): (K, 4) long: post, start, end (exclusive), index of the label.
        temperature (float): divides all scores of the CRF.
        RETURNS (Tensor): (K,).
        """
        begin = torch.arange(1, self.n_tags, 2, device=emissions.device)
        return self.crf.span_log_probs(
            emissions[..., : self.n_tags],
            mask,
            spans,
            begin,
            begin + 1,
            allowed,
            temperature=temperature,
        )

    def marginals(
        self,
        emissions: Tensor,
        mask: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        """Each token's distribution over tags (B, T, L); 0 on padding."""
        typed = emissions[..., : self.n_tags]
        return self.crf.marginals(typed, mask, allowed, temperature=temperature)

    def n_best(
        self,
        emissions: Tensor,
        mask: Tensor,
        k: int,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tuple[Tensor, Tensor]:
        """The k best tags (B, k, T) and their log-probabilities (B, k), -inf where there are fewer."""
        typed = emissions[..., : self.n_tags]
        return self.crf.n_best(typed, mask, k, allowed, temperature=temperature)

    def log_prob(
        self,
        emissions: Tensor,
        mask: Tensor,
        given: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        """Log-probability (B,) of the tags `given`, bool (B, T, L), several to a token: any of them."""
        typed = emissions[..., : self.n_tags]
        return self.crf.log_prob(typed, mask, given, allowed, temperature=temperature)


class MultitaskCRFDecoder(CRFDecoder):
    """A typed CRF and, beside it, a CRF that only segments (after Aguilar et al. 2017).

    Both heads read the same encoder; their losses are added with equal weights. The original also
    used POS tags and gazetteers; this has neither. All but the loss is the typed head's.

    nI (int): width of the encoder's output.
    labels (Sequence[str]): entity labels.
    constrain_training (bool): whether the loss, too, excludes illegal sequences.
    """

    def __init__(self, nI: int, labels: Sequence[str], *, constrain_training: bool = False) -> None:
        super().__init__(nI, labels, constrain_training=constrain_training)
        self.segmentation = CRFDecoder(nI, ["ENT"], constrain_training=constrain_training)

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden (B, T, nI) -> emissions (B, T, L + 3): those of both heads side by side."""
        return torch.cat([super().forward(hidden), self.segmentation(hidden)], dim=-1)

    def loss(self, emissions: Tensor, mask: Tensor, allowed: Tensor) -> Tensor:
        """The sum of both heads' negative log-likelihoods (B,). See `CRFDecoder.loss`."""
        # A segmentation tag is allowed where any typed tag of its kind is.
        segments = torch.stack(
            [allowed[..., 0], allowed[..., 1::2].any(-1), allowed[..., 2::2].any(-1)], dim=-1
        )
        return super().loss(emissions[..., : self.n_tags], mask, allowed) + (
            self.segmentation.loss(emissions[..., self.n_tags :], mask, segments)
        )


def copy_labels(
    old: nn.Module, new: nn.Module, old_labels: Sequence[str], new_labels: Sequence[str]
) -> None:
    """Copy a decoder's weights into one with more labels, tag by tag; new tags keep their start.

    Every parameter of the typed head has one dimension, or two for the transitions, that runs over
    the tags; all others have equal shapes.
    """
    old_ids = {tag: i for i, tag in enumerate(bio_tags(old_labels))}
    pairs = [(old_ids[tag], i) for i, tag in enumerate(bio_tags(new_labels)) if tag in old_ids]
    source = torch.tensor([i for i, _ in pairs])
    target = torch.tensor([i for _, i in pairs])
    n_old, n_new = len(old_ids), len(bio_tags(new_labels))
    old_state = dict(old.named_parameters())
    with torch.no_grad():
        for name, parameter in new.named_parameters():
            # The old module may be on a GPU, the new one is not yet.
            before = old_state[name].to(parameter.device)
            s, t = source.to(parameter.device), target.to(parameter.device)
            if before.shape == parameter.shape:
                parameter.copy_(before)
            elif before.shape[:2] == (n_old, n_old) and parameter.shape[:2] == (n_new, n_new):
                parameter[t[:, None], t[None, :]] = before[s[:, None], s[None, :]]
            else:
                parameter[t] = before[s]
