import json

import pytest
from spacy.cli._util import app
from spacy.tokens import Doc
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)

POSTS = ['{"text": "my Rose today"}', "{", '{"id": 7, "text": "Daisy is lovely"}']


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(POSTS), encoding="utf8")
    return path


def run(*args, **kwargs):
    return CliRunner().invoke(app, ["mner", "predict", *map(str, args)], **kwargs)


def test_a_folder_of_shards(trained, source, tmp_path):
    args = (trained.model, source, f"{tmp_path / 'out'}/", "--report", tmp_path / "report.json")
    result = run(*args, "--shard-size", 2)
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["_job", "part-000000.jsonl", "part-000001.jsonl"]
    assert "2 posts labelled" in result.stderr
    assert "[M046] in.jsonl:2" in result.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf8"))
    assert (report["posts"], report["bad"]["count"]) == (2, 1)
    # The folder is there now, and needs no slash; another size is another job.
    result = run(trained.model, source, tmp_path / "out")
    assert (result.exit_code, "[M150]" in result.output) == (1, True)
    result = run(trained.model, source, tmp_path / "out", "--overwrite", "--to", "docbin")
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["_job", "part-000000.spacy"]


def test_strict(trained, source, tmp_path):
    for output in (tmp_path / "out.jsonl", f"{tmp_path}/out/"):
        result = run(trained.model, source, output, "--strict")
        assert (result.exit_code, "[M046] in.jsonl:2" in result.output) == (1, True)
    assert not list(tmp_path.rglob("*out.jsonl*"))
    assert not list(tmp_path.glob("out/part-*"))


def test_code_is_imported_once(trained, source, tmp_path):
    """spaCy refuses an extension that is there already."""
    code = tmp_path / "code.py"
    name = "test_code_is_imported_once"
    code.write_text(
        f"from spacy.tokens import Doc\nDoc.set_extension('{name}', default=1)\n", encoding="utf8"
    )
    try:
        for output in ("one/", "two/"):
            result = run(trained.blank, source, f"{tmp_path}/{output}", "--code", code)
            assert result.exit_code == 0, result.output
    finally:
        Doc.remove_extension(name)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("-", "out/"), "M153"),
        (("in.jsonl", "-", "--to", "parquet"), "M153"),
        (("in.jsonl", "out/", "--html", "page.html"), "M153"),
        (("in.jsonl", "out/", "--address", "auto"), "M153"),
        (("in.jsonl", "out", "--engine", "spark"), "M006"),
        (("in.jsonl", "out", "--to", "xml"), "M006"),
        (("in.jsonl", "in.jsonl", "--shard-size", "5"), "M066"),
        (("in.jsonl", "out/", "--report", "in.jsonl"), "M066"),
        (("nothing.jsonl", "out/"), "M040"),
    ],
)
def test_what_cannot_be(trained, source, tmp_path, monkeypatch, args, code):
    monkeypatch.chdir(tmp_path)
    result = run(trained.model, *args)
    assert (result.exit_code, f"[{code}]" in result.output) == (1, True), result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]
