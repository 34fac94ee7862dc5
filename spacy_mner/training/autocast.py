"""bfloat16 on the CPU: Thinc's own `mixed_precision` is for CUDA alone."""

import threading
from typing import Any

import torch
from torch import Tensor, nn


def autocast_on_cpu(module: nn.Module) -> None:
    """Let a module's matrix products be in bfloat16 while it is on the CPU, in training and prediction.

    Weights, gradients, normalization and what comes out stay in single precision. Hooks do it, and not
    another `forward`: a copy of the module keeps them, and no copy calls the original. They are
    not saved.
    """
    # As autocast itself: what another thread is doing is its own business.
    local = threading.local()

    def enter(module: nn.Module, args: Any) -> None:
        on_cpu = next(module.parameters()).device.type == "cpu"
        context = torch.autocast("cpu", dtype=torch.bfloat16, enabled=on_cpu)
        context.__enter__()
        local.__dict__.setdefault("running", []).append(context)

    def leave(module: nn.Module, args: Any, output: Any) -> Any:
        # Also called where the module failed, with no output.
        local.running.pop().__exit__(None, None, None)
        return _to_single(output)

    module.register_forward_pre_hook(enter)
    module.register_forward_hook(leave, always_call=True)


def _to_single(value: Any) -> Any:
    """Tensors in single precision: one, a tuple, or a dict (a `ModelOutput`, changed in place)."""
    if isinstance(value, Tensor):
        return value.float() if value.dtype == torch.bfloat16 else value
    if isinstance(value, dict):
        for key in list(value):
            value[key] = _to_single(value[key])
        return value
    if type(value) is tuple:
        return tuple(_to_single(item) for item in value)
    return value
