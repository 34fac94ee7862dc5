"""Forward-backward for linear chains: log-partition with a closed-form gradient, and messages.

Tensors are (T, L, N), the batch last: a step then works on contiguous rows of N. Forward and
backward pass run side by side in one loop, the backward one on each row reversed, so that both
start at index 0 and padding, which comes last in both, is never looked at.
"""

from typing import Any, NamedTuple, Tuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .mirror import mirror


class Messages(NamedTuple):
    """What forward-backward knows about each token, in logs.

    scores (Tensor): (T, L, N) emissions, shifted so that each token's best is 0; 0 on padding.
    shift (Tensor): (T, 1, N) what was taken off; 0 on padding.
    before (Tensor): (T, L, N) summed paths up to the token's tag, without its emission.
    before_scale (Tensor): (T, 1, N) taken off after each token: `before[t + 1]` is the log-sum-exp
        of `before[t] + scores[t] - before_scale[t]` + transitions.
    after (Tensor): (T, L, N) summed paths behind the token's tag.
    after_scale (Tensor): (T, 1, N) the same from the other end.
    in_range (bool): whether probabilities kept their digits without logs.
    """

    scores: Tensor
    shift: Tensor
    before: Tensor
    before_scale: Tensor
    after: Tensor
    after_scale: Tensor
    in_range: bool

    def log_posterior(self) -> Tensor:
        """(T, L, N): each token's log-probabilities of tags, up to a constant per token."""
        return self.before + self.scores + self.after


def log_partition(
    emissions: Tensor, mask: Tensor, start: Tensor, transitions: Tensor, end: Tensor
) -> Tensor:
    """Log of the summed exponentiated scores of all paths; differentiable once.

    emissions (Tensor): (N, T, L), N and T at least 1; -inf excludes a tag, never all of a token.
    mask (Tensor): (N, T) bool, padding on the right.
    start, transitions, end (Tensor): (L,), (L, L) from row to column, (L,); finite.
    RETURNS (Tensor): (N,), 0 for a row without tokens.
    """
    return _LogPartition.apply(emissions, mask, start, transitions, end)


def run_messages(
    emissions: Tensor, mask: Tensor, start: Tensor, transitions: Tensor, end: Tensor
) -> Messages:
    """Forward and backward messages. Arguments as for `log_partition`."""
    scores, shift = shift_scores(emissions, mask)
    n_steps, n_tags, _ = scores.shape
    backwards = mirror(mask.sum(1), n_steps).T[:, None, :]
    mirror_tags = backwards.expand(-1, n_tags, -1)
    both = torch.stack([scores, scores.gather(0, mirror_tags)], 1)
    first = torch.stack([start, end])[:, :, None]
    step = torch.stack([transitions.T, transitions])

    messages, scale, in_range = _scan(both, first, step)
    if not in_range:
        messages, scale = _scan_in_logs(both, first, step)
    return Messages(
        scores=scores,
        shift=shift,
        before=messages[:, 0],
        before_scale=scale[:, 0],
        after=messages[:, 1].gather(0, mirror_tags),
        after_scale=scale[:, 1].gather(0, backwards),
        in_range=in_range,
    )


