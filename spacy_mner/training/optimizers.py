"""Optimizers that Thinc has not."""

from typing import Any, Dict, List, Tuple, Union

from thinc.api import Optimizer, get_array_module
from thinc.types import FloatsXd

from ..errors import Errors


def create_adagrad_v1(
    learn_rate: Union[float, List[float], Any] = 0.02,
    eps: float = 1e-8,
    L2: float = 0.0,
    grad_clip: float = 0.0,
    use_averages: bool = False,
) -> "Adagrad":
    """Adagrad (Duchi et al. 2011) with the paper's values as defaults (§4.3).

    learn_rate (float or schedule): the paper has 0.02.
    eps (float): added to the root of the accumulator, which starts at 0 as in Keras.
    L2 (float): weight decay.
    grad_clip (float): greatest norm of a parameter's gradient; 0 = none.
    use_averages (bool): keep running averages of the weights for evaluation.
    RETURNS (Adagrad): an optimizer for `[training.optimizer]`.
    RAISES (ValueError): M011 unless `eps` is above 0.
    """
    if eps <= 0:
        # A weight whose gradients were all 0 would be divided by it alone.
        raise ValueError(Errors.M011.format(setting="eps", value=eps, range="above 0"))
    return Adagrad(learn_rate, eps=eps, L2=L2, grad_clip=grad_clip, use_averages=use_averages)


class Adagrad(Optimizer):
    """A Thinc optimizer whose step is divided by the root of the summed squares of gradients."""

    def __init__(
        self,
        learn_rate: Any,
        *,
        eps: float,
        L2: float = 0.0,
        grad_clip: float = 0.0,
        use_averages: bool = False,
    ) -> None:
        # Any two positive betas send Optimizer.__call__ to `_adam`, the method replaced here;
        # clipping, weight decay and averages stay Thinc's.
        super().__init__(
            learn_rate,
            eps=eps,
            L2=L2,
            grad_clip=grad_clip,
            use_averages=use_averages,
            beta1=0.5,
            beta2=0.5,
        )

    def _adam(
        self,
        ops: Any,
        weights: FloatsXd,
        gradient: FloatsXd,
        lr_scale: float,
        key: Tuple[int, str],
        nr_upd: int,
    ) -> Tuple[FloatsXd, FloatsXd]:
        sums: Dict[Any, FloatsXd] = self.mom2
        if key not in sums:
            sums[key] = ops.alloc(weights.shape, dtype="float32")
        accumulator = sums[key]
        accumulator += gradient**2
        xp = get_array_module(weights)
        weights -= lr_scale * self.learn_rate * gradient / (xp.sqrt(accumulator) + self.eps)
        return weights, gradient
