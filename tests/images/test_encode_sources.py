import json
import warnings

import numpy as np
import pytest

from spacy_mner.images.encode import create_encoder, encode
from spacy_mner.images.reading import read_rgb
from spacy_mner.images.store import FeatureStore
from spacy_mner.images.stream import read_ahead

Image = pytest.importorskip("PIL.Image")


class MeanColour:
    """A picture's mean colour, and a count of what was computed."""

    name = "mean_colour"
    width = 3
    reads = "picture"

    def __init__(self, fail_after=None):
        self.settings = {}
        self.sizes = []
        self.fail_after = fail_after

    def read(self, source):
        return np.asarray(read_rgb(source), dtype="float32").mean(axis=(0, 1))

    def encode(self, batch):
        if self.fail_after is not None and sum(self.sizes) >= self.fail_after:
            raise KeyboardInterrupt
        self.sizes.append(len(batch))
        return list(batch)


def save(path, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), colour).save(path)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    for i in range(7):
        save(folder / f"p{i}.png", (i, 2 * i, 255 - i))
    save(folder / "sub" / "deep" / "q.1.JPG", (200, 100, 0))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("ignored")
    (folder / ".hidden.png").write_bytes(b"ignored without a word")
    return folder


def test_folder_of_pictures(folder, tmp_path):
    encoder = MeanColour()
    summary = encode(folder, tmp_path / "store", encoder, batch_size=3)
    assert (summary.total, summary.present, summary.encoded) == (9, 0, 8)
    assert (summary.ignored, summary.duplicates) == (1, [])
    assert list(summary.missing) == ["broken"]
    assert "M020" in summary.missing["broken"]
    assert encoder.sizes == [3, 3, 2]
    store = FeatureStore.open(tmp_path / "store")
    assert sorted(store.ids) == [*(f"p{i}" for i in range(7)), "sub/deep/q.1"]
    assert store["p3"].tolist() == [3.0, 6.0, 252.0]
    assert json.loads((tmp_path / "store" / "missing.json").read_text()) == summary.missing


def test_nothing_is_computed_twice(folder, tmp_path):
    encode(folder, tmp_path / "store", MeanColour())
    save(folder / "new.png", (9, 9, 8))
    save(folder / "broken.jpg", (50, 60, 70))  # mended
    again = MeanColour()
    summary = encode(folder, tmp_path / "store", again)
    assert (summary.total, summary.present, summary.encoded) == (10, 8, 2)
    assert again.sizes == [2]
    assert summary.missing == {}
    assert FeatureStore.open(tmp_path / "store").missing == {}


def test_an_interrupted_run_goes_on(folder, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        encode(folder, tmp_path / "store", MeanColour(fail_after=4), batch_size=2)
    assert len(FeatureStore.open(tmp_path / "store")) == 4
    encoder = MeanColour()
    summary = encode(folder, tmp_path / "store", encoder, batch_size=2)
    assert (summary.present, summary.encoded, sum(encoder.sizes)) == (4, 4, 4)


def test_overwrite(folder, tmp_path):
    encode(folder, tmp_path / "store", MeanColour())
    summary = encode(folder, tmp_path / "store", MeanColour(), overwrite=True)
    assert (summary.present, summary.encoded) == (0, 8)


def test_same_id_twice(folder, tmp_path):
    save(folder / "p1.gif", (255, 255, 254))
    with pytest.warns(UserWarning, match=r"MW021.*p1\.png") as caught:
        summary = encode(folder, tmp_path / "store", MeanColour())
    assert len(caught) == 1
    assert summary.duplicates == ["p1.png"]
    assert summary.total == 9
    assert FeatureStore.open(tmp_path / "store")["p1"].round().tolist() == [255, 255, 254]


def test_a_link_out_of_the_folder_is_missing(folder, tmp_path):
    save(tmp_path / "secret.png", (1, 2, 3))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    summary = encode(folder, tmp_path / "store", MeanColour())
    assert "M024" in summary.missing["link"]
    assert "link" not in FeatureStore.open(tmp_path / "store")


def test_nan_vectors_count_as_missing(folder, tmp_path):
    class Nan(MeanColour):
        def encode(self, batch):
            return [np.full(3, np.nan) for _ in batch]

    with pytest.warns(UserWarning, match="MW022"):
        summary = encode(folder, tmp_path / "store", Nan())
    assert (summary.encoded, len(summary.missing)) == (0, 9)


def make_vectors(tmp_path):
    import spacy

    nlp = spacy.blank("en")
    for i, word in enumerate(["dog", "cat", "grass"]):
        nlp.vocab.set_vector(word, np.eye(4, dtype="float32")[i])
    nlp.to_disk(tmp_path / "vectors")
    return str(tmp_path / "vectors")


def test_captions(tmp_path):
    captions = {"1": "a dog on grass", "2": "nothing known", "3": None, "4": "", "5": "Cat"}
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(captions))
    encoder = create_encoder("captions", vectors=make_vectors(tmp_path))
    summary = encode(path, tmp_path / "store", encoder)
    store = FeatureStore.open(tmp_path / "store")
    assert store.ids == ["1", "5"]
    assert store["1"].tolist() == [0.5, 0.0, 0.5, 0.0]
    assert store["5"].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert list(summary.missing) == ["2", "3", "4"]
    assert all("M036" in reason for reason in summary.missing.values())
    words = create_encoder("captions", vectors=make_vectors(tmp_path), regions=True)
    encode(path, tmp_path / "words", words)
    assert FeatureStore.open(tmp_path / "words")["1"].shape == (2, 4)


