"""What is particular to CUDA."""

from contextlib import contextmanager
from typing import Any, Iterator, Tuple

import torch


@contextmanager
def exact_cudnn(device: torch.device) -> Iterator[None]:
    """Have cuDNN compute in single precision: TF32 would change the third digit from one GPU to the next.

    What else is set of cuDNN stays. The setting is the process's: of threads that compute at the same
    time, one may restore what another had set.

    device (torch.device): Where it is computed. Off CUDA nothing is set.
    """
    cudnn = torch.backends.cudnn
    if device.type != "cuda":
        yield
    elif hasattr(cudnn, "conv"):
        # Since torch 2.9 each operator has its own precision, and the flag below refuses to be mixed
        # with it.
        operators: Tuple[Any, ...] = (cudnn.conv, cudnn.rnn)
        before = [operator.fp32_precision for operator in operators]
        for operator in operators:
            operator.fp32_precision = "ieee"
        try:
            yield
        finally:
            for operator, precision in zip(operators, before, strict=True):
                operator.fp32_precision = precision
    else:
        with cudnn.flags(
            enabled=cudnn.enabled,
            benchmark=cudnn.benchmark,
            benchmark_limit=cudnn.benchmark_limit,
            deterministic=cudnn.deterministic,
            allow_tf32=False,
        ):
            yield
