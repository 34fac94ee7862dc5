"""The Python code of the docs runs, with a trained pipeline of the tests in place of the reader's."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (adds the command)
from spacy_mner.models.tagger import get_shim

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
TRAINED = '"training/model-last"'


def blocks(name):
    text = (ROOT / name).read_text(encoding="utf8")
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def execute(code, model=None):
    """RETURNS (Dict[str, Any]): The names that it leaves behind."""
    names = {}
    if model is not None:
        assert TRAINED in code
        code = code.replace(TRAINED, repr(str(model)))
    exec(compile(code, "the page", "exec"), names)
    return names


def test_which_pages_have_code():
    found = [
        path.relative_to(ROOT).as_posix() for path in PAGES if "```python" in path.read_text("utf8")
    ]
    # For the last one, see images/test_encoder_docs.py.
    assert sorted(found) == [
        "README.md",
        "docs/confidence.md",
        "docs/data-formats.md",
        "docs/image-encoders.md",
        "docs/pictures.md",
    ]


def test_readme(trained_on_files, tmp_path, monkeypatch, capsys):
    from PIL import Image

    # The reader's pipeline has no image_encoder yet.
    nlp = spacy.load(trained_on_files.model)
    nlp.remove_pipe("image_encoder")
    nlp.to_disk(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype="uint8")
    Image.fromarray(pixels).save("pictures/daisy.jpg")
    (code,) = blocks("README.md")
    names = execute(code, tmp_path / "model")
    assert names["nlp"].pipe_names == ["image_encoder", "mner"]
    doc = names["doc"]
    assert doc._.image_vec.shape == (1280,)
    assert capsys.readouterr().out == f"{[(e.text, e.label_, e._.score) for e in doc.ents]}\n"


def test_confidence(trained_on_vectors, capsys):
    names = execute("\n".join(blocks("docs/confidence.md")), trained_on_vectors.model)
    doc = names["doc"]
    assert doc.text == "Daisy met Carl in Oslo"
    lines = capsys.readouterr().out.splitlines()
    for line, ent in zip(lines, doc.ents, strict=False):
        assert line == f"{ent.text} {ent.label_} {ent._.score}"
    assert lines[len(doc.ents)] == str(doc.spans["mner"].attrs["scores"])
    predicted, given = (float(line.strip("[]")) for line in lines[-2:])
    assert max(predicted, given) < 0
    assert names["table"].shape == (5, 3)
    assert names["nlp"].get_pipe("mner").threshold == 0.6


def test_data_formats(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    records = ["{", json.dumps({"text": "Daisy waves", "spans": [[0, 5, "PER"]]})]
    Path("posts.jsonl").write_text("\n".join(records), encoding="utf8")
    (code,) = blocks("docs/data-formats.md")
    doc = execute(code)["doc"]
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Daisy", "PER")]
    assert capsys.readouterr().out.startswith("[M046] posts.jsonl:1")


def test_training_on_files(trained_on_files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "configs", "configs")
    table = spacy.blank("en")
    table.vocab.set_vector("my", np.ones(4, dtype="float32"))
    table.to_disk("vectors")
    posts = [
        {"tokens": ["my", "Daisy"], "tags": ["O", "B-PER"], "image": "person.png"},
        {"tokens": ["my", "Daisy"], "tags": ["O", "O"], "image": "thing.png"},
    ]
    lines = "\n".join(map(json.dumps, posts))
    for name in ("train", "dev", "posts"):
        Path(f"{name}.jsonl").write_text(lines, encoding="utf8")
    Path("pictures").symlink_to(trained_on_files.images)
    (code,) = blocks("docs/pictures.md")
    execute(code)
    text = (ROOT / "docs/pictures.md").read_text(encoding="utf8")
    section = text.partition("## Training on the files themselves")[2].partition("## ")[0]
    commands = re.findall(r"^python -m spacy (.*?)(?: +#.*)?$", section, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        few = " --training.max_steps 2" if command.startswith("train ") else ""
        result = CliRunner().invoke(app, shlex.split(command + few))
        assert result.exit_code == 0, f"{command}: {result.output}\n{result.exception!r}"
    rows = [json.loads(line) for line in Path("entities.jsonl").read_text("utf8").splitlines()]
    assert [row["image_used"] for row in rows] == [True, True]
    nlp = spacy.load("training/model-last")
    assert nlp.pipe_names == ["image_encoder", "mner"]
    evidence = get_shim(nlp.get_pipe("mner").model).blueprint.evidence
    assert evidence.reader.width == 1280
