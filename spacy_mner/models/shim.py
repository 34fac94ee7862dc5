"""The bridge between Thinc and the torch module."""

import contextlib
import os
import threading
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

import srsly
import torch
from thinc.api import PyTorchGradScaler, PyTorchShim
from thinc.shims.shim import Shim
from thinc.types import ArgsKwargs
from thinc.util import get_torch_default_device, torch2xp, xp2torch
from torch import nn

from ..about import __version__
from ..errors import Errors
from .blueprint import Blueprint
from .pytorch.tagger import MultimodalTagger

_pid = os.getpid()


class TaggerShim(PyTorchShim):
    """A `PyTorchShim` that can rebuild its module, averages its weights, and is safe after a fork.

    Thinc compares a model's layers when it loads one, so the shim is there from the start, with an
    empty module until `build` or `from_bytes`.

    blueprint (Blueprint): what the module is built from.
    mixed_precision (bool): run the network in half precision on a GPU.
    grad_scaler (Optional[PyTorchGradScaler]): see Thinc; used with mixed precision only.
    learn_rate_factor (float): the optimizer's learning rate times this is the module's.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        mixed_precision: bool = False,
        grad_scaler: Optional[PyTorchGradScaler] = None,
        learn_rate_factor: float = 1.0,
    ) -> None:
        super().__init__(nn.Module(), mixed_precision=mixed_precision, grad_scaler=grad_scaler)
        self.blueprint = blueprint
        self.learn_rate_factor = learn_rate_factor
        # Whoever featurizes and predicts holds it: the cache gives slots in the one and fills them in
        # the other.
        self.lock = threading.RLock()

    def __getstate__(self) -> Dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "lock"}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        # A lock can neither be pickled nor shared by a copy.
        self.__dict__.update(state, lock=threading.RLock())

    @property
    def is_built(self) -> bool:
        """Whether there is a module."""
        return isinstance(self._model, MultimodalTagger)

    @property
    def module(self) -> MultimodalTagger:
        """The torch module.

        RAISES (ValueError): M001 before initialization.
        """
        if not self.is_built:
            raise ValueError(Errors.M001.format(name="mner"))
        return self._model

    def build(self) -> MultimodalTagger:
        """Make a new module from the blueprint, on the device of Thinc's current ops."""
        self.set_module(self.blueprint.build())
        return self._model

    def set_module(self, module: nn.Module, device: Optional[torch.device] = None) -> None:
        """Put another module in place. The optimizer must not mix up its state with the old one's.

        module (nn.Module): the module.
        device (Optional[torch.device]): its device; None: that of Thinc's current ops.
        """
        self._model = module.to(get_torch_default_device() if device is None else device)
        self._renew_id()

    def begin_update(self, inputs: ArgsKwargs) -> Tuple[Any, Callable[[ArgsKwargs], ArgsKwargs]]:
        """As Thinc's; but with mixed precision, it unscales all gradients that it finds, those of earlier
        batches (`accumulate_gradient`) again, which all but deletes them. Each batch's are by themselves
        here until they are unscaled.
        """
        output, backprop = super().begin_update(inputs)

        def backprop_apart(grads: ArgsKwargs) -> ArgsKwargs:
            earlier = [(p, p.grad) for p in self._model.parameters() if p.grad is not None]
            for parameter, _ in earlier:
                parameter.grad = None
            result = backprop(grads)
            for parameter, grad in earlier:
                parameter.grad = grad if parameter.grad is None else parameter.grad.add_(grad)
            return result

        return output, backprop_apart

    def finish_update(self, optimizer: Any) -> None:
        """Let the optimizer change the weights.

        Thinc puts a new tensor around the optimizer's array at each update; it keeps the array's
        former tensor alive, and that one the tensor before it, without end. Here the weights
        stay where they are.
        """
        for name, parameter in self._model.named_parameters():
            if parameter.grad is None:
                continue
            if not self._grad_scaler.found_inf:
                weights, _ = optimizer(
                    (self.id, name),
                    torch2xp(parameter.data),
                    torch2xp(parameter.grad),
                    lr_scale=self.learn_rate_factor,
                )
                updated = xp2torch(weights, device=parameter.device)
                if updated.data_ptr() != parameter.data_ptr():
                    parameter.data.copy_(updated)
            parameter.grad = None
        self._grad_scaler.update()
        self._clear_cache()

    @contextlib.contextmanager
    def use_params(self, params: Dict[Any, Any]) -> Iterator[None]:
        """Use other weights for a while: the optimizer's averages.

        `finish_update` of Thinc 8.3 names a torch weight `(shim id, name)` to the optimizer, but
        its `use_params` looks for strings, so that averages never arrive.
        """
        backup = {}
        for name, parameter in self._model.named_parameters():
            value = params.get((self.id, name))
            if value is not None:
                backup[name] = parameter.data
                parameter.data = xp2torch(value, device=parameter.device)
        self._clear_cache()
        try:
            yield
        finally:
            for name, parameter in self._model.named_parameters():
                if name in backup:
                    parameter.data = backup[name]
            self._clear_cache()

    def to_device(self, device_type: str, device_id: int) -> None:
        super().to_device(device_type, device_id)
        self._clear_cache()

    def copy(self) -> "TaggerShim":
        copied = super().copy()
        copied._renew_id()
        return copied

    def to_bytes(self) -> bytes:
        """The blueprint's state and the weights, as msgpack: nothing is pickled."""
        message: Dict[str, Any] = {"version": __version__, "blueprint": None, "weights": {}}
        if self.is_built:
            message["blueprint"] = self.blueprint.get_state()
            message["weights"] = {
                name: value.detach().cpu().numpy()
                for name, value in self._model.state_dict().items()
            }
        return srsly.msgpack_dumps(message)

    def from_bytes(self, bytes_data: bytes) -> "TaggerShim":
        """Rebuild the module.

        RAISES (ValueError): M010 for weights that do not fit the config.
        """
        message = srsly.msgpack_loads(bytes_data)
        if message["blueprint"] is None:
            self.set_module(nn.Module())
            return self
        self.blueprint.set_state(message["blueprint"])
        module = self.blueprint.build()
        # The arrays of a msgpack are read-only views.
        weights = {name: torch.tensor(value) for name, value in message["weights"].items()}
        try:
            module.load_state_dict(weights)
        except RuntimeError as e:
            raise ValueError(Errors.M010.format(problem=e, version=message["version"])) from e
        self.set_module(module)
        return self

    def _clear_cache(self) -> None:
        if self.is_built:
            self._model.cache.clear()

    def _renew_id(self) -> None:
        with Shim.global_id_lock:
            Shim.global_id += 1
            self.id = Shim.global_id


def limit_threads_after_fork() -> None:
    """Torch's thread pool does not survive a fork: with more than one thread the child hangs.

    `nlp.pipe(n_process=2)` forks, so whatever runs torch first in a child calls this before it.
    """
    global _pid
    if os.getpid() != _pid:
        _pid = os.getpid()
        torch.set_num_threads(1)
