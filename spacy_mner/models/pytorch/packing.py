"""Padded rows packed without their padding, as in torch's `PackedSequence`, and read from both ends."""

from typing import Any, Sequence, Tuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


def pack(x: Tensor, lengths: Tensor) -> PackedSequence:
    """Rows (B, T, nI) without their padding: all first steps, longest row first, then all second steps.

    A packed row has a step at least; `pad` masks that of an empty one.
    """
    return pack_padded_sequence(
        x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
    )


def pad(packed: PackedSequence, mask: Tensor) -> Tensor:
    """Packed rows as (B, T, nO), zero where the mask (B, T) is False."""
    padded, _ = pad_packed_sequence(packed, batch_first=True, total_length=mask.shape[1])
    # Padding is zero already but for the step that stands for an empty post.
    return padded if bool(mask[:, 0].all()) else padded.masked_fill(~mask.unsqueeze(-1), 0.0)


def packed_indices(packed: PackedSequence) -> Tuple[Tensor, Tensor]:
    """Where each step's mirror image is, (N,) long, and where each row's last step, (sizes[0],) long."""
    sizes = packed.batch_sizes
    starts = sizes.cumsum(0) - sizes
    step = torch.arange(len(sizes)).repeat_interleave(sizes)
    row = torch.arange(len(step)) - starts[step]
    # A row has as many steps as there are sizes above its rank.
    lengths = (sizes.unsqueeze(1) > torch.arange(int(sizes[0]))).sum(0)
    mirror = starts[lengths[row] - 1 - step] + row
    last = starts[lengths - 1] + torch.arange(len(lengths))
    return mirror.to(packed.data.device), last.to(packed.data.device)


def from_other_end(x: Tensor, mirror: Tensor) -> Tensor:
    """Packed rows x (N, nI), each read from its other end. Mirrored twice, they are as they were: the
    gradient is mirrored, too, and not gathered as that of any other index."""
    return _Mirror.apply(x, mirror)


class _Mirror(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mirror: Tensor) -> Tensor:
        ctx.save_for_backward(mirror)
        return x.index_select(0, mirror)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tuple[Tensor, None]:
        return from_other_end(grad, *ctx.saved_tensors), None


def previous(states: Tensor, sizes: Sequence[int], first: Tensor) -> Tensor:
    """The packed states (D, N, H) one step earlier; first (D, sizes[0], H) before the first step."""
    # A row that has a step t has all steps before it, at the same place.
    earlier = [before[:, :n] for before, n in zip(states.split(sizes, 1), sizes[1:], strict=False)]
    return torch.cat([first, *earlier], dim=1)
