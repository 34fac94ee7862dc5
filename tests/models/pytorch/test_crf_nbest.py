"""n-best paths, probabilities of sequences, and the temperature, against enumeration."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mner.models.pytorch.crf import ILLEGAL, bio_constraints

from .test_crf import TAGS, lse, make_batch, make_crf, paths, problems

temperatures = st.sampled_from([0.5, 1.0, 1.7, 4.0])


def divided(crf, temperature):
    """The CRF whose every score is divided; its constraints are not."""
    copy = deepcopy(crf)
    with torch.no_grad():
        for parameter in copy.parameters():
            parameter /= temperature
    return copy


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from([1, 2, 3, 7, 200]), temperatures)
def test_n_best_equals_enumeration(problem, k, temperature):
    crf, emissions, mask, lengths, allowed = problem
    tags, log_probs = crf.n_best(emissions, mask, k, allowed, temperature=temperature)
    assert tags.shape == (len(lengths), k, mask.shape[1])
    assert not tags.masked_select(~mask[:, None]).any()
    cooled = divided(crf, temperature)
    for b, length in enumerate(lengths):
        scores = paths(cooled, emissions[b] / temperature, length, allowed[b], constrained=True)
        total = lse(scores.values())
        # Where a legal path is left, illegal ones are no paths.
        legal = {p: s for p, s in scores.items() if s - total > ILLEGAL / 2}
        expected = sorted(legal.values(), reverse=True)[:k]
        n = len(expected)
        assert torch.isneginf(log_probs[b, n:]).all()
        found = [tuple(row[:length].tolist()) for row in tags[b, :n]]
        assert len(set(found)) == n
        # Paths may tie; and where only illegal ones are left, 1e5 costs digits.
        tolerance = 1e-4 if max(scores.values()) > ILLEGAL / 2 else 0.1
        for path, log_prob, score in zip(found, log_probs[b].tolist(), expected, strict=False):
            assert log_prob == pytest.approx(scores[path] - total, abs=tolerance)
            assert log_prob == pytest.approx(score - total, abs=tolerance)


@settings(max_examples=60, deadline=None)
@given(problems(), temperatures, st.sampled_from([0.3, 0.7, 1.0]))
def test_log_prob_equals_enumeration(problem, temperature, share):
    crf, emissions, mask, lengths, allowed = problem
    wanted = torch.rand(emissions.shape) < share
    found = crf.log_prob(emissions, mask, wanted, allowed, temperature=temperature)
    cooled = divided(crf, temperature)
    for b, length in enumerate(lengths):
        scores = paths(cooled, emissions[b] / temperature, length, allowed[b], constrained=True)
        total = lse(scores.values())
        inside = [
            score
            for path, score in scores.items()
            if all(wanted[b, t, tag] for t, tag in enumerate(path))
        ]
        expected = lse(inside) - total if inside else -torch.inf
        if expected < ILLEGAL / 2:
            assert found[b].item() == -torch.inf
        else:
            tolerance = 1e-4 if max(scores.values()) > ILLEGAL / 2 else 0.1
            assert found[b].item() == pytest.approx(expected, abs=tolerance)


@settings(max_examples=40, deadline=None)
@given(problems(), temperatures)
def test_temperature_of_marginals_and_spans_equals_enumeration(problem, temperature):
    crf, emissions, mask, lengths, _ = problem
    marginals = crf.marginals(emissions, mask, temperature=temperature)
    n_types = crf.n_tags // 2
    begin = torch.arange(n_types) * 2 + 1
    spans = torch.tensor(
        [[b, 0, n, e] for b, n in enumerate(lengths) for e in range(n_types)], dtype=torch.long
    ).view(-1, 4)
    probs = crf.span_log_probs(
        emissions, mask, spans, begin, begin + 1, temperature=temperature
    ).exp()
    cooled = divided(crf, temperature)
    for b, length in enumerate(lengths):
        scores = paths(cooled, emissions[b] / temperature, length, constrained=True)
        total = lse(scores.values())
        expected = torch.zeros(length, crf.n_tags, dtype=torch.float64)
        for path, score in scores.items():
            for t, tag in enumerate(path):
                expected[t, tag] += torch.tensor(score - total, dtype=torch.float64).exp()
        torch.testing.assert_close(marginals[b, :length].double(), expected, atol=1e-4, rtol=1e-4)
        for (row, _, end, e), prob in zip(spans.tolist(), probs.tolist(), strict=True):
            if row == b:
                first = int(begin[e])
                whole = scores[(first, *[first + 1] * (end - 1))]
                wanted = torch.tensor(whole - total, dtype=torch.float64).exp().item()
                assert prob == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_the_first_of_n_is_the_best_path_at_any_temperature(temperature):
    crf = make_crf(scale=2.0)
    emissions, mask = make_batch([30, 1, 17, 29], 5, scale=4.0)
    tags = crf.decode(emissions, mask)
    ranked, log_probs = crf.n_best(emissions, mask, 5, temperature=temperature)
    assert torch.equal(ranked[:, 0], tags)
    assert (log_probs[:, :-1] >= log_probs[:, 1:]).all()
    legal, legal_start = bio_constraints(TAGS)
    # The post of one token has three legal sequences.
    kept = torch.isfinite(log_probs)
    assert kept.sum(1).tolist() == [5, 3, 5, 5]
    assert legal_start[ranked[:, :, 0]][kept].all()
    within = mask[:, None, 1:] & kept[:, :, None]
    assert legal[ranked[..., :-1], ranked[..., 1:]][within].all()
    # A sequence of the list, asked for by itself, has the probability that the list says.
    given = torch.nn.functional.one_hot(ranked[:, 3], 5).bool()
    alone = crf.log_prob(emissions, mask, given, temperature=temperature)
    torch.testing.assert_close(alone[kept[:, 3]], log_probs[kept[:, 3], 3])


def test_heat_makes_uncertain_and_cold_makes_certain():
    crf = make_crf(scale=1.0)
    emissions, mask = make_batch([12, 12], 5, scale=3.0)
    best = [
        crf.n_best(emissions, mask, 1, temperature=t)[1].exp().max().item()
        for t in (0.01, 0.3, 1.0, 3.0)
    ]
    assert best == sorted(best, reverse=True)
    assert best[0] == pytest.approx(1.0)
    # Very hot, all legal sequences are alike, and illegal ones still do not count.
    crf = make_crf(TAGS[:3])
    emissions, mask = make_batch([3], 3)
    _, log_probs = crf.n_best(emissions, mask, 30, temperature=1e8)
    n = int(torch.isfinite(log_probs).sum())
    torch.testing.assert_close(log_probs[0, :n].exp(), torch.full((n,), 1 / n).double())
    assert n == len([p for p in paths(crf, emissions[0], 3, constrained=True).values() if p > -9e4])


def test_nothing_to_rank():
    crf = make_crf()
    for shape in ((0, 4), (2, 0)):
        mask = torch.ones(shape, dtype=torch.bool)
        tags, log_probs = crf.n_best(torch.zeros(*shape, 5), mask, 3)
        assert tags.shape == (shape[0], 3, shape[1])
        assert log_probs[:, 0].tolist() == [0.0] * shape[0]
        assert torch.isneginf(log_probs[:, 1:]).all()
        everything = torch.ones(*shape, 5, dtype=torch.bool)
        assert crf.log_prob(torch.zeros(*shape, 5), mask, everything).tolist() == [0.0] * shape[0]
    emissions, mask = make_batch([0, 2], 5)
    tags, log_probs = crf.n_best(emissions, mask, 2)
    assert log_probs[0].tolist() == [0.0, -torch.inf]
    assert not tags[0].any()
    with pytest.raises(ValueError, match="M011"):
        crf.n_best(emissions, mask, 0)


def test_what_is_improbable_is_not_illegal():
    """The score of a long post, or of one at a low temperature, falls below that of an illegal step."""
    crf = make_crf(TAGS[:3])
    emissions, mask = make_batch([3000, 2], 3)
    emissions[0, :, 1] -= 100.0
    given = torch.zeros(2, 3000, 3, dtype=torch.bool)
    given[..., 1] = True
    legal = crf.log_prob(emissions, mask, given)
    assert torch.isfinite(legal).all()
    assert legal[0] < 2 * ILLEGAL
    given[:, 0] = torch.tensor([False, False, True])
    assert torch.isneginf(crf.log_prob(emissions, mask, given)).all()
    # One token has three sequences, of which one is illegal: the second is far behind, and legal.
    tags, log_probs = crf.n_best(emissions[:1, :1], mask[:1, :1], 3, temperature=1.5e-3)
    assert tags[0, :2, 0].tolist() == [0, 1]
    assert log_probs[0, 1] < ILLEGAL / 2
    assert torch.isfinite(log_probs[0]).tolist() == [True, True, False]
