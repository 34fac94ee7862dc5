import json
import re

import pytest
from spacy.cli._util import app
from spacy.cli.evaluate import evaluate as spacy_evaluate
from spacy.tokens import DocBin
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.cli._output import fail_on_coded_errors
from spacy_mner.cli.evaluate import evaluate


def run(*args):
    result = CliRunner().invoke(app, ["mner", *map(str, args)])
    # Without colours, and without the line breaks that depend on the terminal.
    return result.exit_code, " ".join(re.sub(r"\x1b\[[\d;]*m", "", result.output).split())


def test_the_three_conditions(trained):
    on = evaluate(trained.model, trained.data)
    off = evaluate(trained.model, trained.data, images="off")
    shuffled = evaluate(trained.model, trained.data, images="shuffled", seed=1)
    # Of 36 posts, 12 have a person, and only the picture tells which.
    assert (on["n_posts"], on["n_with_image"], on["n_entities"]) == (36, 24, 12)
    assert on["with_image"]["ents_f"] > 0.9
    assert on["ents_f"] > off["ents_f"]
    assert on["ents_f"] > shuffled["ents_f"]
    assert [x["images"] for x in (on, off, shuffled)] == ["on", "off", "shuffled"]


def test_agrees_with_spacys_own_command(trained, tmp_path, monkeypatch):
    path = tmp_path / "spacy.json"
    spacy_evaluate(str(trained.model), trained.data, output=path)
    expected = json.loads(path.read_text(encoding="utf8"))
    words = ["evaluate", trained.model, trained.data, "--output", tmp_path / "ours.json"]
    words += ["--train", trained.data, "--examples", 12]
    monkeypatch.setattr("sys.argv", ["spacy", "mner", *map(str, words)])
    code, output = run(*words)
    assert code == 0, output
    ours = json.loads((tmp_path / "ours.json").read_text(encoding="utf8"))
    assert expected["ents_f"] > 0.5
    expected.pop("speed")
    assert {key: ours[key] for key in expected} == expected
    assert ours["seen"]["n_entities"] == 12
    assert ours["command"].startswith(f"python -m spacy mner evaluate {trained.model} ")
    assert ours["command"].endswith(" --examples 12")
    assert len(ours["examples"]) == 12
    for words in ("36 posts (24 with a picture)", "By mention", "segmentation, micro", "Per type"):
        assert words in output
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_two_runs_are_equal(trained):
    first, second = (
        evaluate(trained.model, trained.data, images="shuffled", seed=5) for _ in range(2)
    )
    for scores in (first, second):
        del scores["speed"], scores["posts_per_second"]
    assert first == second


def test_data_without_posts(trained, tmp_path):
    DocBin().to_disk(tmp_path / "empty.spacy")
    code, output = run("evaluate", trained.model, tmp_path / "empty.spacy")
    assert code == 1
    assert "[M061]" in output
    assert "spacy mner convert" in output


def test_unknown_condition_and_missing_data(trained, tmp_path):
    assert run("evaluate", trained.model, trained.data, "--images", "maybe")[0] == 2
    assert run("evaluate", trained.model, tmp_path / "no.spacy")[0] == 2


def test_a_model_that_is_not_there(tmp_path, trained):
    code, output = run("evaluate", tmp_path / "no_model", trained.data)
    assert code == 1
    assert "[E050]" in output


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError("E050 is no code")])
def test_other_errors_are_not_hidden(error):
    with pytest.raises(type(error)) as raised, fail_on_coded_errors():
        raise error
    assert raised.value is error


def test_report(trained, tmp_path):
    for images in ("on", "off"):
        path = tmp_path / "metrics" / f"evaluation-{images}.json"
        command = f"evaluate MODEL DATA --images {images}"
        evaluate(trained.model, trained.data, images=images, output=path, command=command)
    code, output = run("report", tmp_path / "metrics", tmp_path / "report.html", "--title", "A & B")
    assert code == 0, output
    page = (tmp_path / "report.html").read_text(encoding="utf8")
    assert "<title>A &amp; B</title>" in page
    assert "Pictures raise the F1 by" in page
    assert "--images off" in page


def test_report_without_results(tmp_path):
    code, output = run("report", tmp_path, tmp_path / "report.html")
    assert code == 1
    assert "[M062]" in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["evaluate", "predict", "report"])
def test_help(command):
    code, output = run(command, "--help")
    assert code == 0
    assert f"mner {command}" in output
