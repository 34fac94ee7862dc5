"""Probabilities of spans: forward-backward messages around an entity, its own tags within."""

import torch
from torch import Tensor, nn

from .crf_messages import Messages


def span_log_probs(
    msg: Messages,
    mask: Tensor,
    spans: Tensor,
    begin: Tensor,
    inside: Tensor,
    transitions: Tensor,
    end_scores: Tensor,
) -> Tensor:
    """Log-probabilities (N,) of exactly these entities: see `CRF.span_log_probs`.

    msg (Messages): of the B rows.
    mask (Tensor): (B, T) bool.
    spans (Tensor): (N, 4) long: row, start, end (exclusive), e.
    begin, inside (Tensor): (E,) long, the tags B-e and I-e of each e.
    transitions, end_scores (Tensor): (L, L) from row to column, (L,); finite.
    """
    row, start, end, entity = spans.unbind(1)
    first, inner = begin[entity], inside[entity]
    single = end - start == 1
    last = torch.where(single, first, inner)

    enter = msg.before[start, first, row] + msg.scores[start, first, row]
    within = transitions[first, inner] + _run_scores(msg, transitions, inside, spans)
    # What follows: the sequence's end, or any tag but I-e.
    follow = (msg.scores + msg.after - msg.after_scale).permute(0, 2, 1)  # (T, B, L)
    is_inner = torch.arange(len(end_scores), device=spans.device) == inner[:, None]
    leave = follow[end.clamp(max=len(follow) - 1), row] + transitions[last]
    leave = leave.masked_fill(is_inner, -torch.inf).logsumexp(1)
    leave = torch.where(end == mask.sum(1)[row], end_scores[last], leave)

    normalizer = msg.log_posterior().logsumexp(1)[start, row]
    return enter + within.masked_fill(single, 0.0) + leave - normalizer


def _run_scores(msg: Messages, transitions: Tensor, inside: Tensor, spans: Tensor) -> Tensor:
    """Scores (N,) of the spans' I-e I-e ... I-e from their second token on, by cumulative sums.

    Each step is relative to that token's backward scale, which keeps likely runs near 0.
    """
    row, start, end, entity = spans.unbind(1)
    loop = transitions[inside, inside]
    steps = msg.scores[:, inside] - msg.after_scale + loop[:, None]  # (T, E, B)
    # Differences of sums over a long post would cost digits in float32; Apple's GPUs have no more.
    dtype = steps.dtype if steps.device.type == "mps" else torch.float64
    barred = steps == -torch.inf
    sums = nn.functional.pad(steps.masked_fill(barred, 0).cumsum(0, dtype=dtype), (0,) * 4 + (1, 0))
    bars = nn.functional.pad(barred.long().cumsum(0), (0,) * 4 + (1, 0))
    score = (sums[end, entity, row] - sums[start + 1, entity, row]).to(loop.dtype) - loop[entity]
    return score.masked_fill(bars[end, entity, row] > bars[start + 1, entity, row], -torch.inf)
