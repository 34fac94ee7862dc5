import json

import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.cli.calibrate import calibrate
from spacy_mner.cli.evaluate import evaluate
from spacy_mner.cli.report import report


def run(*args):
    return CliRunner().invoke(app, ["mner", "calibrate", *map(str, args)])


@pytest.fixture(scope="module")
def dev(trained, tmp_path_factory):
    """The training data with some names changed to no entity: the pipeline is less often right there."""
    vocab = spacy.blank("en").vocab
    docs = []
    for i, doc in enumerate(DocBin().from_disk(trained.data).get_docs(vocab)):
        copy = Doc(vocab, words=[t.text for t in doc], ents=["O"] * len(doc)) if i % 5 == 0 else doc
        copy._.image_vec = doc._.image_vec
        docs.append(copy)
    path = tmp_path_factory.mktemp("dev") / "dev.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def test_fits_and_saves(trained, dev, tmp_path):
    result = run(
        trained.model, dev, tmp_path / "new", "--folds", 2, "--report", tmp_path / "r.json"
    )
    assert result.exit_code == 0, result.output
    assert "Held out, 2 folds" in result.output
    figures = json.loads((tmp_path / "r.json").read_text("utf8"))
    nlp = spacy.load(tmp_path / "new")
    assert nlp.get_pipe("mner").temperature == pytest.approx(figures["temperature"])
    assert figures["temperature"] > 1.0
    assert figures["after"]["nll"] < figures["before"]["nll"]
    assert figures["folds"]["n_folds"] == 2
    # The pipeline that was read is as it was, and nothing else is left behind.
    assert spacy.load(trained.model).get_pipe("mner").temperature == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "r.json"]


def test_evaluate_and_report_show_it(trained, dev, tmp_path):
    calibrate(str(trained.model), dev, tmp_path / "new")
    rows = {}
    for name, model in (("before", trained.model), ("after", tmp_path / "new")):
        path = tmp_path / name / "evaluation-on.json"
        scores = evaluate(str(model), dev, output=path)
        rows[name] = scores["calibration"]
        written = json.loads(path.read_text("utf8"))["calibration"]
        assert written.keys() == scores["calibration"].keys()
        assert written["ece"] == pytest.approx(scores["calibration"]["ece"])
    assert rows["after"]["nll"] < rows["before"]["nll"]
    assert (
        rows["after"]["n_entities"]
        == rows["before"]["n_entities"]
        == sum(b["n"] for b in rows["after"]["bins"])
    )
    report(tmp_path / "after", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf8")
    assert "Can the probabilities be believed?" in page
    assert f"ECE {100 * rows['after']['ece']:.1f}" in page
    assert f"{rows['after']['bins'][-1]['n']} entities, probability" in page or (
        rows["after"]["bins"][-1]["n"] == 0
    )


def test_evaluate_without_scores(trained, dev, tmp_path):
    nlp = spacy.load(trained.model, config={"components.mner.scores": False})
    nlp.to_disk(tmp_path / "model")
    assert evaluate(str(tmp_path / "model"), dev)["calibration"] is None


def test_a_folder_in_the_way(trained, dev, tmp_path):
    out = tmp_path / "out"
    calibrate(str(trained.model), dev, out)
    result = run(trained.model, dev, out)
    assert result.exit_code == 1
    assert "[M143]" in " ".join(result.output.split())
    assert run(trained.model, dev, out, "--overwrite").exit_code == 0
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine", encoding="utf8")
    for options in ([], ["--overwrite"]):
        result = run(trained.model, dev, other, *options)
        assert result.exit_code == 1
        assert "[M058]" in result.output
    assert (other / "mine.txt").read_text("utf8") == "mine"


def test_a_failure_leaves_the_old_pipeline(trained, dev, tmp_path, monkeypatch):
    out = tmp_path / "out"
    calibrate(str(trained.model), dev, out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def fail(self, path, **kwargs):
        path.mkdir()
        raise OSError("disk full")

    monkeypatch.setattr(spacy.Language, "to_disk", fail)
    with pytest.raises(OSError, match="disk full"):
        calibrate(str(trained.model), dev, out, overwrite=True)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_cannot_be_done(trained, dev, tmp_path):
    for args, code in (
        ((trained.model, dev), "[M144]"),
        ((trained.blank, dev, tmp_path / "out"), "[M130]"),
        ((trained.model, dev, "--folds", 1), "[M011]"),
    ):
        result = run(*args)
        assert result.exit_code == 1
        assert code in result.output
    DocBin().to_disk(tmp_path / "empty.spacy")
    assert "[M061]" in run(trained.model, tmp_path / "empty.spacy", tmp_path / "out").output
    assert not (tmp_path / "out").exists()


def test_help_says_what_stays():
    assert "entities that are found stay the same" in " ".join(run("--help").output.split())