def shift_scores(emissions: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
    """Emissions (N, T, L) as (T, L, N) with each token's best at 0, and what was taken off."""
    padding = ~mask.T[:, None, :]
    scores = emissions.permute(1, 2, 0)
    shift = scores.amax(1, keepdim=True)
    return (scores - shift).masked_fill(padding, 0.0), shift.masked_fill(padding, 0.0)


class _LogPartition(torch.autograd.Function):
    """The gradient of log Z is known: marginals and expected counts of transitions. Computing it
    from the messages costs a few operations, where autograd would go back through the loop."""

    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, mask: Tensor, start: Tensor, transitions: Tensor, end: Tensor
    ) -> Tensor:
        msg = run_messages(emissions, mask, start, transitions, end)
        ctx.save_for_backward(*msg[:-1], mask, transitions)
        ctx.in_range = msg.in_range
        lengths = mask.sum(1)
        last = (lengths - 1).clamp(min=0)[None, None]
        at_last = msg.log_posterior().gather(0, last.expand(1, msg.scores.shape[1], -1))
        t = torch.arange(len(msg.scores), device=last.device)[:, None, None]
        passed = msg.before_scale.masked_fill(t >= last, 0.0)
        total = at_last[0].logsumexp(0) + (passed + msg.shift).sum((0, 1))
        return total.masked_fill(lengths == 0, 0.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tuple[Any, ...]:
        *fields, mask, transitions = ctx.saved_tensors
        msg = Messages._make([*fields, ctx.in_range])
        with torch.autocast(grad.device.type, enabled=False):
            d_emissions, d_start, d_transitions, d_end = _gradient(msg, mask, transitions, grad)
        return d_emissions, None, d_start, d_transitions, d_end


def _gradient(
    msg: Messages, mask: Tensor, transitions: Tensor, grad: Tensor
) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of emissions, start, transitions and end, for the gradient (N,) of the log-partitions."""
    log_posterior = msg.log_posterior()
    normalizer = log_posterior.logsumexp(1, keepdim=True)
    weight = mask.T[:, None, :] * grad
    marginals = (log_posterior - normalizer).exp() * weight

    last = (mask.sum(1) - 1).clamp(min=0)[None, None].expand(1, marginals.shape[1], -1)
    d_end = marginals.gather(0, last).sum((0, 2))
    left = (msg.before + msg.scores - msg.before_scale)[:-1]
    right = (msg.scores + msg.after - normalizer)[1:]
    counts = _expected_counts(left, right, weight[1:], transitions, msg.in_range)
    return marginals.permute(2, 0, 1), marginals[0].sum(-1), counts, d_end


def _expected_counts(
    left: Tensor, right: Tensor, weight: Tensor, transitions: Tensor, in_range: bool
) -> Tensor:
    """Weighted sums (L, L) of the pairwise marginals exp(left + transitions + right)."""
    if in_range:
        top = transitions.max()
        right = (right + top).exp() * weight
        pairs = torch.tensordot(left.exp(), right, dims=([0, 2], [0, 2]))
        return pairs * (transitions - top).exp()
    pairs = left[:, :, None] + transitions[:, :, None] + right[:, None]
    return (pairs.exp() * weight[:, None]).sum((0, 3))


def _scan(scores: Tensor, first: Tensor, step: Tensor) -> Tuple[Tensor, Tensor, bool]:
    """Messages by matrix products of probabilities, rescaled at each step.

    RETURNS (Tuple[Tensor, Tensor, bool]): messages and scales in logs, and whether they are right.
    """
    messages, states = torch.empty_like(scores), torch.empty_like(scores)
    scale = torch.empty_like(scores[:, :, :1])
    at_start = first + scores[0]
    start_scale = at_start.amax(1, keepdim=True)
    states[0] = (at_start - start_scale).exp()
    messages[0], scale[0] = 1.0, 1.0
    top = step.max()
    weights, factors = (step - top).exp(), scores.exp()
    state = states[0]
    steps = zip(messages[1:], states[1:], scale[1:], factors[1:], strict=True)
    for message, next_state, size, factor in steps:
        torch.bmm(weights, state, out=message)
        torch.mul(message, factor, out=next_state)
        torch.amax(next_state, 1, keepdim=True, out=size)
        state = next_state.div_(size)

    # A state is lost when it is `tiny` times smaller than `size`. As long as neither sizes nor
    # messages come near `tiny`, what was lost is beyond the last digit of any message.
    tiny = torch.finfo(scores.dtype).tiny
    needed = messages.masked_fill(scores == -torch.inf, 1.0)
    in_range = bool((needed.amin() >= tiny**0.48) & (scale.amin() >= tiny**0.28))
    messages, scale = messages.log_().add_(top), scale.log_().add_(top)
    messages[0], scale[0] = first, start_scale
    return messages, scale, in_range


def _scan_in_logs(scores: Tensor, first: Tensor, step: Tensor) -> Tuple[Tensor, Tensor]:
    """The same in logs throughout: right for any finite scores, at several times the cost."""
    messages, scale = torch.empty_like(scores), torch.empty_like(scores[:, :, :1])
    message = first.expand_as(scores[0])
    for t, score in enumerate(scores):
        messages[t] = message
        scale[t] = (message + score).amax(1, keepdim=True)
        state = message + score - scale[t]
        message = (step[..., None] + state[:, None]).logsumexp(2)
    return messages, scale
