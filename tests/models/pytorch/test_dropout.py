"""Dropout: its own random numbers on a CPU must be those of inverted dropout."""

import pytest
import torch

from spacy_mner.models.pytorch.dropout import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_drops_at_its_rate_and_keeps_the_mean(rate):
    torch.manual_seed(0)
    x = torch.ones(400, 500)
    dropped = Dropout(rate).train()(x)
    assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)
    assert dropped[dropped != 0].unique().tolist() == pytest.approx([1 / (1 - rate)])


def test_gradient_goes_where_the_value_went():
    torch.manual_seed(0)
    x = torch.ones(50, 60, requires_grad=True)
    dropped = Dropout(0.5).train()(x)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())


def test_changes_nothing_outside_training_or_at_rate_0():
    x = torch.randn(5, 6)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)


def test_the_same_seed_drops_the_same():
    x = torch.ones(20, 30)
    torch.manual_seed(1)
    first = Dropout(0.5).train()(x)
    torch.manual_seed(1)
    assert torch.equal(Dropout(0.5).train()(x), first)
