"""Both decoders, on top of the CRF: missing tags, constraints, legal sequences, new labels."""

import pytest
import torch

from spacy_mner.models.pytorch.decoder import copy_labels
from spacy_mner.tags import bio_tags

from ..util import LABELS, resolve

WIDTH = 8
BLOCKS = [
    {"@architectures": f"spacy_mner.{name}.v1", "constrain_training": constrain}
    for name in ("CRF", "MultitaskCRF")
    for constrain in (False, True)
]
every_decoder = pytest.mark.parametrize(
    "block", BLOCKS, ids=["crf", "crf-constrained", "multitask", "multitask-constrained"]
)


def build(block, labels=LABELS):
    torch.manual_seed(0)
    module = resolve(block)(WIDTH, labels)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-1, 1)
    return module


def hidden_and_mask(*lengths):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(len(lengths), max(lengths), WIDTH, generator=generator) * 3
    return hidden, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def everything(mask, n_tags):
    return torch.ones(*mask.shape, n_tags, dtype=torch.bool)


def crf_of(module):
    return getattr(module, "typed", module).crf.crf


@every_decoder
def test_a_post_without_annotation_costs_nothing(block):
    module = build(block)
    hidden, mask = hidden_and_mask(3, 1, 5)
    hidden.requires_grad_()
    loss = module.loss(module(hidden), mask, everything(mask, module.n_tags))
    torch.testing.assert_close(loss, torch.zeros(3), atol=1e-4, rtol=0)
    loss.sum().backward()
    torch.testing.assert_close(hidden.grad, torch.zeros_like(hidden), atol=1e-4, rtol=0)


@every_decoder
def test_the_losses_of_all_tags_are_one_probability(block):
    """Over the tags of one token, the typed head's probabilities sum to 1."""
    module = build(block)
    hidden, mask = hidden_and_mask(1)
    emissions = module.emissions(hidden)
    losses = []
    for tag in range(module.n_tags):
        allowed = torch.zeros(1, 1, module.n_tags, dtype=torch.bool)
        allowed[..., tag] = True
        losses.append(module.crf.loss(emissions, mask, allowed))
    legal = torch.tensor([0, *range(1, module.n_tags, 2)])
    kept = torch.cat(losses)[legal] if block["constrain_training"] else torch.cat(losses)
    torch.testing.assert_close((-kept).exp().sum(), torch.tensor(1.0))


def test_the_multitask_loss_is_the_sum_of_both_heads():
    module = build(BLOCKS[2])
    hidden, mask = hidden_and_mask(4)
    tags = torch.tensor([[1, 2, 0, 3]])
    allowed = tags.unsqueeze(-1) == torch.arange(module.n_tags)
    segments = torch.tensor([[1, 2, 0, 1]]).unsqueeze(-1) == torch.arange(3)
    emissions = module.emissions(hidden)
    expected = module.crf.loss(emissions, mask, allowed) + module.segmentation.loss(
        module.segmentation(hidden), mask, segments
    )
    torch.testing.assert_close(module.loss(module(hidden), mask, allowed), expected)


@every_decoder
def test_only_legal_sequences_are_decoded(block):
    module = build(block)
    hidden, mask = hidden_and_mask(*[9] * 40)
    with torch.no_grad():
        emissions = module(hidden)
        # The network would like to begin inside the second label and never stop.
        emissions[..., 4] += 3
        emissions[..., 2] += 2
        rows = module.decode(emissions, mask).tolist()
    assert {tag for row in rows for tag in row} >= {2, 4}
    for row in rows:
        for before, tag in zip([0, *row[:-1]], row, strict=True):
            assert tag == 0 or tag % 2 == 1 or before in (tag - 1, tag)


@every_decoder
def test_constraints_hold(block):
    module = build(block)
    hidden, mask = hidden_and_mask(5, 5)
    with torch.no_grad():
        emissions = module(hidden)
        emissions[..., 1] += 20
        free = module.decode(emissions, mask)
        allowed = everything(mask, module.n_tags)
        allowed[0, 2:4, 1:] = False
        tags = module.decode(emissions, mask, allowed)
    assert (free == 1).all()
    assert tags[0].tolist() == [1, 1, 0, 0, 1]
    assert torch.equal(tags[1], free[1])


@every_decoder
def test_probability_of_an_entity(block):
    """One token: B of each label and O share the probability; I cannot begin a post."""
    module = build(block)
    hidden, mask = hidden_and_mask(1)
    with torch.no_grad():
        emissions = module(hidden)
        spans = torch.tensor([[0, 0, 1, label] for label in range(len(LABELS))])
        found = module.span_log_probs(emissions, mask, spans).exp()
        crf = crf_of(module)
        scores = crf.start_transitions + emissions[0, 0, : module.n_tags] + crf.end_transitions
    torch.testing.assert_close(found, torch.softmax(scores[[0, 1, 3]], 0)[1:])


@every_decoder
def test_copied_labels_keep_their_weights(block):
    """New labels may sort before, between and after the old ones."""
    old, labels = build(block), ["A", *LABELS[:1], "M", *LABELS[1:], "Z"]
    torch.manual_seed(1)
    new = resolve(block)(WIDTH, labels)
    copy_labels(old, new, LABELS, labels)
    index = [bio_tags(labels).index(tag) for tag in bio_tags(LABELS)]
    before, after = getattr(old, "typed", old), getattr(new, "typed", new)
    assert torch.equal(after.emissions.weight[index], before.emissions.weight)
    assert torch.equal(after.emissions.bias[index], before.emissions.bias)
    assert torch.equal(after.crf.crf.transitions[index][:, index], before.crf.crf.transitions)
    assert torch.equal(after.crf.crf.start_transitions[index], before.crf.crf.start_transitions)
    assert torch.equal(after.crf.crf.end_transitions[index], before.crf.crf.end_transitions)
    if hasattr(old, "segmentation"):
        for a, b in zip(old.segmentation.parameters(), new.segmentation.parameters(), strict=True):
            assert torch.equal(a, b)


def test_labels_copied_where_the_widths_look_alike():
    """The encoder's width may equal the number of tags, before or after."""
    for width in (5, 7):
        old, new = resolve(BLOCKS[0])(width, LABELS), resolve(BLOCKS[0])(width, ["A", *LABELS])
        copy_labels(old, new, LABELS, ["A", *LABELS])
        assert torch.equal(new.emissions.weight[[0, 3, 4, 5, 6]], old.emissions.weight)


@pytest.mark.gpu(cupy=False)
@every_decoder
def test_copied_from_a_gpu(block):
    """The module with more labels is made on the CPU, while the old one may be on a GPU."""
    old, new = build(block).to("cuda"), resolve(block)(WIDTH, [*LABELS, "Z"])
    copy_labels(old, new, LABELS, [*LABELS, "Z"])
    typed, before = getattr(new, "typed", new), getattr(old, "typed", old)
    assert torch.equal(typed.emissions.weight[:5], before.emissions.weight.cpu())