def test_an_empty_id_is_a_missing_caption(tmp_path):
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"1": "dog", "": "a cat", "2": "cat"}))
    encoder = create_encoder("captions", vectors=make_vectors(tmp_path))
    for present in (0, 2):
        summary = encode(path, tmp_path / "store", encoder)
        assert (summary.total, summary.present, summary.encoded) == (3, present, 2 - present)
        assert list(summary.missing) == [""]
        assert "[M181]" in summary.missing[""]
        assert "captions.json" in summary.missing[""]
    assert FeatureStore.open(tmp_path / "store").ids == ["1", "2"]


def test_captions_without_vectors_make_no_store(tmp_path):
    path = tmp_path / "captions.json"
    path.write_text('{"1": "dog"}')
    with pytest.raises(ValueError, match="M035"):
        encode(path, tmp_path / "store", create_encoder("captions"))
    assert not (tmp_path / "store").exists()
    encoder = create_encoder("captions", vectors=make_vectors(tmp_path))
    assert encode(path, tmp_path / "store", encoder).encoded == 1


def test_the_settings_of_captions_tell_which_word_has_which_row(tmp_path):
    import spacy

    settings = []
    for words in (["dog", "cat"], ["cat", "dog"], ["dog", "cat"]):
        nlp = spacy.blank("en")
        for i, word in enumerate(words):
            nlp.vocab.set_vector(word, np.eye(4, dtype="float32")[i])
        nlp.to_disk(tmp_path / "vectors")
        encoder = create_encoder("captions", vectors=str(tmp_path / "vectors"))
        settings.append(encoder.settings)
    assert settings[0] == settings[2] != settings[1]


def test_overwriting_with_an_encoder_that_fails_keeps_the_store(folder, tmp_path):
    encode(folder, tmp_path / "store", MeanColour())
    with pytest.raises(KeyboardInterrupt):
        encode(folder, tmp_path / "store", MeanColour(fail_after=0), overwrite=True)
    assert len(FeatureStore.open(tmp_path / "store")) == 8


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"text"', "{}"])
def test_unusable_captions_files(tmp_path, text):
    path = tmp_path / "captions.json"
    path.write_text(text)
    encoder = create_encoder("captions", vectors=make_vectors(tmp_path))
    with pytest.raises(ValueError, match="M032"):
        encode(path, tmp_path / "store", encoder)
    assert not (tmp_path / "store").exists()


def test_unusable_sources(folder, tmp_path):
    with pytest.raises(ValueError, match=r"M032.*does not exist"):
        encode(tmp_path / "no", tmp_path / "store", MeanColour())
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"M032.*no pictures"):
        encode(tmp_path / "empty", tmp_path / "store", MeanColour())
    (tmp_path / "captions.json").write_text('{"a": "b"}')
    with pytest.raises(ValueError, match=r"M038.*reads pictures.*holds captions"):
        encode(tmp_path / "captions.json", tmp_path / "store", MeanColour())
    with pytest.raises(ValueError, match=r"M038.*reads captions.*holds pictures"):
        encode(folder, tmp_path / "store", create_encoder("captions"))
    assert not (tmp_path / "store").exists()


def test_options_of_encoders():
    assert create_encoder("efficientnet_lite0", regions=True).settings["regions"] is True
    assert create_encoder("captions", regions=True).pooling == "words"
    with pytest.raises(ValueError, match=r"M034.*no option 'vectors'.*regions"):
        create_encoder("efficientnet_lite0", vectors="en_core_web_md")


def test_read_ahead_keeps_order_and_bounds():
    started = []

    def read(source):
        started.append(source)
        return -source

    stream = read_ahead(((i, i) for i in range(100)), read, ahead=5, workers=3)
    assert next(stream) == (0, 0)
    assert len(started) <= 6
    assert list(stream) == [(i, -i) for i in range(1, 100)]
    assert sorted(started) == list(range(100))


def test_read_ahead_can_be_left():
    stream = read_ahead(((i, i) for i in range(10**9)), lambda source: source, ahead=8)
    assert [next(stream) for _ in range(3)] == [(0, 0), (1, 1), (2, 2)]
    stream.close()


def test_real_errors_are_not_missing_pictures(folder, tmp_path):
    class Wrong(MeanColour):
        def read(self, source):
            raise ZeroDivisionError

    with warnings.catch_warnings(), pytest.raises(ZeroDivisionError):
        encode(folder, tmp_path / "store", Wrong())
