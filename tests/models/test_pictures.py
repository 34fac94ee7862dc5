"""How `Doc._.image_vec` is read, by the picture modality and by the evidence."""

import numpy as np
import pytest
import torch

from spacy_mner.models.evidence import ImageEvidence

from ..util import IMAGE_WIDTH, WIDTH, make_docs, resolve

PARTS = {
    "mean": {"@architectures": "spacy_mner.ImageVectors.v1"},
    "attention": {"@architectures": "spacy_mner.ImageVectors.v1", "pooling": "attention"},
    "evidence": {"@architectures": "spacy_mner.LabelBias.v1"},
    "fitted evidence": {"@architectures": "spacy_mner.LabelBias.v1", "n_folds": 2},
}
every_reader = pytest.mark.parametrize("name", list(PARTS))


def make_part(name, docs=None, **settings):
    part = resolve({**PARTS[name], **settings})
    initialize(part, make_docs() if docs is None else docs)
    return part


def initialize(part, docs):
    """An evidence is also told what the posts hold: the first one a label, the others nothing."""
    if isinstance(part, ImageEvidence):
        part.initialize(docs, np.eye(len(docs), 2, dtype="float32"))
    else:
        part.initialize(docs)


def seen(features):
    """Which posts have a picture."""
    return features["present"] if "present" in features else features["regions"].any(1)


def build(name, part):
    torch.manual_seed(0)
    return part.build(WIDTH, 2) if "evidence" in name else part.build(WIDTH)


def docs_with(*pictures):
    docs = make_docs(images=False)[: len(pictures)]
    for doc, picture in zip(docs, pictures, strict=True):
        doc._.image_vec = picture
    return docs


def ones(*shape):
    return np.ones(shape, dtype="float32")


@every_reader
@pytest.mark.parametrize("shape", [(), (2, 2, IMAGE_WIDTH), (0,), (3, 0)])
def test_wrong_shapes_are_refused(name, shape):
    part = make_part(name)
    with pytest.raises(ValueError, match="M004") as error:
        part.featurize_docs(docs_with(np.zeros(shape)))
    assert str(shape) in str(error.value)


@every_reader
@pytest.mark.parametrize("shape", [(IMAGE_WIDTH + 1,), (2, IMAGE_WIDTH - 1)])
def test_another_width_is_refused(name, shape):
    part = make_part(name)
    with pytest.raises(ValueError, match=rf"M005.*{shape[-1]}.*{IMAGE_WIDTH}"):
        part.featurize_docs(docs_with(None, ones(*shape)))


@every_reader
def test_training_pictures_of_several_widths_are_refused(name):
    with pytest.raises(ValueError, match=r"\[M013\].*: 4 \(2 posts\), 3 \(1 posts\)\."):
        make_part(name, docs_with(ones(4), ones(3), ones(2, 4)))


@every_reader
def test_a_configured_width_binds_the_training_data(name):
    assert make_part(name, width=IMAGE_WIDTH).get_state() == {"width": IMAGE_WIDTH}
    with pytest.raises(ValueError, match=rf"M005.*{IMAGE_WIDTH}.*{IMAGE_WIDTH + 2}"):
        make_part(name, width=IMAGE_WIDTH + 2)


@every_reader
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_broken_vectors_count_as_missing(name, value):
    part = make_part(name)
    broken = ones(2, IMAGE_WIDTH)
    broken[1, 3] = value
    with pytest.warns(UserWarning, match="MW003"):
        features = part.featurize_docs(docs_with(broken, ones(IMAGE_WIDTH)))
    assert seen(features).tolist() == [False, True]
    assert torch.isfinite(features["vectors"]).all()


@every_reader
def test_broken_vectors_leave_the_statistics_alone(name):
    good = [ones(IMAGE_WIDTH), -ones(IMAGE_WIDTH)]
    with pytest.warns(UserWarning, match="MW003"):
        part = make_part(name, docs_with(*good, np.full(IMAGE_WIDTH, np.nan)))
    module = build(name, part)
    assert module.standardize.mean.tolist() == [0] * IMAGE_WIDTH
    assert module.standardize.std.tolist() == [1] * IMAGE_WIDTH


@every_reader
def test_forms_that_a_picture_may_take(name):
    """Read-only arrays, other float types, lists, and one row instead of a vector."""
    part = make_part(name)
    vector = np.linspace(0, 1, IMAGE_WIDTH)
    read_only = vector.astype("float32")
    read_only.flags.writeable = False
    docs = docs_with(vector, read_only, vector.astype("float16"), vector.tolist(), vector[None])
    features = part.featurize_docs(docs)
    assert seen(features).all()
    for row in features["vectors"]:
        np.testing.assert_allclose(np.ravel(row), vector, atol=1e-3)
    assert not read_only.flags.writeable


@every_reader
def test_no_region_is_no_picture(name):
    part = make_part(name)
    features = part.featurize_docs(docs_with(np.zeros((0, IMAGE_WIDTH)), None))
    assert not seen(features).any()


def test_pooling():
    regions = np.stack([ones(IMAGE_WIDTH), 3 * ones(IMAGE_WIDTH)])
    docs = docs_with(regions, ones(IMAGE_WIDTH))
    mean = make_part("mean").featurize_docs(docs)
    assert mean["vectors"][:, 0, 0].tolist() == [2.0, 1.0]
    assert mean["regions"].tolist() == [[True], [True]]
    kept = make_part("attention").featurize_docs(docs)
    assert kept["vectors"][:, :, 0].tolist() == [[1.0, 3.0], [1.0, 0.0]]
    assert kept["regions"].tolist() == [[True, True], [True, False]]


