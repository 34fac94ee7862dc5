import numpy as np
import pytest
import spacy
import torch
from thinc.api import Config, registry

from spacy_mner.training.optimizers import create_adagrad_v1

KEY = (1, "x")


@pytest.fixture
def gradients():
    return np.random.default_rng(0).normal(size=(8, 3, 2)).astype("float32")


@pytest.fixture
def start():
    return np.random.default_rng(1).normal(size=(3, 2)).astype("float32")


def run(optimizer, start, gradients, key=KEY):
    weights = start.copy()
    for gradient in gradients:
        weights, left = optimizer(key, weights, gradient.copy())
        assert not left.any()
        optimizer.step_schedules()
    return weights


def test_against_a_plain_loop(start, gradients):
    weights, sums = start.astype("float64"), np.zeros_like(start, dtype="float64")
    for gradient in gradients.astype("float64"):
        for index in np.ndindex(*weights.shape):
            sums[index] += gradient[index] ** 2
            weights[index] -= 0.1 * gradient[index] / (np.sqrt(sums[index]) + 1e-8)
    found = run(create_adagrad_v1(0.1), start, gradients)
    np.testing.assert_allclose(found, weights, rtol=1e-5)


def test_against_torch(start, gradients):
    parameter = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.Adagrad([parameter], lr=0.05, eps=1e-8, initial_accumulator_value=0)
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    found = run(create_adagrad_v1(0.05, eps=1e-8), start, gradients)
    np.testing.assert_allclose(found, parameter.detach().numpy(), rtol=1e-5)


def test_parameters_have_their_own_sums(start, gradients):
    optimizer = create_adagrad_v1(0.1)
    first = run(optimizer, start, gradients, (1, "x"))
    second = run(optimizer, start, gradients, (1, "y"))
    np.testing.assert_array_equal(first, second)


def test_paper_values_are_the_defaults(start):
    # The first step is the learning rate, whatever the gradient's size.
    weights = run(create_adagrad_v1(), start, np.full((1, 3, 2), 7.0, dtype="float32"))
    np.testing.assert_allclose(start - weights, 0.02, rtol=1e-4)


def test_zero_gradient_changes_nothing(start):
    weights = run(create_adagrad_v1(0.1), start, np.zeros((3, 3, 2), dtype="float32"))
    np.testing.assert_array_equal(weights, start)


def test_clipping_comes_before_the_sum(start, gradients):
    def clip(gradient):
        norm = np.linalg.norm(gradient)
        return gradient if norm < 0.5 else gradient * (0.5 / norm)

    expected = run(create_adagrad_v1(0.1), start, np.stack([clip(g) for g in gradients]))
    found = run(create_adagrad_v1(0.1, grad_clip=0.5), start, gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_weight_decay_shrinks(start):
    weights = run(create_adagrad_v1(0.1, L2=0.5), start, np.zeros((1, 3, 2), dtype="float32"))
    np.testing.assert_allclose(weights, start * (1 - 0.1 * 0.5), rtol=1e-5)


def test_averages(start, gradients):
    """Thinc's rule: avg += (1 - decay_t) (w - avg), decay_t = (1 + t) / (10 + t)."""
    optimizer = create_adagrad_v1(0.1, use_averages=True)
    weights, expected = start.copy(), np.zeros_like(start)
    for t, gradient in enumerate(gradients, 1):
        weights = run(optimizer, weights, [gradient])
        expected += (1 - (1 + t) / (10 + t)) * (weights - expected)
    np.testing.assert_allclose(optimizer.averages[KEY], expected, rtol=1e-4, atol=1e-6)
    assert create_adagrad_v1(0.1).averages is None


@pytest.mark.parametrize("eps", [-1.0, 0.0])
def test_eps_that_divides_by_zero_is_refused(eps):
    with pytest.raises(ValueError, match=rf"M011.*eps.*{eps:g}"):
        create_adagrad_v1(eps=eps)


CONFIG = """
[training]

[training.optimizer]
@optimizers = "spacy_mner.Adagrad.v1"
eps = 1e-6

[training.optimizer.learn_rate]
@schedules = "constant_then.v1"
rate = 0.5
steps = 2

[training.optimizer.learn_rate.schedule]
@schedules = "constant.v1"
rate = 0.1
"""


@pytest.mark.parametrize("registry_", [registry, spacy.registry])
def test_from_a_config_with_a_schedule(registry_, start):
    optimizer = registry_.resolve(Config().from_str(CONFIG))["training"]["optimizer"]
    assert optimizer.eps == 1e-6
    steps, weights = [], start.copy()
    for _ in range(4):
        before = weights.copy()
        weights, _ = optimizer(KEY, weights, np.ones_like(start))
        steps.append(float((before - weights)[0, 0]))
        optimizer.step_schedules()
    # The sum grows by 1 a step, the rate falls after the second.
    rates = [0.5, 0.5, 0.1, 0.1]
    expected = [rate / np.sqrt(t) for t, rate in enumerate(rates, 1)]
    np.testing.assert_allclose(steps, expected, rtol=1e-4)
