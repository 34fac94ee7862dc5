"""Our recurrence against torch's, in values and gradients."""

import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from spacy_mner.models.pytorch.bilstm import BiLSTM
from spacy_mner.models.pytorch.lstm_scan import lstm_scan

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def reference(lstm: nn.LSTM, x, lengths):
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    hidden, (last, _) = lstm(packed)
    padded, _ = pad_packed_sequence(hidden, batch_first=True, total_length=x.shape[1])
    return padded, torch.cat([last[-2], last[-1]], dim=-1)


def gradients(module, output, x):
    module.zero_grad()
    x.grad = None
    weights = torch.linspace(-1, 1, output.numel()).view_as(output)
    (output * weights).sum().backward()
    return [x.grad.clone(), *(p.grad.clone() for p in module.parameters())]


@settings(max_examples=25, deadline=None)
@given(lengths=LENGTHS, depth=st.integers(1, 2), seed=st.integers(0, 99))
def test_values_and_gradients_are_those_of_torch(lengths, depth, seed):
    torch.manual_seed(seed)
    module = BiLSTM(3, 4, depth=depth).double()
    x = torch.randn(len(lengths), max(lengths) + 1, 3, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor(lengths)
    mask = torch.arange(x.shape[1]) < lengths[:, None]

    expected, expected_last = reference(module.lstm, x, lengths)
    torch.testing.assert_close(module(x, mask), expected)
    torch.testing.assert_close(module.last(x, lengths), expected_last)
    with torch.no_grad():
        torch.testing.assert_close(module(x, mask), expected)
        torch.testing.assert_close(module.last(x, lengths), expected_last)

    wanted = gradients(module, expected, x)
    torch.testing.assert_close(gradients(module, module(x, mask), x), wanted)
    wanted = gradients(module, reference(module.lstm, x, lengths)[1], x)
    torch.testing.assert_close(gradients(module, module.last(x, lengths), x), wanted)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    depth=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_projected_once_is_the_same(lengths, depth, seed):
    torch.manual_seed(seed)
    module = BiLSTM(3, 4, depth=depth).double()
    inputs = torch.randn(5, 3, dtype=torch.float64)
    index = torch.randint(0, 5, (len(lengths), max(lengths) + 1))
    mask = torch.arange(index.shape[1]) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        expected = module(inputs[index], mask)
        found = module.read_projected(module.project(inputs), index, mask)
    torch.testing.assert_close(found, expected)
    assert not found[~mask].any()


def test_the_gradient_of_the_scan_by_finite_differences():
    torch.manual_seed(0)
    sizes = [3, 3, 1]
    projected = torch.randn(2, 7, 8, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 2, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p, w: lstm_scan(p, w, sizes), (projected, weights))


@pytest.mark.parametrize("trained", [True, False])
def test_a_row_without_steps_is_zero_and_changes_no_other(trained):
    module = BiLSTM(3, 4)
    x = torch.randn(2, 5, 3)
    mask = torch.tensor([[True] * 4 + [False], [False] * 5])
    with torch.set_grad_enabled(trained):
        output = module(x, mask)
        alone = module(x[:1], mask[:1])
    assert not output[1].any()
    torch.testing.assert_close(output[:1], alone)


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3)])
def test_nothing_to_read(shape):
    x = torch.zeros(shape)
    assert BiLSTM(3, 4)(x, torch.zeros(shape[:2], dtype=torch.bool)).shape == (*shape[:2], 8)


def test_the_graph_is_freed_with_its_output():
    projected = torch.randn(2, 5, 8, requires_grad=True)
    hidden = lstm_scan(projected, torch.randn(2, 2, 8), [3, 2])
    node = weakref.ref(hidden.grad_fn)
    del hidden
    assert node() is None
