"""`sentences`: the vectors that transformers and sentence-transformers would give."""

import json
import pickle
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from spacy_mner.images.encode import encode
from spacy_mner.images.reading import ImageReadError
from spacy_mner.images.sentence_network import pool
from spacy_mner.images.sentences import create_sentences_encoder
from spacy_mner.images.store import FeatureStore

from ..transformers.builders import MAX_LENGTH, WIDTH
from .cases import CAPTIONS, sentence_folder
from .sentence_encoders import change_json, reference, vectors_of, write_steps

transformers = pytest.importorskip(
    "transformers", reason="the extra `transformers` is not installed"
)


@pytest.fixture
def folder(tmp_path):
    """A copy of the tiny encoder, to be changed."""
    return shutil.copytree(sentence_folder(), tmp_path / "encoder")


def test_equals_a_plain_computation():
    captions = [*CAPTIONS, "x", "Ann met Bob in Oslo, and Carl, at a table with a cup of java"]
    found = vectors_of(sentence_folder(), captions)
    expected = reference(sentence_folder(), captions)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=0, atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_equals_sentence_transformers(folder):
    library = pytest.importorskip("sentence_transformers")
    write_steps(folder, "cls_token")
    network = library.SentenceTransformer(str(folder), device="cpu")
    expected = network.encode(CAPTIONS, normalize_embeddings=True)
    np.testing.assert_allclose(vectors_of(folder), expected, rtol=0, atol=1e-6)


def test_the_first_token_may_follow_padding():
    hidden = torch.tensor(
        [[[9.0, 9.0], [0.0, 2.0], [3.0, 0.0]], [[0.0, 5.0], [1.0, 0.0], [9.0, 9.0]]]
    )
    mask = torch.tensor([[0, 1, 1], [1, 1, 0]])
    assert pool(hidden, mask, "cls").tolist() == [[0.0, 1.0], [0.0, 1.0]]
    means = torch.tensor([[1.5, 1.0], [0.5, 2.5]])
    expected = means / means.square().sum(1, keepdim=True).sqrt()
    torch.testing.assert_close(pool(hidden, mask, "mean"), expected)


def test_long_captions_are_cut_off():
    long = "a dog and a cat " * 100
    assert len(create_sentences_encoder(sentence_folder()).read(long)["input_ids"]) == MAX_LENGTH
    found = vectors_of(sentence_folder(), [long, "a dog"], max_length=5)
    expected = reference(sentence_folder(), [long, "a dog"], max_length=5)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert np.abs(found - vectors_of(sentence_folder(), [long, "a dog"])).max() > 0.01


def test_no_token_is_without_a_position(folder):
    """Also where the tokenizer knows no limit, and positions are counted from behind the padding's."""
    change_json(folder / "tokenizer_config.json", model_max_length=10**30)
    assert len(create_sentences_encoder(folder).read("cat " * 99)["input_ids"]) == MAX_LENGTH
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_LENGTH,
    )
    assert config.pad_token_id == 1
    transformers.RobertaModel(config).save_pretrained(folder)
    encoder = create_sentences_encoder(folder)
    (vector,) = encoder.encode([encoder.read("cat " * 99)])
    assert np.isfinite(vector).all()
    assert len(encoder.read("cat " * 99)["input_ids"]) == MAX_LENGTH - 2


def test_a_bad_caption_stops_nothing(tmp_path):
    half = "half of a pair \ud83d"
    captions = {"1": "a dog", "2": "", "3": None, "4": ["a"], "5": "cats", "6": "\x07", "7": half}
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(captions))
    encoder = create_sentences_encoder(sentence_folder())
    summary = encode(path, tmp_path / "store", encoder, batch_size=3)
    store = FeatureStore.open(tmp_path / "store")
    assert store.ids == ["1", "5", "7"]
    assert list(summary.missing) == ["2", "3", "4", "6"]
    assert all(reason.startswith("[M132]") for reason in summary.missing.values())
    expected = reference(sentence_folder(), ["a dog", "cats", "half of a pair"])
    found = np.stack([store[id_] for id_ in store.ids])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_unknown_words_are_words():
    encoder = create_sentences_encoder(sentence_folder())
    for caption in ("写真", "😀", "."):
        assert np.isfinite(encoder.encode([encoder.read(caption)])[0]).all()
    with pytest.raises(ImageReadError, match="M132"):
        encoder.read("\n\t ")


def test_threads_can_share_an_encoder():
    encoder = create_sentences_encoder(sentence_folder())
    captions = [f"{caption} {i}" for i in range(100) for caption in CAPTIONS]
    with ThreadPoolExecutor(8) as pool_of_threads:
        items = list(pool_of_threads.map(encoder.read, captions))
        batches = [items[i : i + 10] for i in range(0, len(items), 10)]
        found = [v for vectors in pool_of_threads.map(encoder.encode, batches) for v in vectors]
    expected = vectors_of(sentence_folder(), captions)
    np.testing.assert_allclose(np.stack(found), expected, rtol=0, atol=1e-6)


def test_nothing_is_loaded_drawn_or_said_before_it_is_needed(capfd):
    state = torch.random.get_rng_state()
    encoder = create_sentences_encoder(sentence_folder())
    assert (encoder._config, encoder._tokenizer, encoder._network) == (None, None, None)
    assert encoder.settings
    assert encoder.width == WIDTH
    assert encoder.read("a dog")
    assert encoder._network is None
    before = transformers.utils.logging.get_verbosity()
    encoder.encode([encoder.read("a dog"), encoder.read("two cats")])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(m.training for m in encoder._network.modules())
    assert not any(p.requires_grad for p in encoder._network.parameters())
    assert transformers.utils.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")
    copy = pickle.loads(pickle.dumps(encoder))
    assert (copy._config, copy._tokenizer, copy._network) == (None, None, None)


def test_device():
    on_cpu = vectors_of(sentence_folder(), device="cpu")
    np.testing.assert_array_equal(on_cpu, vectors_of(sentence_folder()))
    with pytest.raises(ValueError, match=r"M011.*device is 'toaster'"):
        create_sentences_encoder(sentence_folder(), device="toaster")


@pytest.mark.gpu(cupy=False)
def test_gpu():
    encoder = create_sentences_encoder(sentence_folder(), device="cuda")
    found = np.stack(encoder.encode([encoder.read(caption) for caption in CAPTIONS]))
    assert next(encoder._network.parameters()).is_cuda
    np.testing.assert_allclose(found, vectors_of(sentence_folder()), rtol=0, atol=1e-4)


@pytest.mark.parametrize("length", [2, 0, -1, "64", 6.0, True, None])
def test_lengths_that_cannot_be(length):
    with pytest.raises(ValueError, match=r"M011.*max_length"):
        create_sentences_encoder(sentence_folder(), max_length=length)


def test_without_transformers(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    encoder = create_sentences_encoder(sentence_folder())
    for ask in (lambda: encoder.read("a dog"), lambda: encoder.settings, lambda: encoder.width):
        with pytest.raises(ImportError, match=r"M107.*'sentences'.*spacy-mner\[transformers\]"):
            ask()
