"""Reading padded rows from their other end."""

import torch
from torch import Tensor


def mirror(lengths: Tensor, n_steps: int) -> Tensor:
    """Indices (B, T) that reverse each row within its length and leave its padding in place."""
    t = torch.arange(n_steps, device=lengths.device)
    lengths = lengths.unsqueeze(1)
    return torch.where(t < lengths, lengths - 1 - t, t)
