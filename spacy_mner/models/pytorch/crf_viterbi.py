"""Viterbi for a batch: the best path of each row without a loop over rows."""

from typing import List

import torch
from torch import Tensor

from .crf_messages import shift_scores


def viterbi(
    emissions: Tensor, mask: Tensor, start: Tensor, transitions: Tensor, end: Tensor
) -> Tensor:
    """The best path of each row.

    emissions (Tensor): (N, T, L); -inf excludes a tag.
    mask (Tensor): (N, T) bool, padding on the right.
    start, transitions, end (Tensor): (L,), (L, L) from row to column, (L,); finite.
    RETURNS (Tensor): tags (N, T) long, 0 on padding.
    """
    if emissions.shape[0] == 0 or emissions.shape[1] == 0:
        return mask.long()
    scores, _ = shift_scores(emissions, mask)
    states = [start[:, None] + scores[0]]
    for score in scores[1:]:
        best = (states[-1][:, None] + transitions[:, :, None]).amax(0)
        # Only differences count; small numbers keep their digits.
        states.append(best - best.amax(0) + score)
    return _trace_back(states, mask, transitions, end)


def _trace_back(states: List[Tensor], mask: Tensor, transitions: Tensor, end: Tensor) -> Tensor:
    # Finding a predecessor again costs (L, N); recording all of them on the way costs (L, L, N).
    # Column L holds the scores of ending, so that rows of any length take the same steps.
    leave = torch.cat([transitions, end[:, None]], 1)
    ended = torch.full_like(mask[:, 0], len(end), dtype=torch.long)
    following = ended
    path = []
    for state, present in zip(reversed(states), reversed(mask.T), strict=True):
        tag = (state + leave.index_select(1, following)).max(0).indices
        path.append(tag)
        following = torch.where(present, tag, ended)
    return torch.stack(path[::-1], 1).masked_fill(~mask, 0)
