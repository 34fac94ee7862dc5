"""Linear-chain CRF over tags (Eq. 2 and 3): loss, best paths, marginals, probabilities of spans."""

from typing import Optional, Sequence, Tuple

import torch
import torchcrf
from torch import Tensor, nn

from ...errors import Errors
from .crf_messages import Messages, log_partition, run_messages
from .crf_nbest import n_best
from .crf_spans import span_log_probs
from .crf_viterbi import viterbi

# Added to the score of an illegal step. Finite, so that a path is left where the caller's
# constraints admit no legal one; so low that no legal path can fall below an illegal one, and that
# exp() of it is exactly 0 in float32.
ILLEGAL = -1e5


class CRF(nn.Module):
    """Conditional random field: emission + transition + start/end scores (Eq. 2 as decided).

    pytorch-crf holds the parameters and is the reference in the tests; inference is batched here.
    All is computed in float32 (float64 stays float64), also under autocast. Padding is on the
    right. A row without tokens has log-partition, loss and score 0.

    Where the caller's `allowed` and the legal transitions leave no path, `allowed` wins: the path
    with the fewest illegal steps is found, each step costing 100,000. A token for which `allowed`
    holds no tag at all counts as unconstrained.

    Probabilities take a `temperature`: it divides all scores, emissions, transitions, starts and ends
    alike, so that the order of the paths stays and only how far they are apart changes. What is
    illegal stays so.

    n_tags (int): L.
    legal (Optional[Tensor]): (L, L) bool, whether tag j may follow tag i; None permits all.
    legal_start (Optional[Tensor]): (L,) bool, whether a sequence may start with the tag.
    constrain_training (bool): whether the loss, too, knows that illegal sequences cannot occur.
    """

    def __init__(
        self,
        n_tags: int,
        *,
        legal: Optional[Tensor] = None,
        legal_start: Optional[Tensor] = None,
        constrain_training: bool = False,
    ) -> None:
        super().__init__()
        if n_tags < 1:
            raise ValueError(Errors.M011.format(setting="n_tags", value=n_tags, range="1 or more"))
        self.n_tags = n_tags
        self.constrain_training = constrain_training
        self.crf = torchcrf.CRF(n_tags, batch_first=True)
        self.penalty: Tensor
        self.start_penalty: Tensor
        self.register_buffer("penalty", _penalty(legal, (n_tags, n_tags), "legal"), False)
        self.register_buffer(
            "start_penalty", _penalty(legal_start, (n_tags,), "legal_start"), False
        )

    def loss(self, emissions: Tensor, mask: Tensor, allowed: Tensor) -> Tensor:
        """-log p(the allowed tag sequences), Eq. 3 per post.

        emissions (Tensor): (B, T, L).
        mask (Tensor): (B, T) bool.
        allowed (Tensor): (B, T, L) bool. One tag allowed: annotated; several: marginalised.
        RETURNS (Tensor): (B,).
        """
        # Shifting a token's emissions changes both terms alike; the smaller they are, the more
        # digits of their difference survive.
        emissions = _as_float(emissions)
        emissions = emissions - emissions.detach().amax(-1, keepdim=True)
        # One pass over numerator and denominator as rows of one batch: a step's cost is its calls.
        partition = self.log_partition(
            torch.cat([_restrict(emissions, allowed), emissions]),
            torch.cat([mask, mask]),
            constrained=self.constrain_training,
        )
        numerator, denominator = partition.chunk(2) if len(partition) else (partition, partition)
        return denominator - numerator

    def log_partition(
        self,
        emissions: Tensor,
        mask: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        constrained: bool,
    ) -> Tensor:
        """Log of the summed exponentiated scores of all paths. Differentiable.

        emissions (Tensor): (B, T, L).
        mask (Tensor): (B, T) bool.
        allowed (Optional[Tensor]): (B, T, L) bool; None allows all tags.
        constrained (bool): count legal paths only.
        RETURNS (Tensor): (B,).
        """
        emissions = _restrict(_as_float(emissions), allowed)
        if emissions.shape[0] == 0 or emissions.shape[1] == 0:
            return emissions.sum((1, 2))
        with torch.autocast(emissions.device.type, enabled=False):
            start, transitions, end = self._potentials(emissions, constrained)
            return log_partition(emissions, mask, start, transitions, end)

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor, allowed: Optional[Tensor] = None) -> Tensor:
        """The best legal tag sequence (Viterbi).

        emissions (Tensor): (B, T, L).
        mask (Tensor): (B, T) bool.
        allowed (Optional[Tensor]): (B, T, L) bool; None allows all tags.
        RETURNS (Tensor): tags (B, T) long, 0 on padding.
        """
        emissions = _restrict(_as_float(emissions), allowed)
        with torch.autocast(emissions.device.type, enabled=False):
            return viterbi(emissions, mask, *self._potentials(emissions, True))

    @torch.no_grad()
    def marginals(
        self,
        emissions: Tensor,
        mask: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        """Each token's distribution over tags under the legal sequences (forward-backward).

        emissions (Tensor): (B, T, L).
        mask (Tensor): (B, T) bool.
        allowed (Optional[Tensor]): (B, T, L) bool; None allows all tags.
        temperature (float): above 0.
        RETURNS (Tensor): (B, T, L), each token's row sums to 1; 0 on padding.
        """
        emissions = _restrict(_as_float(emissions) / temperature, allowed)
        if emissions.shape[0] == 0 or emissions.shape[1] == 0:
            return torch.zeros_like(emissions)
        posterior = self._messages(emissions, mask, temperature).log_posterior().softmax(1)
        return posterior.permute(2, 0, 1).masked_fill(~mask[:, :, None], 0.0)

    @torch.no_grad()
    def span_log_probs(
        self,
        emissions: Tensor,
        mask: Tensor,
        spans: Tensor,
        begin: Tensor,
        inside: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        """Log-probability, under the legal sequences, of exactly these entities.

        That is: tokens start .. end - 1 carry B-e I-e ... I-e, and the token at `end`, if there is
        one, does not continue the entity.

        emissions (Tensor): (B, T, L).
        mask (Tensor): (B, T) bool.
        spans (Tensor): (N, 4) long: row, start, end (exclusive), e.
        begin (Tensor): (E,) long, the tag B-e of each e.
        inside (Tensor): (E,) long, the tag I-e of each e.
        allowed (Optional[Tensor]): (B, T, L) bool; None allows all tags.
        temperature (float): above 0.
        RETURNS (Tensor): (N,), -inf for an entity that `allowed` excludes.
        """
        emissions = _restrict(_as_float(emissions) / temperature, allowed)
        if len(spans) == 0:
            return emissions.new_zeros(0)
        msg = self._messages(emissions, mask, temperature)
        _, transitions, end_scores = self._potentials(emissions, True, temperature)
        return span_log_probs(msg, mask, spans, begin, inside, transitions, end_scores)

    @torch.no_grad()
    def n_best(
        self,
        emissions: Tensor,
        mask: Tensor,
        k: int,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tuple[Tensor, Tensor]:
        """The k best legal tag sequences and their log-probabilities, in double precision.

        emissions (Tensor): (B, T, L).
        mask (Tensor): (B, T) bool.
        k (int): 1 or more.
        allowed (Optional[Tensor]): (B, T, L) bool; None allows all tags.
        temperature (float): above 0.
        RETURNS (Tuple[Tensor, Tensor]): tags (B, k, T) long, 0 on padding, and log-probabilities
            (B, k), falling; -inf where a row has fewer sequences.
        """
        if k < 1:
            raise ValueError(Errors.M011.format(setting="k", value=k, range="1 or more"))
        emissions = _restrict(_as_double(emissions) / temperature, allowed)
        with torch.autocast(emissions.device.type, enabled=False):
            start, transitions, end = self._potentials(emissions, True, temperature)
            tags, scores = n_best(emissions, mask, start, transitions, end, k)
            if emissions.shape[0] == 0 or emissions.shape[1] == 0:
                return tags, scores
            total = log_partition(emissions, mask, start, transitions, end)
        among = nn.functional.one_hot(tags, self.n_tags).bool().flatten(0, 1)
        steps = self._illegal_steps(among, mask.repeat_interleave(k, dim=0)).view(scores.shape)
        fewest = self._illegal_steps(emissions > -torch.inf, mask)
        log_probs = (scores - total[:, None]).clamp(max=0.0)
        return tags, log_probs.masked_fill(steps > fewest[:, None], -torch.inf)

    @torch.no_grad()
    def log_prob(
        self,
        emissions: Tensor,
        mask: Tensor,
        given: Tensor,
        allowed: Optional[Tensor] = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        """Log-probability of tag sequences among the legal ones, in double precision.

        emissions (Tensor): (B, T, L).
        mask (Tensor): (B, T) bool.
        given (Tensor): (B, T, L) bool. One tag of a token: it has this tag; several: any of these.
        allowed (Optional[Tensor]): (B, T, L) bool, the sequences that there are; None allows all.
        temperature (float): above 0.
        RETURNS (Tensor): (B,), -inf for what is illegal or not allowed.
        """
        free = _restrict(_as_double(emissions) / temperature, allowed)
        if free.shape[0] == 0 or free.shape[1] == 0:
            return free.sum((1, 2))
        given = given & (free > -torch.inf)
        with torch.autocast(free.device.type, enabled=False):
            potentials = self._potentials(free, True, temperature)
            inside = log_partition(_restrict(free, given), mask, *potentials)
            found = inside - log_partition(free, mask, *potentials)
        steps, fewest = (self._illegal_steps(among, mask) for among in (given, free > -torch.inf))
        return found.clamp(max=0.0).masked_fill(steps > fewest, -torch.inf)

    def _illegal_steps(self, among: Tensor, mask: Tensor) -> Tensor:
        """The fewest illegal steps of a path. A path with more than the fewest that there are has no
        probability. Scores do not tell: that of a long legal path, or at a low temperature, may be less.

        among (Tensor): (B, T, L) bool, T above 0: the tags that a path may take.
        mask (Tensor): (B, T) bool.
        RETURNS (Tensor): (B,) float, inf where a token has no tag.
        """
        barred = torch.zeros(among.shape, device=among.device).masked_fill(~among, torch.inf)
        barred = barred.masked_fill(~mask[:, :, None], 0.0)
        steps = (self.start_penalty < 0) * mask[:, :1] + barred[:, 0]
        for t in range(1, among.shape[1]):
            after = steps[:, :, None] + (self.penalty < 0)
            steps = torch.where(mask[:, t, None], after.amin(1) + barred[:, t], steps)
        return steps.amin(-1)

    def _messages(self, emissions: Tensor, mask: Tensor, temperature: float) -> Messages:
        with torch.autocast(emissions.device.type, enabled=False):
            return run_messages(emissions, mask, *self._potentials(emissions, True, temperature))

    def _potentials(
        self, emissions: Tensor, constrained: bool, temperature: float = 1.0
    ) -> Tuple[Tensor, Tensor, Tensor]:
        crf = self.crf
        scores = (crf.start_transitions, crf.transitions, crf.end_transitions)
        start, transitions, end = (score.to(emissions.dtype) / temperature for score in scores)
        if constrained:
            start, transitions = start + self.start_penalty, transitions + self.penalty
        return start, transitions, end


def bio_constraints(tags: Sequence[str]) -> Tuple[Tensor, Tensor]:
    """What BIO permits: I-X only after B-X or I-X, and never first.

    tags (Sequence[str]): L tags, "O", "B-X" or "I-X".
    RETURNS (Tuple[Tensor, Tensor]): bool, legal steps (L, L) from row to column, legal starts (L,).
    RAISES (ValueError): if a tag is none of these.
    """
    for tag in tags:
        if tag != "O" and not (tag[:2] in ("B-", "I-") and tag[2:]):
            raise ValueError(
                Errors.M006.format(value=tag, setting="BIO tag", options="O, B-LABEL, I-LABEL")
            )
    inside = torch.tensor([tag.startswith("I-") for tag in tags], dtype=torch.bool)
    same = torch.tensor(
        [[a != "O" and a[2:] == b[2:] for b in tags] for a in tags], dtype=torch.bool
    ).view(len(tags), len(tags))
    return same | ~inside, ~inside


def _as_float(emissions: Tensor) -> Tensor:
    return emissions.to(torch.promote_types(emissions.dtype, torch.float32))


def _as_double(emissions: Tensor) -> Tensor:
    # A sequence's score is a sum over its tokens, and its probability the difference of two such sums.
    return _as_float(emissions) if emissions.device.type == "mps" else emissions.double()


def _restrict(emissions: Tensor, allowed: Optional[Tensor]) -> Tensor:
    if allowed is None:
        return emissions
    return emissions.masked_fill(~allowed & allowed.any(-1, keepdim=True), -torch.inf)


def _penalty(legal: Optional[Tensor], shape: Tuple[int, ...], setting: str) -> Tensor:
    penalty = torch.zeros(shape)
    if legal is None:
        return penalty
    if legal.shape != shape:
        raise ValueError(
            Errors.M011.format(
                setting=setting, value=f"of shape {tuple(legal.shape)}", range=f"of shape {shape}"
            )
        )
    return penalty.masked_fill(~legal.bool().to(penalty.device), ILLEGAL)
