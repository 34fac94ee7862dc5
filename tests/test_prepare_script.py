"""`scripts/prepare.py` on small folders of data: which split is scored, and which captions are taken."""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_mner.images.store import FeatureStore

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
app = import_module("prepare").app

VALID = "IMGID:b\nRose\tB-PER\nwaves\tO\n"


def run(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    return result.exit_code, " ".join(result.output.split())


def read(path):
    """Text, entities and the picture's vector of each post."""
    docs = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    return [(doc.text.strip(), [ent.label_ for ent in doc.ents], doc._.image_vec) for doc in docs]


@pytest.fixture
def folder(tmp_path):
    """Training posts as JSONL, posts to validate on as text, no test split, no pictures."""
    folder = tmp_path / "data"
    folder.mkdir()
    posts = [
        {"tokens": ["Daisy", "waves"], "tags": ["B-PER", "O"], "image": "a"},
        {"tokens": ["in", "Oslo"], "tags": ["O", "B-LOC"], "image": None},
    ]
    lines = [json.dumps(post) + "\n" for post in posts]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf8")
    (folder / "valid.txt").write_text(VALID, encoding="utf8")
    return folder


def test_without_a_test_split_valid_is_scored(folder, tmp_path):
    code, output = run("corpus", folder, tmp_path / "work")
    assert code == 0, output
    assert "There is no test split: the valid split is scored" in output
    posts = [("Daisy waves", ["PER"], None), ("in Oslo", ["LOC"], None)]
    assert read(tmp_path / "work/train.spacy") == posts
    valid = [("Rose waves", ["PER"], None)]
    assert read(tmp_path / "work/dev.spacy") == read(tmp_path / "work/test.spacy") == valid


def test_a_test_split_is_scored(folder, tmp_path):
    (folder / "test.txt").write_text(VALID.replace("Rose", "Ruby"), encoding="utf8")
    code, output = run("corpus", folder, tmp_path / "work")
    assert code == 0, output
    assert "no test split" not in output
    assert [text for text, _, _ in read(tmp_path / "work/dev.spacy")] == ["Rose waves"]
    assert [text for text, _, _ in read(tmp_path / "work/test.spacy")] == ["Ruby waves"]


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_split_that_is_needed(folder, tmp_path, split):
    (path,) = folder.glob(f"{split}.*")
    path.rename(folder / "test.txt")
    code, output = run("corpus", folder, tmp_path / "work")
    assert code == 1
    assert f"has none of {split}.jsonl, {split}.txt, {split}.csv" in output
    assert not (tmp_path / "work/test.spacy").exists()


def test_captions_that_are_named(folder, tmp_path):
    nlp = spacy.blank("en")
    for i, word in enumerate(("dog", "cat")):
        nlp.vocab.set_vector(word, np.eye(2, dtype="float32")[i])
    nlp.to_disk(tmp_path / "vectors")
    for name, word in (("captions.one.json", "dog"), ("captions.two.json", "cat")):
        (folder / name).write_text(json.dumps({"a": word, "b": word}), encoding="utf8")
    for work, options, expected in (
        ("first", [], [1.0, 0.0]),
        ("named", ["--captions", "captions.two.json"], [0.0, 1.0]),
    ):
        code, output = run(
            "features", folder, tmp_path / work, "--vectors", tmp_path / "vectors", *options
        )
        assert code == 0, output
        assert FeatureStore.open(tmp_path / work / "features")["a"].tolist() == expected
    code, output = run("corpus", folder, tmp_path / "named")
    assert code == 0, output
    assert [vec is not None for _, _, vec in read(tmp_path / "named/train.spacy")] == [True, False]
    for split in ("dev", "test"):
        ((_, _, vec),) = read(tmp_path / f"named/{split}.spacy")
        assert vec.tolist() == [0.0, 1.0]


def test_captions_that_are_not_there(folder, tmp_path):
    code, output = run(
        "features", folder, tmp_path / "work", "--captions", "none.json", "--vectors", "vectors"
    )
    assert code == 1
    assert "none.json" in output


def test_posts_without_pictures(folder, tmp_path):
    code, output = run("features", folder, tmp_path / "work")
    assert code == 0, output
    assert "posts without pictures" in output
    assert not (tmp_path / "work/features").exists()