def test_attention_over_regions_listens_to_the_token():
    part = make_part("attention")
    module = build("attention", part).eval()
    features = part.featurize_docs(make_docs()[2:3])
    query = torch.randn(1, 3, WIDTH, generator=torch.Generator().manual_seed(0)) * 5
    values, _ = module(features, query)
    assert not torch.allclose(values[0, 0], values[0, 1])
    # The order of the regions says nothing.
    turned = {key: value.flip(1) for key, value in features.items()}
    torch.testing.assert_close(module(turned, query)[0], values)


@every_reader
def test_standardization(name):
    """The training pictures' mean and deviation; a column that never changes is not blown up."""
    rng = np.random.default_rng(0)
    pictures = rng.normal(3, 2, size=(5, IMAGE_WIDTH)).astype("float32")
    pictures[:, 1] = 7
    module = build(name, make_part(name, docs_with(*pictures)))
    out = module.standardize(torch.from_numpy(pictures))
    torch.testing.assert_close(out.mean(0), torch.zeros(IMAGE_WIDTH), atol=1e-5, rtol=0)
    expected = torch.ones(IMAGE_WIDTH)
    expected[1] = 0
    torch.testing.assert_close(out.std(0, correction=0), expected, atol=1e-5, rtol=0)
    assert not [n for n, _ in module.named_parameters() if n.startswith("standardize")]
    assert {"standardize.mean", "standardize.std"} <= set(module.state_dict())


def test_standardization_can_be_switched_off():
    module = build("mean", make_part("mean", standardize=False))
    x = torch.randn(2, IMAGE_WIDTH)
    assert torch.equal(module.standardize(x), x)


@every_reader
def test_data_without_pictures(name):
    with pytest.warns(UserWarning, match="MW002"):
        part = make_part(name, make_docs(images=False))
    features = part.featurize_docs(make_docs(images=False))
    assert not seen(features).any()
    module = build(name, part).eval()
    output = module(features, torch.zeros(5, 2, WIDTH))
    values, present = output if isinstance(output, tuple) else (output, None)
    assert torch.isfinite(values).all()
    if present is None:
        assert not values.any()
    else:
        assert not present.any()
    # Pictures that come later meet weights that were never trained.
    with pytest.warns(UserWarning, match="MW004"):
        features = part.featurize_docs(docs_with(ones(IMAGE_WIDTH), None))
    assert not seen(features).any()


@every_reader
def test_initialized_again_with_other_pictures(name):
    """The width of the first training data must not bind the second's."""
    part = make_part(name)
    wide = docs_with(ones(IMAGE_WIDTH + 3), None)
    initialize(part, wide)
    assert part.get_state() == make_part(name, wide).get_state()
    assert part.featurize_docs(wide)["vectors"].shape[-1] == IMAGE_WIDTH + 3


@every_reader
def test_a_state_replaces_another_ones(name):
    """A trained pipeline may be loaded into one that is initialized with other pictures."""
    part, other = make_part(name, docs_with(ones(IMAGE_WIDTH + 3), None)), make_part(name)
    part.set_state(other.get_state())
    module, expected = build(name, part), build(name, other)
    module.load_state_dict(expected.state_dict())
    assert torch.equal(module.standardize.mean, expected.standardize.mean)


def test_evidence_starts_silent_and_speaks_of_pictures_only():
    docs = make_docs()
    part = make_part("evidence", docs)
    module = build("evidence", part).eval()
    hidden = torch.randn(len(docs), 3, WIDTH, generator=torch.Generator().manual_seed(0))
    features = part.featurize_docs(docs)
    assert not module(features, hidden).any()
    with torch.no_grad():
        module.scores.linear.weight.fill_(1.0)
        module.scores.linear.bias.fill_(0.5)
    bias = module(features, hidden)
    assert bias.shape == (len(docs), 3, 2)
    assert bias.flatten(1).any(1).tolist() == [doc._.image_vec is not None for doc in docs]


def test_gate_of_the_evidence():
    docs = make_docs()
    features = make_part("evidence", docs).featurize_docs(docs)
    hidden = torch.randn(len(docs), 3, WIDTH, generator=torch.Generator().manual_seed(0))
    for gated in (True, False):
        part = make_part("evidence", docs, gated=gated)
        module = build("evidence", part).eval()
        with torch.no_grad():
            module.scores.linear.weight.fill_(1.0)
        bias = module(features, hidden)[0]
        assert torch.equal(bias[0], bias[1]) == (not gated)


def test_relevance_gate_scales_the_picture_of_each_token():
    part = resolve({**PARTS["attention"], "gated": True, "dropout": 0.0})
    plain = make_part("attention", dropout=0.0)
    docs = make_docs()
    part.initialize(docs)
    gated, ungated = build("attention", part).eval(), build("attention", plain).eval()
    ungated.load_state_dict(gated.state_dict(), strict=False)
    features = part.featurize_docs(docs)
    query = torch.randn(len(docs), 3, WIDTH)
    values, present = gated(features, query)
    full, present_too = ungated(features, query)
    assert torch.equal(present, present_too)
    gate = torch.sigmoid(gated.gate(torch.cat([query, full], -1)))
    assert gate.std() > 0
    assert torch.allclose(values, gate * full)
