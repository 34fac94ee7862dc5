"""The commands on pipelines that were trained on the sample: their files, their figures, their errors."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from thinc.api import Config
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.cli.ablate import ablate
from spacy_mner.cli.attention import attention
from spacy_mner.cli.compare import compare, short_names
from spacy_mner.cli.multi_seed import multi_seed
from spacy_mner.cli.report import report
from spacy_mner.cli.vocab_sensitivity import vocab_sensitivity
from spacy_mner.cli.when_images_help import when_images_help
from spacy_mner.evaluation.evaluate import evaluate
from spacy_mner.experiments.fingerprint import hash_vectors
from spacy_mner.experiments.probabilities import span_probabilities
from spacy_mner.experiments.when_images_help import Change, ChangedPost, change_blocks
from spacy_mner.pipeline.find import find_mner
from spacy_mner.training.spacy_files import read_docs

from ..pipeline.builders import make_examples, make_nlp, model_config
from ..visualization.test_report import Checker
from .conftest import CONFIGS


def run(*args):
    result = CliRunner().invoke(app, ["mner", *map(str, args)])
    return result.exit_code, " ".join(re.sub(r"\x1b\[[\d;]*m", "", result.output).split())


def read_page(path):
    """Its text; it is well formed, and loads nothing but figures that it carries itself."""
    checker = Checker()
    checker.feed(path.read_text("utf8"))
    assert checker.open == []
    for loaded in checker.loaded:
        assert loaded == "img" or loaded.startswith(("#part-", "data:image/svg+xml;base64,"))
    return " ".join(" ".join(checker.text).split())


def test_compare_runs_and_pipelines(trained, tmp_path):
    runs = [trained.folder / "runs" / name for name in ("recommended", "recommended-text")]
    from_runs = compare(*runs, trained.test, tmp_path, n_samples=300)
    scores = [trained.results[run.name]["scores"] for run in runs]
    for kind, key in (("typed", "ents_f"), ("segmentation", "ents_seg_f")):
        found = from_runs[kind]
        assert found.a == pytest.approx(100 * scores[0][key])
        assert found.b == pytest.approx(100 * scores[1][key])
        assert found.low < found.difference < found.high
    # Pictures decide.
    assert from_runs["typed"].difference > 5
    assert from_runs["typed"].p_bootstrap < 0.05
    code, output = run(
        "compare", trained.seeing, trained.blind, trained.test, tmp_path, "--images-b", "off",
        "--samples", "300",
    )  # fmt: skip
    assert code == 0, output
    folder = tmp_path / "recommended--recommended-text"
    from_pipelines = tmp_path / "recommended--recommended-text-images-off"
    tables = [
        list(csv.reader((path / "compare.csv").read_text("utf8").splitlines()))
        for path in (folder, from_pipelines)
    ]
    # But for the names of the two systems.
    assert [row[1:] for row in tables[0][1:]] == [row[1:] for row in tables[1][1:]]
    assert "p randomisation" in (folder / "compare.md").read_text("utf8")
    assert "1 run(s) of A, 1 of B" in read_page(folder / "compare.html")


def test_compare_refuses_other_posts(trained, small, tmp_path):
    runs = [trained.folder / "runs" / name for name in ("recommended", "recommended-text")]
    code, output = run("compare", *runs, small.test, tmp_path)
    assert code == 1
    assert "[M120]" in output
    code, output = run("compare", trained.folder / "runs", runs[0], trained.test, tmp_path)
    assert code == 1
    assert "[M146]" in output
    assert "they differ in row, images" in output
    code, output = run("ablate", trained.folder / "runs", trained.test, tmp_path / "out")
    assert (code, "[M146]" in output) == (1, True)
    kept = trained.seeing.parents[1]
    code, output = run("compare", kept, runs[0], trained.test, tmp_path)
    assert (code, "[M146]" in output) == (1, True)
    code, output = run("ablate", kept, trained.test, tmp_path / "out")
    assert (code, "[M146]" in output) == (1, True)
    (tmp_path / "empty").mkdir()
    code, output = run("compare", tmp_path / "empty", runs[0], trained.test, tmp_path)
    assert code == 1
    assert "[M123]" in output
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_names_of_systems(tmp_path):
    a, b = tmp_path / "runs" / "a" / "seed-0.json", tmp_path / "runs" / "b" / "seed-0.json"
    assert short_names(a, b) == ("a", "b")
    assert short_names(a, a) == ("seed-0", "seed-0")
    assert short_names(a.parent, b) == ("a", "b/seed-0")


def test_a_pipeline_is_compared_with_itself_on_other_pictures(trained, tmp_path):
    found = compare(
        trained.seeing, trained.seeing, trained.test, tmp_path, images=("on", "off"), n_samples=100
    )
    assert found["typed"].difference > 5
    (folder,) = tmp_path.iterdir()
    assert folder.name.endswith("-images-off")
    assert "images off" in read_page(folder / "compare.html")


def test_ablate_takes_stored_results_of_these_posts_alone(trained, small, tmp_path):
    runs = trained.folder / "runs" / "recommended"
    code, output = run("ablate", runs, small.test, tmp_path / "out")
    assert code == 1
    assert "[M120]" in output
    assert not (tmp_path / "out").exists()
    stored = ablate(runs, trained.test, tmp_path / "stored")
    assert stored == [trained.results["recommended"]["ablation"]]


def test_ablate(trained, tmp_path):
    (result,) = ablate(trained.seeing, trained.test, tmp_path)
    nlp = spacy.load(trained.seeing)
    examples = list(Corpus(trained.test)(nlp))
    for images in ("on", "off", "shuffled"):
        expected = evaluate(nlp, examples, images)["ents_f"]
        assert result[images]["scores"]["ents_f"] == pytest.approx(expected)
    full = result["on"]["scores"]["ents_f"]
    assert set(result) == {"on", "off", "shuffled", "no-word", "no-char"}
    for name in ("off", "shuffled"):
        assert result[name]["scores"]["ents_f"] < full
    # What the run said of itself when it was trained.
    told = trained.results["recommended"]["ablation"]
    assert list(told) == list(result)
    for name, found in result.items():
        assert [list(row) for row in found["counts"]] == told[name]["counts"]
        assert found["scores"] == pytest.approx(told[name]["scores"])
    assert "without word vectors" in read_page(tmp_path / "ablate.html")


def test_when_images_help(trained, tmp_path):
    captions = {"pictures/0": "a <caption>", "pictures/4": ["tag one", "tag two"]}
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(captions), "utf8")
    posts = when_images_help(
        str(trained.seeing), str(trained.blind), trained.test, tmp_path, captions=path, limit=3
    )
    counts = {"fixed": 0, "broken": 0}
    for post in posts:
        gold, seeing, blind = set(post.gold), set(post.with_picture), set(post.without)
        assert {change.span for change in post.changes} == seeing ^ blind
        for change in post.changes:
            counts[change.kind] += 1
            right_with = (change.span in seeing) == (change.span in gold)
            assert change.kind == ("fixed" if right_with else "broken")
        assert sum(post.weights.values()) == pytest.approx(1.0, abs=1e-3)
    # The counts add up to the difference of the two systems' errors.
    errors = [
        sum(row[1] + row[2] for row in trained.results[name]["counts"])
        for name in ("recommended", "recommended-text")
    ]
    assert errors[1] - errors[0] == counts["fixed"] - counts["broken"]
    section = json.loads((tmp_path / "section.json").read_text("utf8"))
    blocks = [block for block in section["blocks"] if block["type"] == "changes"]
    assert {block["title"].split()[0] for block in blocks} == {"Fixed", "Broken"}
    for block in blocks:
        gains = [
            abs(float(re.search(r": ([+−][\d.]+)", p["facts"]["probability"])[1].replace("−", "-")))
            for p in block["posts"]
        ]
        assert gains == sorted(gains, reverse=True)
        assert len(gains) <= 3
    text = read_page(tmp_path / "when-images-help.html")
    assert "with picture" in text
    assert "Fixed by the picture" in (tmp_path / "when-images-help.md").read_text("utf8")


def test_only_a_minus_becomes_one():
    doc = Doc(spacy.blank("en").vocab, words=["Jay-Z", "sings"])
    span = ("PER", 0, 1)
    change = Change(span, "broken", is_gold=True, gain=-0.25)
    post = ChangedPost(0, doc, [span], [], [span], [change])
    (block,) = change_blocks([post], {}, limit=3)
    expected = "gold entity “Jay-Z”: −0.25 with the picture"
    assert block["posts"][0]["facts"]["probability"] == expected


def test_probabilities_are_those_of_the_component(trained):
    nlp = spacy.load(trained.seeing)
    component = find_mner(nlp)
    example = next(eg for eg in Corpus(trained.test)(nlp) if len(eg.reference.ents))
    doc = example.predicted
    doc._.image_vec = example.reference._.image_vec
    doc = nlp(doc)
    spans = [(ent.label_, ent.start, ent.end) for ent in doc.ents]
    assert spans
    found = span_probabilities(component, doc, [*spans, ("UNKNOWN", 0, 1)])
    np.testing.assert_allclose(found[:-1], [ent._.score for ent in doc.ents], atol=1e-5)
    assert found[-1] == 0.0


def test_attention(trained, tmp_path):
    posts = attention(str(trained.seeing), trained.test, tmp_path, n=2)
    assert [post["verdict"].split(",")[0] for post in posts] == ["right"] * 2 + ["wrong"] * 2
    for post in posts:
        weights = np.asarray(post["weights"])
        assert weights.shape == (len(post["tokens"]), 3)
        np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-3)
        assert len(post["gold"]) == len(post["predicted"]) == len(post["tokens"])
        assert (post["gold"] == post["predicted"]) == post["verdict"].startswith("right")
    assert (tmp_path / "attention.png").read_bytes()[:4] == b"\x89PNG"
    assert posts[0]["tokens"][0] in read_page(tmp_path / "attention.html")
    means = (tmp_path / "attention-weights.csv").read_text("utf8").splitlines()
    assert means[0].split(",")[:3] == ["Tokens", "Number", "word"]
    n_tokens = sum(len(doc) for doc in read_docs(trained.test))
    assert means[1].startswith(f"all,{n_tokens},")


@pytest.mark.parametrize("images", ["on", "off", "shuffled"])
def test_attention_of_posts_by_number_and_by_image_id(trained, tmp_path, images):
    """An image id names the post that has the picture in the data, whatever it is shown."""
    posts = attention(
        str(trained.seeing), trained.test, tmp_path, ids=["1", "pictures/4"], images=images
    )
    assert [post["name"] for post in posts] == ["post 1", "post 5"]
    for post in posts:
        assert post["modalities"] == ["word", "char", "image"]
        assert all((row[2] > 0) == (images != "off") for row in post["weights"])


def test_attention_errors(trained, tmp_path):
    code, output = run("attention", trained.seeing, trained.test, tmp_path, "--ids", "99999")
    assert code == 1
    assert "[M126]" in output
    nlp = spacy.load(trained.seeing)
    nlp.remove_pipe("mner")
    nlp.to_disk(tmp_path / "none")
    code, output = run("attention", tmp_path / "none", trained.test, tmp_path)
    assert code == 1
    assert "[M130]" in output


def test_attention_of_a_model_without_weights(tmp_path):
    nlp = make_nlp(model=model_config(fusion={"@architectures": "spacy_mner.Concatenate.v1"}))
    nlp.to_disk(tmp_path / "model")
    docs = [eg.reference for eg in make_examples(nlp)]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "data.spacy")
    code, output = run("attention", tmp_path / "model", tmp_path / "data.spacy", tmp_path / "out")
    assert (code, "[M127]" in output) == (1, True)
    assert "ModalityAttention" in output
    assert not (tmp_path / "out").exists()


def test_attention_with_nothing_to_draw(trained, tmp_path):
    nlp = spacy.blank("en")
    DocBin(docs=[nlp.make_doc("nothing is known of it")]).to_disk(tmp_path / "plain.spacy")
    code, output = run("attention", trained.seeing, tmp_path / "plain.spacy", tmp_path / "out")
    assert (code, "[M147]" in output) == (1, True)


def test_captions_of_another_kind(trained, tmp_path):
    path = tmp_path / "captions.json"
    for content in ("{", "[1]", '{"a": 3}'):
        path.write_text(content, "utf8")
        code, output = run(
            "when-images-help", trained.seeing, trained.blind, trained.test, tmp_path / "out",
            "--captions", path,
        )  # fmt: skip
        assert code == 1
        assert "[M129]" in output
    assert not (tmp_path / "out").exists()


def test_multi_seed_vocab_sensitivity_and_the_report(small, tmp_path):
    narrow = [
        "--components.mner.model.width",
        "12",
        "--components.mner.model.fusion.squash",
        "none",
    ]
    code, output = run(
        "multi-seed", CONFIGS / "mner.cfg", small.train, small.test, tmp_path, "--vectors",
        small.vectors, "--seeds", "2", "--steps", "3", "--name", "narrow", *narrow,
    )  # fmt: skip
    assert code == 0, output
    assert "narrow: typed F1" in output
    results = [
        json.loads((tmp_path / "runs" / "narrow" / f"seed-{s}.json").read_text("utf8"))
        for s in (0, 1)
    ]
    assert [result["seed"] for result in results] == [0, 1]
    markdown = (tmp_path / "multi-seed" / "narrow" / "multi-seed.md").read_text("utf8")
    assert "| seed 1 |" in markdown
    assert "| mean |" in markdown

    runs = vocab_sensitivity(
        small, tmp_path, seeds=[0], shares=[1.0, 0.25], steps=3, configs=CONFIGS
    )
    known = [runs["wc-attention"][share][0]["known_tokens"] for share in (1.0, 0.25)]
    assert known[1] < known[0]
    assert (tmp_path / "runs" / "wc-concat" / "seed-0.json").exists()
    assert (tmp_path / "runs" / "wc-concat-vocab25" / "seed-0.json").exists()
    table = (tmp_path / "vocab-sensitivity" / "vocab-sensitivity.md").read_text("utf8")
    assert re.search(r"\| 25 % \| .* \| 46\.4 \| 48\.7 \|", table)

    report(tmp_path, tmp_path / "report.html", title="A & B")
    text = read_page(tmp_path / "report.html")
    for words in ("A & B", "Fewer word vectors", "Several seeds: narrow", "Tokens known"):
        assert words in text


def test_multi_seed_says_which_settings_it_does_not_take(small, tmp_path):
    command = ["multi-seed", CONFIGS / "mner.cfg", small.train, small.test, tmp_path]
    for path in ("system.seed", "paths.train", "training.max_steps"):
        code, output = run(*command, f"--{path}", "1")
        assert (code, f"[M137] The setting '{path}'" in output) == (1, True)
    assert not list(tmp_path.iterdir())


def test_multi_seed_takes_the_word_vectors_of_the_config(small, tmp_path):
    base = Config().from_disk(CONFIGS / "mner.cfg", interpolate=False)
    data = replace(small, vectors=None)
    (result,) = multi_seed(
        base,
        data,
        tmp_path,
        name="x",
        overrides={"paths.vectors": small.vectors},
        seeds=[0],
        steps=1,
    )
    assert result["known_tokens"] > 0
    assert result["vectors_sha"] == hash_vectors(small.vectors)


def test_help_has_an_example():
    for command in (
        "table1", "vocab-sensitivity", "ways-in", "when-images-help", "attention", "compare",
        "ablate", "multi-seed",
    ):  # fmt: skip
        code, output = run(command, "--help")
        assert code == 0
        assert f"Example: python -m spacy mner {command} " in output


def test_a_row_that_is_not_known(small, tmp_path):
    code, output = run(
        "table1", small.train, small.test, tmp_path / "m", "--rows", "x", "--configs", CONFIGS
    )
    assert code == 1
    assert "[M121]" in output
    assert not (tmp_path / "m").exists()
