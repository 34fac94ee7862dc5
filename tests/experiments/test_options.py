"""What is typed after a command of the experiments reaches its function, every option of it."""

import inspect
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.experiments.runs import Data

COMMANDS = typer.main.get_command(app).commands["mner"].commands
CODE = "from pathlib import Path\nPath(__file__).with_suffix('.imported').touch()\n"

# What is typed, in this order: files and folders that are there, other words as they are.
SYSTEMS = ("a", "b", "data.spacy", "out")
SPLITS = ("train.spacy", "test.spacy", "metrics")
TRAINING = [
    "--vectors", "vectors", "--seeds", "2", "--first-seed", "3", "--steps", "5",
    "--dev-from-train", "0.25",
]  # fmt: skip
KEPT = ["--models", "models", "--keep", "2"]
# What the function is called with; the data are those of `TRAINING`.
TRAINED = {"seeds": range(3, 5), "steps": 5}
CASES = {
    "ablate": (
        ["a", "data.spacy", "out"],
        ["--seed", "3"],
        {"model": Path("a"), "data_path": Path("data.spacy"), "output_dir": Path("out"), "seed": 3},
    ),
    "attention": (
        ["a", "data.spacy", "out"],
        ["--ids", "7, p/12", "--confident", "2", "-i", "shuffled", "--captions", "captions.json"],
        {
            "model": "a",
            "data_path": Path("data.spacy"),
            "output_dir": Path("out"),
            "ids": ["7", "p/12"],
            "n": 2,
            "images": "shuffled",
            "captions": Path("captions.json"),
        },
    ),
    "compare": (
        SYSTEMS,
        ["--images-a", "shuffled", "--images-b", "off", "--samples", "300", "--seed", "3"],
        {
            "a": Path("a"),
            "b": Path("b"),
            "data_path": Path("data.spacy"),
            "output_dir": Path("out"),
            "images": ("shuffled", "off"),
            "n_samples": 300,
            "seed": 3,
        },
    ),
    "multi-seed": (
        ["own.cfg", *SPLITS],
        [
            *TRAINING, *KEPT, "--name", "other", "--images", "off",
            "--training.dropout", "0.4",
        ],
        {
            **TRAINED,
            "name": "other",
            "overrides": {"training.dropout": 0.4},
            "code": Path("code.py"),
            "images": "off",
            "models": Path("models"),
            "keep": 2,
        },
    ),
    "table1": (
        SPLITS,
        [
            *TRAINING, *KEPT, "--rows", "c,t", "--transformer", "encoder", "--configs", "configs",
            "--set", "training.dropout=0.4", "--set", "system.name=x",
        ],
        {
            **TRAINED,
            "rows": "c,t",
            "transformer": "encoder",
            "settings": {"training.dropout": 0.4, "system.name": "x"},
            "configs": Path("configs"),
            "models": Path("models"),
            "keep": 2,
        },
    ),
    "vocab-sensitivity": (
        SPLITS,
        [*TRAINING, "--configs", "configs"],
        {**TRAINED, "configs": Path("configs")},
    ),
    "ways-in": (
        SPLITS,
        [
            *TRAINING, "--ways", "modality,several", "--text", "lower", "--keep-vectors", "0.5",
            "--no-controls", "--configs", "configs",
        ],
        {
            **TRAINED,
            "ways": "modality,several",
            "text": "lower",
            "keep_vectors": 0.5,
            "controls": False,
            "configs": Path("configs"),
        },
    ),
    "when-images-help": (
        SYSTEMS,
        ["--captions", "captions.json", "--limit", "3"],
        {
            "with_picture": "a",
            "without": "b",
            "data_path": Path("data.spacy"),
            "output_dir": Path("out"),
            "captions": Path("captions.json"),
            "limit": 3,
        },
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    """Everything that is named on the command line, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for path in ("a", "b", "data.spacy", "train.spacy", "test.spacy", "captions.json", "own.cfg"):
        Path(path).write_text("[training]\ndropout = 0.1\n", "utf8")
    Path("configs").mkdir()
    Path("code.py").write_text(CODE, "utf8")


@pytest.mark.parametrize("name", CASES)
def test_every_option_is_handed_on(name, monkeypatch):
    arguments, options, expected = CASES[name]
    module = import_module(f"spacy_mner.cli.{name.replace('-', '_')}")
    function = name.replace("-", "_")
    signature = inspect.signature(getattr(module, function))
    called, devices = [], []
    monkeypatch.setattr(module, function, lambda *a, **k: called.append(signature.bind(*a, **k)))
    monkeypatch.setattr(module, "setup_gpu", lambda use_gpu, **_: devices.append(use_gpu))

    has_code = any("--code" in parameter.opts for parameter in COMMANDS[name].params)
    typed = ["mner", name, *arguments, *options, "--gpu-id", "1"]
    typed += ["--code", "code.py"] if has_code else []
    monkeypatch.setattr("sys.argv", ["spacy", *typed])
    result = CliRunner().invoke(app, typed)
    assert result.exit_code == 0, result.output

    # No option is left out here.
    for parameter in COMMANDS[name].params:
        names = [*parameter.opts, *parameter.secondary_opts]
        if names[0].startswith("-") and parameter.name != "help":
            assert set(names) & set(typed), names
    (call,) = called
    found = dict(call.arguments)
    assert devices == [1]
    assert found.pop("use_gpu", 1) == 1
    assert found.pop("silent") is False
    command = found.pop("command")
    assert command.startswith(f"python -m spacy mner {name} ")
    assert all(part in command for part in options if part.startswith("--"))
    assert Path("code.imported").exists() == has_code
    if "data" in found:
        data = Data(Path("train.spacy"), Path("test.spacy"), "vectors", 0.25)
        assert found.pop("data") == data
        assert found.pop("metrics_dir") == Path("metrics")
    if "config" in found:
        assert found.pop("config") == {"training": {"dropout": 0.1}}
    assert found == expected


@pytest.mark.parametrize("name", CASES)
def test_matplotlib_is_missed_before_anything_is_done(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    arguments, options, _ = CASES[name]
    before = sorted(Path.cwd().iterdir())
    result = CliRunner().invoke(app, ["mner", name, *arguments, *options])
    assert result.exit_code == 1, result.output
    assert "[M107]" in result.output
    assert sorted(Path.cwd().iterdir()) == before
