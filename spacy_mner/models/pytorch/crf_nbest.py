"""The k best paths for a batch: Viterbi that keeps k ways into each tag (list Viterbi)."""

from typing import Tuple

import torch
from torch import Tensor


def n_best(
    emissions: Tensor, mask: Tensor, start: Tensor, transitions: Tensor, end: Tensor, k: int
) -> Tuple[Tensor, Tensor]:
    """The k best paths of each row and their scores; cost and memory grow with k.

    emissions (Tensor): (N, T, L); -inf excludes a tag.
    mask (Tensor): (N, T) bool, padding on the right.
    start, transitions, end (Tensor): (L,), (L, L) from row to column, (L,); finite.
    k (int): 1 or more.
    RETURNS (Tuple[Tensor, Tensor]): tags (N, k, T) long, 0 on padding, and scores (N, k), falling;
        -inf where a row has no more paths. A row without tokens has one path, with score 0.
    """
    n_rows, n_steps, n_tags = emissions.shape
    scores = emissions.new_full((n_rows, k), -torch.inf)
    if n_rows == 0 or n_steps == 0:
        scores[:, 0] = 0.0
        return mask.long()[:, None].expand(-1, k, -1).clone(), scores

    # (N, L, k): the scores of the k best ways to reach each tag. A place l * k + r of the flat
    # (L, k) is the r-th way into tag l.
    ways = emissions.new_full((n_rows, n_tags, k), -torch.inf)
    ways[..., 0] = start + emissions[:, 0]
    stay = torch.arange(n_tags * k, device=mask.device).view(n_tags, k)
    pointers = []
    for t in range(1, n_steps):
        steps = ways[..., None] + transitions[:, None]  # (N, L, k, L)
        best, origin = steps.flatten(1, 2).transpose(1, 2).topk(k)
        present = mask[:, t, None, None]
        ways = torch.where(present, best + emissions[:, t, :, None], ways)
        pointers.append(torch.where(present, origin, stay))

    scores, place = (ways + end[:, None]).flatten(1).topk(k)
    path = [place // k]
    for pointer in reversed(pointers):
        place = pointer.flatten(1).gather(1, place)
        path.append(place // k)
    tags = torch.stack(path[::-1], 2).masked_fill(~mask[:, None], 0)
    nothing = ~mask.any(1)
    scores[nothing] = -torch.inf
    scores[nothing, 0] = 0.0
    return tags, scores
