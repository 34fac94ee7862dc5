"""The CRF against brute-force enumeration and against pytorch-crf."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mner.models.pytorch import crf_messages
from spacy_mner.models.pytorch.crf import CRF, ILLEGAL, bio_constraints

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def make_crf(tags=TAGS, *, scale=1.0, seed=0, constrain_training=False):
    torch.manual_seed(seed)
    legal, legal_start = bio_constraints(tags)
    crf = CRF(
        len(tags), legal=legal, legal_start=legal_start, constrain_training=constrain_training
    )
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.uniform_(-scale, scale)
    return crf


def make_batch(lengths, n_tags, *, scale=2.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    n_steps = max(lengths, default=0)
    emissions = scale * (2 * torch.rand(len(lengths), n_steps, n_tags, generator=generator) - 1)
    return emissions, torch.arange(n_steps) < torch.tensor(lengths)[:, None]


def paths(crf, emissions, length, allowed=None, *, constrained):
    """All paths of one row that `allowed` admits, with their scores in float64."""
    n_tags = crf.n_tags
    start = crf.crf.start_transitions.double()
    transitions = crf.crf.transitions.double()
    end = crf.crf.end_transitions.double()
    if constrained:
        start = start + crf.start_penalty
        transitions = transitions + crf.penalty
    found = {}
    for tags in itertools.product(range(n_tags), repeat=length):
        if allowed is not None and any(
            allowed[t].any() and not allowed[t, tag] for t, tag in enumerate(tags)
        ):
            continue
        score = start[tags[0]] + end[tags[-1]]
        score = score + sum(emissions[t, tag].double() for t, tag in enumerate(tags))
        score = score + sum(transitions[a, b] for a, b in itertools.pairwise(tags))
        found[tags] = score.item()
    return found


def lse(scores):
    return torch.tensor(list(scores), dtype=torch.float64).logsumexp(0).item()


@st.composite
def problems(draw):
    """A CRF over O and one or two types, a ragged batch, and tags allowed at random."""
    tags = TAGS[: draw(st.sampled_from([1, 3, 5]))]
    lengths = draw(st.lists(st.integers(1, 4 if len(tags) < 5 else 3), min_size=1, max_size=3))
    seed = draw(st.integers(0, 10_000))
    crf = make_crf(tags, scale=draw(st.sampled_from([0.1, 3.0, 20.0])), seed=seed)
    emissions, mask = make_batch(
        lengths, len(tags), scale=draw(st.sampled_from([1.0, 10.0, 80.0])), seed=seed
    )
    share = draw(st.sampled_from([0.3, 0.7, 1.0]))
    allowed = torch.rand(emissions.shape) < share
    return crf, emissions, mask, lengths, allowed


@settings(max_examples=40, deadline=None)
@given(problems())
def test_log_partition_and_loss_equal_enumeration(problem):
    crf, emissions, mask, lengths, allowed = problem
    for constrained in (False, True):
        crf.constrain_training = constrained
        free = crf.log_partition(emissions, mask, constrained=constrained)
        held = crf.log_partition(emissions, mask, allowed, constrained=constrained)
        loss = crf.loss(emissions, mask, allowed)
        for b, length in enumerate(lengths):
            args = (crf, emissions[b], length)
            expected_free = lse(paths(*args, constrained=constrained).values())
            expected_held = lse(paths(*args, allowed[b], constrained=constrained).values())
            assert free[b].item() == pytest.approx(expected_free, rel=1e-5, abs=1e-4)
            assert held[b].item() == pytest.approx(expected_held, rel=1e-5, abs=1e-4)
            assert loss[b].item() == pytest.approx(
                expected_free - expected_held, rel=1e-5, abs=1e-3
            )


@settings(max_examples=40, deadline=None)
@given(problems())
def test_best_path_equals_enumeration(problem):
    crf, emissions, mask, lengths, allowed = problem
    tags = crf.decode(emissions, mask, allowed)
    assert tags.dtype == torch.long
    assert not tags[~mask].any()
    for b, length in enumerate(lengths):
        expected = paths(crf, emissions[b], length, allowed[b], constrained=True)
        found = expected[tuple(tags[b, :length].tolist())]
        # Ties aside, and where only illegal paths are left, rounding at 1e5 is about 0.01.
        assert found == pytest.approx(max(expected.values()), abs=1e-3 if found > ILLEGAL else 0.1)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_marginals_equal_enumeration(problem):
    crf, emissions, mask, lengths, allowed = problem
    marginals = crf.marginals(emissions, mask, allowed)
    assert not marginals[~mask].any()
    for b, length in enumerate(lengths):
        scores = paths(crf, emissions[b], length, allowed[b], constrained=True)
        total = lse(scores.values())
        expected = torch.zeros(length, crf.n_tags, dtype=torch.float64)
        for path, score in scores.items():
            for t, tag in enumerate(path):
                expected[t, tag] += torch.tensor(score - total, dtype=torch.float64).exp()
        # Rounding at 1e5 where no legal path is left.
        tolerance = 1e-4 if max(scores.values()) > ILLEGAL / 2 else 0.05
        torch.testing.assert_close(
            marginals[b, :length].double(), expected, atol=tolerance, rtol=tolerance
        )


@settings(max_examples=40, deadline=None)
@given(problems(), st.booleans())
def test_span_log_probs_equal_enumeration(problem, restrict):
    crf, emissions, mask, lengths, allowed = problem
    n_types = crf.n_tags // 2
    begin = torch.arange(n_types) * 2 + 1
    spans = [
        [b, start, end, entity]
        for b, length in enumerate(lengths)
        for start in range(length)
        for end in range(start + 1, length + 1)
        for entity in range(n_types)
    ]
    held = allowed if restrict else None
    found = crf.span_log_probs(
        emissions, mask, torch.tensor(spans).view(-1, 4), begin, begin + 1, held
    )
    assert found.shape == (len(spans),)
    for b, length in enumerate(lengths):
        row = allowed[b] if restrict else None
        scores = paths(crf, emissions[b], length, row, constrained=True)
        total = lse(scores.values())
        tolerance = 1e-3 if max(scores.values()) > ILLEGAL / 2 else 0.1
        for (row_id, start, end, entity), log_prob in zip(spans, found.tolist(), strict=True):
            if row_id != b:
                continue
            entity_tags = (begin[entity].item(),) + (begin[entity].item() + 1,) * (end - start - 1)
            matching = [
                score
                for path, score in scores.items()
                if path[start:end] == entity_tags
                and (end == length or path[end] != begin[entity] + 1)
            ]
            if not matching:
                assert log_prob == -torch.inf
            elif lse(matching) - total > ILLEGAL / 2:
                assert log_prob == pytest.approx(lse(matching) - total, abs=tolerance)
            else:
                assert log_prob < ILLEGAL / 2


def test_spans_of_a_long_post_keep_their_digits():
    """Cumulative sums over 500 tokens that are no entities, then one that is."""
    crf = make_crf(scale=3.0)
    emissions, mask = make_batch([500], 5, scale=5.0)
    emissions[:, :490, 1:] -= 60.0
    emissions[:, 492, 1] += 40.0
    emissions[:, 493, 2] += 40.0
    begin = torch.tensor([1, 3])
    spans = torch.tensor([[0, 492, 494, 0]])
    found = crf.span_log_probs(emissions, mask, spans, begin, begin + 1)
    reference = crf.double().span_log_probs(emissions.double(), mask, spans, begin, begin + 1)
    assert reference.exp().item() > 0.5
    torch.testing.assert_close(found.double(), reference, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scale", [2.0, 20.0])
def test_likelihood_and_gradients_equal_pytorch_crf(scale):
    crf = make_crf(scale=1.0)
    lengths = [7, 1, 5, 2, 7]
    emissions, mask = make_batch(lengths, 5, scale=scale)
    tags = torch.randint(0, 5, mask.shape, generator=torch.Generator().manual_seed(1))
    allowed = torch.nn.functional.one_hot(tags, 5).bool()
    weights = torch.tensor([1.0, 0.5, 2.0, 0.0, -1.0])

    ours = emissions.clone().requires_grad_()
    loss = crf.loss(ours, mask, allowed)
    (loss * weights).sum().backward()
    ours_grads = [ours.grad] + [p.grad.clone() for p in crf.parameters()]

    crf.zero_grad()
    theirs = emissions.clone().requires_grad_()
    expected = -crf.crf(theirs, tags, mask, reduction="none")
    (expected * weights).sum().backward()
    theirs_grads = [theirs.grad] + [p.grad for p in crf.parameters()]

    torch.testing.assert_close(loss, expected, atol=1e-3, rtol=1e-5)
    assert len(ours_grads) == 4
    for found, wanted in zip(ours_grads, theirs_grads, strict=True):
        torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 80.0])
def test_best_path_equals_pytorch_crf(scale):
    torch.manual_seed(0)
    crf = CRF(9)
    lengths = [35, 1, 20, 34, 2, 17]
    emissions, mask = make_batch(lengths, 9, scale=scale)
    tags = crf.decode(emissions, mask)
    found = [row[:length].tolist() for row, length in zip(tags, lengths, strict=True)]
    assert found == crf.crf.decode(emissions, mask)


@pytest.mark.parametrize("in_logs", [False, True])
@pytest.mark.parametrize("constrained", [False, True])
def test_gradcheck(in_logs, constrained, monkeypatch):
    if in_logs:
        scan = crf_messages._scan
        monkeypatch.setattr(crf_messages, "_scan", lambda *args: (*scan(*args)[:2], False))
    crf = make_crf(constrain_training=constrained).double()
    emissions, mask = make_batch([4, 1, 3], 5)
    allowed = torch.rand(emissions.shape, generator=torch.Generator().manual_seed(3)) < 0.5
    allowed[:, :, 0] = True
    inputs = [emissions.double().requires_grad_(), *crf.parameters()]
    assert torch.autograd.gradcheck(
        lambda e, *parameters: crf.loss(e, mask, allowed), inputs, atol=1e-6
    )


@pytest.mark.parametrize("scale", [1.0, 8.0, 80.0])
def test_both_scans_agree(scale, monkeypatch):
    """Probabilities and logs give the same messages wherever the first says that it is right."""
    crf = make_crf(scale=min(scale, 20.0))
    emissions, mask = make_batch([30, 12, 1, 29], 5, scale=scale)
    potentials = [potential.detach() for potential in crf._potentials(emissions, False)]
    fast = crf_messages.run_messages(emissions, mask, *potentials)
    scan = crf_messages._scan
    monkeypatch.setattr(crf_messages, "_scan", lambda *args: (*scan(*args)[:2], False))
    slow = crf_messages.run_messages(emissions, mask, *potentials)
    assert not slow.in_range
    if scale <= 8.0:
        assert fast.in_range
    for found, wanted in zip(fast[:-1], slow[:-1], strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-5)


LATE_WINNER = [[0.0, -110.0, -300.0]] + [[-20.0, -300.0, 0.0]] * 7


def test_entity_that_starts_out_of_float32s_reach():
    """It starts 110 below O, less than exp() can tell from 0, and wins little by little."""
    crf = make_crf(TAGS[:3], scale=0.1)
    emissions = torch.tensor([LATE_WINNER])
    mask = torch.ones(1, 8, dtype=torch.bool)
    expected = paths(crf, emissions[0], 8, constrained=True)
    found = crf.log_partition(emissions, mask, constrained=True).item()
    assert found == pytest.approx(lse(expected.values()), rel=1e-5)
    best = max(expected, key=expected.__getitem__)
    assert 2 in best
    marginals = crf.marginals(emissions, mask)[0]
    torch.testing.assert_close(marginals.argmax(-1), torch.tensor(best))


@pytest.mark.parametrize(
    "scores",
    [
        LATE_WINNER,  # each step leaves O likely enough: only the messages show the loss
        [[0.0, -30.0, -30.0], [-40.0, -40.0, 0.0]],  # a step that leaves little of what was likely
    ],
)
@pytest.mark.parametrize("direction", [0, 1])
def test_underflow_is_noticed(scores, direction):
    scores = torch.tensor(scores)[:, :, None]
    pair = [torch.zeros_like(scores), torch.zeros_like(scores)]
    legal, _ = bio_constraints(TAGS[:3])
    step = torch.zeros(3, 3).masked_fill(~legal.T, ILLEGAL)
    steps = [torch.zeros(3, 3), torch.zeros(3, 3)]
    first = torch.zeros(2, 3, 1)
    assert crf_messages._scan(torch.stack(pair, 1), first, torch.stack(steps))[2]
    pair[direction], steps[direction] = scores, step
    assert not crf_messages._scan(torch.stack(pair, 1), first, torch.stack(steps))[2]


def test_illegal_sequences_are_never_decoded():
    legal, legal_start = bio_constraints(TAGS)
    crf = make_crf(scale=20.0)
    emissions, mask = make_batch([40] * 64, 5, scale=80.0)
    emissions[:, :, [2, 4]] += 40.0
    tags = crf.decode(emissions, mask)
    assert (tags % 2 == 0).any()
    assert legal_start[tags[:, 0]].all()
    assert legal[tags[:, :-1], tags[:, 1:]].all()
    marginals = crf.marginals(emissions, mask)
    assert not marginals[:, 0, [2, 4]].any()
    torch.testing.assert_close(marginals.sum(-1), torch.ones(64, 40), atol=1e-4, rtol=0)


def test_allowed_wins_over_legality():
    """O I-PER is illegal, but all that the caller leaves: no NaN, and the least illegal path."""
    crf = make_crf()
    emissions, mask = make_batch([3], 5)
    allowed = torch.zeros(1, 3, 5, dtype=torch.bool)
    allowed[0, 0, 0] = allowed[0, 1, 2] = True
    allowed[0, 2] = True
    tags = crf.decode(emissions, mask, allowed)
    assert tags[0, :2].tolist() == [0, 2]
    assert tags[0, 2] != 4
    best = max(paths(crf, emissions[0], 3, allowed[0], constrained=True).values())
    assert 1.5 * ILLEGAL < best < 0.5 * ILLEGAL
    marginals = crf.marginals(emissions, mask, allowed)
    assert marginals[0, 0, 0] == 1
    assert marginals[0, 1, 2] == 1
    torch.testing.assert_close(marginals.sum(-1), torch.ones(1, 3))
    crf.constrain_training = True
    emissions.requires_grad_()
    loss = crf.loss(emissions, mask, allowed)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(emissions.grad).all()


def test_a_token_without_allowed_tags_is_free():
    crf = make_crf()
    emissions, mask = make_batch([3], 5)
    allowed = torch.ones(1, 3, 5, dtype=torch.bool)
    allowed[0, 1] = False
    torch.testing.assert_close(crf.decode(emissions, mask, allowed), crf.decode(emissions, mask))
    loss = crf.loss(emissions, mask, allowed)
    torch.testing.assert_close(loss, torch.zeros(1), atol=1e-5, rtol=0)


def everything(crf, emissions, mask, allowed, spans):
    """Every result of a CRF, gradients included, as one list of tensors with the batch first."""
    begin = torch.tensor([1, 3])
    emissions = emissions.clone().requires_grad_()
    loss = crf.loss(emissions, mask, allowed)
    (grad,) = torch.autograd.grad(loss.sum(), emissions)
    return [
        loss,
        grad,
        crf.log_partition(emissions, mask, constrained=True),
        crf.decode(emissions, mask),
        crf.marginals(emissions, mask),
        crf.span_log_probs(emissions, mask, spans, begin, begin + 1),
    ]


@pytest.mark.parametrize("filler", [0.0, 1e4, float("nan"), float("inf")])
def test_padding_cannot_change_a_result_and_one_row_equals_many(filler):
    crf = make_crf()
    lengths = [6, 1, 4]
    emissions, mask = make_batch(lengths, 5)
    allowed = torch.rand(emissions.shape, generator=torch.Generator().manual_seed(3)) < 0.6
    spans = torch.tensor([[0, 1, 3, 0], [1, 0, 1, 1], [2, 2, 4, 1]])
    padded = emissions.masked_fill(~mask[:, :, None], filler)
    padded = torch.nn.functional.pad(padded, (0, 0, 0, 2), value=filler)
    longer = torch.nn.functional.pad(mask, (0, 2))
    many = everything(crf, padded, longer, torch.nn.functional.pad(allowed, (0, 0, 0, 2)), spans)
    assert not many[1][~longer].any()
    for b, length in enumerate(lengths):
        row = slice(b, b + 1)
        span = spans[row].clone()
        span[:, 0] = 0
        one = everything(
            crf, emissions[row, :length], mask[row, :length], allowed[row, :length], span
        )
        for batch, single in zip(many, one, strict=True):
            found = batch[row, :length] if batch.dim() > 1 else batch[row]
            torch.testing.assert_close(found, single, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("n_rows", "n_steps"), [(0, 0), (0, 3), (3, 0), (2, 3)])
def test_empty_batches_and_rows(n_rows, n_steps):
    """No rows, no tokens, or rows that are all padding: zeros, and gradients that are zero."""
    crf = make_crf()
    emissions = torch.randn(n_rows, n_steps, 5, requires_grad=True)
    mask = torch.zeros(n_rows, n_steps, dtype=torch.bool)
    allowed = torch.zeros(n_rows, n_steps, 5, dtype=torch.bool)
    no_spans = torch.zeros(0, 4, dtype=torch.long)
    loss, grad, partition, tags, marginals, log_probs = everything(
        crf, emissions, mask, allowed, no_spans
    )
    for per_row in (loss, partition):
        torch.testing.assert_close(per_row, torch.zeros(n_rows))
    torch.testing.assert_close(grad, torch.zeros_like(emissions))
    torch.testing.assert_close(tags, torch.zeros(n_rows, n_steps, dtype=torch.long))
    torch.testing.assert_close(marginals, torch.zeros(n_rows, n_steps, 5))
    assert log_probs.shape == (0,)


def test_a_row_of_padding_beside_a_full_one():
    crf = make_crf()
    emissions, mask = make_batch([3, 0], 5)
    allowed = torch.rand(emissions.shape, generator=torch.Generator().manual_seed(3)) < 0.6
    loss = crf.loss(emissions, mask, allowed)
    alone = crf.loss(emissions[:1], mask[:1], allowed[:1])
    torch.testing.assert_close(loss, torch.cat([alone, torch.zeros(1)]))


def test_computes_in_float32_under_autocast():
    crf = make_crf()
    emissions, mask = make_batch([6, 4], 5)
    allowed = torch.rand(emissions.shape, generator=torch.Generator().manual_seed(3)) < 0.6
    spans = torch.tensor([[0, 1, 3, 0]])
    rounded = emissions.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = everything(crf, rounded, mask, allowed, spans)
    expected = everything(crf, rounded.float(), mask, allowed, spans)
    assert found[0].dtype == torch.float32
    assert found[1].dtype == torch.bfloat16  # the gradient's type is its tensor's
    for got, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(got.to(wanted.dtype), wanted, atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1].float(), expected[1].bfloat16().float())


def test_weights_are_those_of_pytorch_crf():
    """The constraints are code, not weights: they are not saved."""
    assert set(make_crf().state_dict()) == {
        "crf.start_transitions",
        "crf.end_transitions",
        "crf.transitions",
    }


def test_bio_constraints():
    legal, legal_start = bio_constraints(TAGS)
    assert legal_start.tolist() == [True, True, False, True, False]
    for i, before in enumerate(TAGS):
        for j, tag in enumerate(TAGS):
            expected = not tag.startswith("I-") or before in (tag, "B-" + tag[2:])
            assert legal[i, j].item() is expected, (before, tag)


def test_bio_constraints_on_labels_with_dashes_and_on_o_alone():
    legal, _ = bio_constraints(["O", "B-a-b", "I-a-b", "B-b", "I-b"])
    assert legal[1, 2]
    assert not legal[3, 2]
    legal, legal_start = bio_constraints(["O"])
    assert legal.tolist() == [[True]]
    assert legal_start.tolist() == [True]


@pytest.mark.parametrize("tag", ["", "PER", "B-", "E-PER", "B_PER"])
def test_bio_constraints_refuse_other_tags(tag):
    with pytest.raises(ValueError, match="BIO tag"):
        bio_constraints(["O", tag])


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match=r"n_tags is 0"):
        CRF(0)
    with pytest.raises(ValueError, match=r"legal is of shape \(2, 2\)"):
        CRF(3, legal=torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"legal_start is of shape \(2,\)"):
        CRF(3, legal_start=torch.ones(2, dtype=torch.bool))
