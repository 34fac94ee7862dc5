"""Eq. 1 against a plain loop written from the formula."""

import pytest
import torch

from spacy_mner.models.pytorch.coupled_lstm import CoupledBiLSTM

WIDTH = 4


def make_lstm(nI=3, width=WIDTH):
    torch.manual_seed(0)
    lstm = CoupledBiLSTM(nI, width)
    with torch.no_grad():
        lstm.biases.uniform_(-1, 1)
    return lstm


def make_batch(lengths, nI=3):
    n_steps = max(lengths, default=0)
    x = torch.randn(len(lengths), n_steps, nI, generator=torch.Generator().manual_seed(1))
    return x, torch.arange(n_steps) < torch.tensor(lengths)[:, None]


def read(lstm, direction, tokens, cell):
    """Eq. 1 for one row in one direction, token by token."""
    width = lstm.nO // 2
    W_xi, W_xc, W_xo = (w.T for w in lstm.input_weights[direction].split(width, 1))
    W_hi, W_hc, W_ho = (w.T for w in lstm.hidden_weights[direction].split(width, 1))
    b_i, b_c, b_o = lstm.biases[direction, 0].split(width)
    W_ci, W_co = lstm.input_peephole[direction].T, lstm.output_peephole[direction].T
    h, c = torch.zeros(width), cell
    states = []
    for x in tokens:
        i = torch.sigmoid(W_xi @ x + W_hi @ h + W_ci @ c + b_i)
        c = (1 - i) * c + i * torch.tanh(W_xc @ x + W_hc @ h + b_c)
        o = torch.sigmoid(W_xo @ x + W_ho @ h + W_co @ c + b_o)
        h = o * torch.tanh(c)
        states.append(h)
    return states


@pytest.mark.parametrize("with_initial", [False, True])
def test_equals_the_formula(with_initial):
    lstm = make_lstm()
    lengths = [5, 1, 3, 0]
    x, mask = make_batch(lengths)
    initial = torch.randn(len(lengths), WIDTH) if with_initial else None
    output = lstm(x, mask, initial)
    assert output.shape == (4, 5, 2 * WIDTH)
    assert lstm.nO == 2 * WIDTH
    for b, length in enumerate(lengths):
        cell = torch.zeros(WIDTH) if initial is None else initial[b]
        tokens = list(x[b, :length])
        forward = read(lstm, 0, tokens, cell)
        backward = read(lstm, 1, tokens[::-1], cell)[::-1]
        for t in range(length):
            torch.testing.assert_close(output[b, t], torch.cat([forward[t], backward[t]]))
        assert not output[b, length:].any()


def test_padding_cannot_change_a_result_and_one_row_equals_many():
    lstm = make_lstm()
    lengths = [5, 1, 3]
    x, mask = make_batch(lengths)
    padded = torch.nn.functional.pad(x.masked_fill(~mask[:, :, None], 1e6), (0, 0, 0, 2), value=9)
    output = lstm(padded, torch.nn.functional.pad(mask, (0, 2)))
    for b, length in enumerate(lengths):
        alone = lstm(x[b : b + 1, :length], mask[b : b + 1, :length])
        torch.testing.assert_close(output[b : b + 1, :length], alone)
        assert not output[b, length:].any()


def test_gradients_reach_every_parameter_and_no_padding():
    lstm = make_lstm()
    x, mask = make_batch([5, 1, 3])
    x.requires_grad_()
    initial = torch.zeros(3, WIDTH, requires_grad=True)
    lstm(x, mask, initial).square().sum().backward()
    for name, parameter in lstm.named_parameters():
        assert (parameter.grad.abs().sum((-1, -2)) > 0).all(), name
    assert (x.grad[mask].abs().sum(-1) > 0).all()
    assert (x.grad[~mask] == 0).all()
    assert (initial.grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize(("n_rows", "n_steps"), [(0, 0), (0, 3), (3, 0), (2, 3)])
def test_empty_batches_and_rows(n_rows, n_steps):
    x = torch.randn(n_rows, n_steps, 3)
    output = make_lstm()(x, torch.zeros(n_rows, n_steps, dtype=torch.bool))
    torch.testing.assert_close(output, torch.zeros(n_rows, n_steps, 2 * WIDTH))


def test_the_start_keeps_the_recurrent_norm():
    lstm = CoupledBiLSTM(3, WIDTH)
    for direction in range(2):
        for gate in lstm.hidden_weights[direction].split(WIDTH, 1):
            torch.testing.assert_close(gate.T @ gate, torch.eye(WIDTH))
    assert not lstm.biases.any()


def test_runs_under_autocast():
    lstm = make_lstm()
    x, mask = make_batch([5, 2])
    initial = torch.zeros(2, WIDTH)
    expected = lstm(x, mask, initial)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = lstm(x, mask, initial)
    torch.testing.assert_close(output.float(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("lengths", [[5, 1, 3], [2, 2], [1]])
def test_the_gradient_in_closed_form_is_that_of_finite_differences(lengths):
    lstm = make_lstm().double()
    x, mask = make_batch(lengths)
    x, initial = x.double(), torch.randn(len(lengths), WIDTH, dtype=torch.double)
    names, weights = zip(*lstm.named_parameters(), strict=True)

    def output(x, initial, *weights):
        parameters = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(lstm, parameters, (x, mask, initial))

    inputs = [value.detach().clone().requires_grad_() for value in (x, initial, *weights)]
    assert torch.autograd.gradcheck(output, inputs)
