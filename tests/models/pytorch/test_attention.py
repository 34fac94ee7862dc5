"""Modality attention (Eq. 4 and 5) against a plain loop, its bounds, and its masks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mner.models.pytorch.attention import Concatenate, ModalityAttention, masked_softmax

P = 4


def make_attention(n_modalities, squash="sigmoid", scale=1.0, combine="sum"):
    torch.manual_seed(0)
    attention = ModalityAttention(n_modalities, P, squash=squash, combine=combine)
    with torch.no_grad():
        attention.scores.weight.uniform_(-scale, scale)
        attention.scores.bias.uniform_(-scale, scale)
    return attention


def by_hand(attention, values, present):
    """Eq. 4 and 5 for one token, as the formula stands; a missing modality is left out."""
    weight = attention.scores.weight.detach().double().numpy()
    bias = attention.scores.bias.detach().double().numpy()
    values = values.double().numpy()
    squash = {
        "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
        "tanh": math.tanh,
        "none": lambda a: a,
    }[attention.squash]
    row = np.concatenate([v if p else np.zeros(P) for v, p in zip(values, present, strict=True)])
    scores = [squash(float(weight[m] @ row + bias[m])) for m in range(len(values))]
    total = sum(math.exp(s) for s, p in zip(scores, present, strict=True) if p)
    alphas = [math.exp(s) / total if p else 0.0 for s, p in zip(scores, present, strict=True)]
    return sum(a * v for a, v in zip(alphas, values, strict=True)), alphas


@pytest.mark.parametrize("squash", ["sigmoid", "tanh", "none"])
@pytest.mark.parametrize(
    "present", [[True, True, True], [True, True, False], [False, True, False], [True, False, True]]
)
def test_formula(squash, present):
    attention = make_attention(3, squash)
    values = torch.randn(3, P)
    merged, weights = attention(values, torch.tensor(present))
    expected, alphas = by_hand(attention, values, present)
    np.testing.assert_allclose(merged.detach().numpy(), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(weights.detach().numpy(), alphas, rtol=1e-4, atol=1e-6)


@given(
    present=st.lists(st.booleans(), min_size=3, max_size=3),
    scale=st.sampled_from([0.1, 1.0, 100.0, 1e4]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=100, deadline=None)
def test_bounds_of_the_sigmoid(present, scale, seed):
    """No modality can be switched off: [0.155, 0.576] for three, [0.269, 0.731] for two."""
    attention = make_attention(3, scale=scale)
    generator = torch.Generator().manual_seed(seed)
    values = scale * torch.randn(7, 3, P, generator=generator)
    mask = torch.tensor(present)
    weights = attention(values, mask.expand(7, 3))[1].detach()
    assert (weights[:, ~mask] == 0).all()
    n = sum(present)
    if n:
        low = 1 / (1 + (n - 1) * math.e)
        high = math.e / (math.e + n - 1)
        assert (weights[:, mask] >= low - 1e-6).all()
        assert (weights[:, mask] <= high + 1e-6).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones(7))


@pytest.mark.parametrize(("n", "low", "high"), [(3, 0.155, 0.576), (2, 0.269, 0.731)])
def test_bounds_are_the_papers_and_are_reached(n, low, high):
    attention = ModalityAttention(3, P)
    present = torch.arange(3) < n
    with torch.no_grad():
        attention.scores.weight.zero_()
        attention.scores.bias.copy_(torch.tensor([1e3, -1e3, -1e3]))
        most = attention(torch.zeros(3, P), present)[1]
        attention.scores.bias.copy_(torch.tensor([-1e3, 1e3, 1e3]))
        least = attention(torch.zeros(3, P), present)[1]
    assert float(most[0]) == pytest.approx(high, abs=5e-4)
    assert float(least[0]) == pytest.approx(low, abs=5e-4)


def test_without_the_squash_a_modality_can_be_switched_off():
    attention = ModalityAttention(2, P, squash="none")
    with torch.no_grad():
        attention.scores.weight.zero_()
        attention.scores.bias.copy_(torch.tensor([50.0, 0.0]))
        weights = attention(torch.randn(2, P), torch.ones(2, dtype=torch.bool))[1]
    assert float(weights[1]) < 1e-6


MAKERS = [
    lambda: make_attention(3),
    lambda: make_attention(3, combine="concatenate"),
    lambda: Concatenate(3, P),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("filler", [1e6, float("inf"), float("nan")])
def test_what_stands_for_a_missing_modality_is_never_read(make, filler):
    fusion = make()
    values = torch.randn(2, 5, 3, P)
    present = torch.rand(2, 5, 3) < 0.5
    expected = fusion(values.masked_fill(~present.unsqueeze(-1), 0.0), present)[0]
    filled = values.masked_fill(~present.unsqueeze(-1), filler).requires_grad_()
    merged, _ = fusion(filled, present)
    assert torch.equal(merged, expected)
    merged.sum().backward()
    assert torch.isfinite(filled.grad).all()
    assert not filled.grad[~present].any()


def test_a_token_without_any_modality_is_zero():
    attention = make_attention(3)
    merged, weights = attention(torch.randn(3, P), torch.zeros(3, dtype=torch.bool))
    assert not merged.any()
    assert not weights.any()


@pytest.mark.parametrize("shape", [(), (5,), (2, 5), (2, 0), (0, 5)])
def test_any_leading_shape(shape):
    """A plain module: other networks may hold their tokens as they like."""
    values, present = torch.randn(*shape, 3, P), torch.ones(*shape, 3, dtype=torch.bool)
    merged, weights = make_attention(3)(values, present)
    assert merged.shape == (*shape, P)
    assert weights.shape == (*shape, 3)
    merged, weights = Concatenate(3, P)(values, present)
    assert merged.shape == (*shape, 3 * P)
    assert weights is None


def test_concatenation_is_side_by_side():
    fusion = Concatenate(3, P)
    values = torch.randn(3, P)
    merged, _ = fusion(values, torch.tensor([True, False, True]))
    assert fusion.nO == 3 * P
    assert torch.equal(merged, torch.cat([values[0], torch.zeros(P), values[2]]))


@pytest.mark.parametrize("present", [[True, True, True], [True, False, True]])
def test_weighted_modalities_side_by_side(present):
    """The weights are those of the sum, and the sum is what stands side by side, added up."""
    mask = torch.tensor(present)
    values = torch.randn(7, 3, P)
    summed, beside = make_attention(3), make_attention(3, combine="concatenate")
    merged, weights = beside(values, mask.expand(7, 3))
    expected, expected_weights = summed(values, mask.expand(7, 3))
    assert beside.nO == merged.shape[-1] == 3 * P
    assert torch.equal(weights, expected_weights)
    torch.testing.assert_close(merged.unflatten(-1, (3, P)).sum(-2), expected)
    for m in range(3):
        part = merged[:, m * P : (m + 1) * P]
        assert torch.equal(part, weights[:, m : m + 1] * values[:, m] * mask[m])


def test_unknown_way_to_combine_is_refused():
    with pytest.raises(ValueError, match=r"\[M006\].*combine"):
        ModalityAttention(3, P, combine="multiply")


def test_unknown_squash_is_refused():
    with pytest.raises(ValueError, match=r"\[M006\]"):
        ModalityAttention(3, P, squash="softsign")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_masked_softmax_in_every_precision(dtype):
    scores = torch.tensor([[3.0, 1.0, -2.0], [5.0, 5.0, 5.0]], dtype=dtype)
    present = torch.tensor([[True, False, True], [False, False, False]])
    weights = masked_softmax(scores, present)
    assert weights.dtype == dtype
    assert weights[0, 1] == 0
    assert not weights[1].any()
    expected = torch.softmax(torch.tensor([3.0, -2.0]), 0)
    torch.testing.assert_close(weights[0, [0, 2]].float(), expected, atol=1e-2, rtol=1e-2)
