"""Where a network for pictures or captions computes."""

from typing import Any, Optional, Tuple

import torch
from thinc.util import get_torch_default_device

from ..errors import Errors


class Device:
    """A device by name, or that of Thinc's current ops when it is first asked for.

    Not when it is made, since `--gpu-id` and `prefer_gpu` may come after; and not at each batch, since
    Thinc's ops are a thread's own: another thread would take the network off the GPU.

    name (Optional[str]): Name of a torch device. None: that of Thinc's current ops.
    RAISES (ValueError): M011 if there is no such device.
    """

    def __init__(self, name: Optional[str]) -> None:
        self.name = name
        try:
            self._found = None if name is None else torch.device(name)
        except RuntimeError as err:
            expected = "the name of a torch device, e.g. cpu, cuda or cuda:1"
            message = Errors.M011.format(setting="device", value=repr(name), range=expected)
            raise ValueError(message) from err

    def get(self) -> torch.device:
        """RETURNS (torch.device): The device."""
        if self._found is None:
            self._found = get_torch_default_device()
        return self._found

    def __reduce__(self) -> Tuple[Any, ...]:
        # Another process may be without a GPU.
        return Device, (self.name,)
