import json
import re
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.cli.debug import debug_mner
from spacy_mner.extensions import set_extensions
from spacy_mner.inspection.data import inspect_data
from spacy_mner.inspection.findings import judge_coverage, judge_trial
from spacy_mner.inspection.model import choose_examples, try_out
from spacy_mner.inspection.pictures import inspect_pictures, types_by_presence
from spacy_mner.inspection.vectors import inspect_coverage

CONFIG = Path(__file__).parents[2] / "configs" / "mner.cfg"
SMALL = {
    "components.mner.model.width": 12,
    "components.mner.model.modalities.char.hidden_width": 4,
    "components.mner.model.encoder.hidden_width": 8,
}
WORDS = ("daisy", "rose", "is", "here", "at", "home", "the")

set_extensions()


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    nlp = spacy.blank("en")
    rng = np.random.default_rng(0)
    for word in WORDS:
        nlp.vocab.set_vector(word, rng.normal(size=5).astype("float32"))
    nlp.to_disk(folder)
    return folder


def make_docs(n=120, *, start=0, every=2):
    """Posts that all differ, the first with a PER and the second with a LOC; one in `every` has no
    picture."""
    nlp = spacy.blank("en")
    docs = []
    for i in range(start, start + n):
        label = ("PER", "LOC")[i % 2]
        words = [WORDS[i % 2].title(), "is", "here", f"@user{i}"]
        doc = Doc(nlp.vocab, words=words, ents=[f"B-{label}", "O", "O", "O"])
        if (i // 2) % every:
            doc._.image_vec = np.random.default_rng(i).normal(size=6).astype("float32")
        docs.append(doc)
    return docs


def change(docs, change_doc, n=None):
    for doc in docs[:n]:
        change_doc(doc)
    return docs


@pytest.fixture
def debug(tmp_path, vectors):
    """Write the docs to files and run the command's function on them."""

    def run(train=None, dev=None, *, config=CONFIG, **overrides):
        for name, docs in (("train", train), ("dev", dev)):
            if docs is None:
                docs = make_docs() if name == "train" else make_docs(20, start=1000)
            DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / f"{name}.spacy")
        paths = {f"paths.{name}": str(tmp_path / f"{name}.spacy") for name in ("train", "dev")}
        paths["paths.vectors"] = str(vectors)
        return debug_mner(config, config_overrides={**SMALL, **paths, **overrides})

    return run


def codes(result):
    return [
        (finding["level"], re.match(r"\[(M?W?\d+)\]", finding["message"]).group(1))
        for finding in result["findings"]
    ]


def set_picture(value):
    def change_doc(doc):
        doc._.image_vec = value

    return change_doc


def test_sound_data(debug):
    result = debug()
    assert codes(result) == [], result["findings"]
    assert result["ok"] is True
    train = result["data"]["train"]
    assert (train["posts"], train["tokens"], train["entities"]) == (120, 480, 120)
    assert train["labels"] == {"LOC": 60, "PER": 60}
    pictures = train["pictures"]
    assert (pictures["with_picture"], pictures["without_picture"]) == (60, 60)
    assert (pictures["widths"], pictures["regions"]) == ({6: 60}, {1: 60})
    # The name is in title case, and the user's name has the row of all user names.
    coverage = result["vectors"]["coverage"]["training"]
    assert coverage["tokens"] == {"exact": 0.5, "ladder": 0.25, "kind": 0.25, "unknown": 0.0}
    component = result["components"]["mner"]
    parts = {part["name"]: part for part in component["parts"]}
    assert list(parts) == ["word", "char", "fusion", "encoder", "decoder", "evidence"]
    assert parts["word"]["learnt"]["width"] == 5
    assert parts["evidence"]["learnt"]["width"] == 6
    # The trust in each of two labels, and a gate on the encoder's 2 x 8 values.
    assert parts["evidence"]["parameters"] == 2 + 16 + 1
    trial = component["trial"]
    assert len(trial["losses"]) == 3
    assert trial["losses"][-1] < trial["losses"][0]
    assert trial["unreached"] == {}
    assert trial["not_finite"] == []


def unannotated(docs, n):
    for doc in docs[:n]:
        doc.set_ents([], default="missing")
    return docs


def with_entity(words, start, end, **kwargs):
    doc = Doc(spacy.blank("en").vocab, words=words, **kwargs)
    doc.set_ents([Span(doc, start, end, label="PER")])
    return doc


def placeholder(docs):
    return change(docs, set_picture(np.ones(6, dtype="float32")), 20)


def trap(docs):
    """Only posts with a picture hold a PER."""
    for doc in docs:
        has_person = any(ent.label_ == "PER" for ent in doc.ents)
        doc._.image_vec = (
            np.random.default_rng(len(doc.text)).normal(size=6) if has_person else None
        )
    return docs


def relabel(docs, label):
    for doc in docs:
        ents = [Span(doc, e.start, e.end, label=label) for e in doc.ents]
        doc.set_ents(ents, default="outside")
    return docs


def not_encoded(docs):
    for doc in docs:
        if doc._.image_vec is None:
            doc._.image = "picture.jpg"
    return docs


WARNINGS = {
    "few posts": (lambda d: d[:90], ["MW080"] * 3),
    "few entities": (lambda d: [*d[::2], *d[1:61:2]], ["MW080"] * 2),
    "a type that is not in dev": (
        lambda d: [*d, *relabel(make_docs(60, start=500), "ORG")],
        ["MW082"],
    ),
    "not annotated": (lambda d: [*d, *unannotated(make_docs(7, start=500), 7)], ["MW083"]),
    "white space": (lambda d: [*d, with_entity(["see", "daisy", " "], 1, 3)], ["MW084"]),
    "punctuation": (lambda d: [*d, with_entity(["see", "daisy", "!"], 1, 3)], ["MW084"]),
    "misaligned": (
        lambda d: [*d, with_entity(["see", "dai", "sy"], 2, 3, spaces=[True, False, False])],
        ["MW085"],
    ),
    "repeated": (lambda d: [*d, *make_docs(3)], ["MW086"]),
    "contradicting": (lambda d: [*d, *relabel(make_docs(1), "LOC")], ["MW086"]),
    "zero": (lambda d: change(d, set_picture(np.zeros(6, dtype="float32")), 3), ["MW088"]),
    "NaN": (
        lambda d: change(d, set_picture(np.full(6, np.nan, dtype="float32")), 3),
        ["MW088"],
    ),
    "placeholder": (placeholder, ["MW088"]),
    "not encoded": (not_encoded, ["MW088"]),
    # Every post with a picture holds the same: there is nothing to fit, so nothing for MW081 to train.
    "trap": (trap, ["MW081", "MW088", "MW089", "MW089"]),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_warnings(debug, case):
    make, expected = WARNINGS[case]
    result = debug(make(make_docs()))
    assert result["ok"] is True
    assert sorted(set(codes(result))) == sorted({("warning", code) for code in expected})


def test_what_the_warnings_say(debug):
    dev = [*make_docs(20, start=1000), *make_docs(1)]
    result = debug(
        [
            *make_docs(),
            with_entity(["see", "dai", "sy"], 2, 3, spaces=[True, False, False]),
            with_entity(["see", "daisy", " "], 1, 3),
        ],
        dev,
    )
    messages = " ".join(finding["message"] for finding in result["findings"])
    assert "1 tokens of the training data do not line up" in messages
    assert "1 entities are lost by it: see daisy" in messages
    assert "white space: 'daisy  ' (PER)" in messages
    assert "1 posts of the dev data are in the training data too" in messages
    assert "Daisy is here @user0" in messages
    assert result["data"]["same_text"] == 1


def test_types_by_presence():
    docs = trap(make_docs(40))
    shares = types_by_presence([Example(doc, doc) for doc in docs])
    assert (shares["PER"].with_picture, shares["PER"].without_picture) == (1.0, 0.0)
    assert (shares["LOC"].with_picture, shares["LOC"].without_picture) == (0.0, 1.0)
    # The difference is 1, and its standard error sqrt(.5 * .5 * (1/20 + 1/20)).
    assert shares["PER"].z == pytest.approx(1 / 0.025**0.5, abs=0.01)
    everywhere = change(make_docs(4), set_picture(np.ones(6, dtype="float32")))
    assert types_by_presence([Example(doc, doc) for doc in everywhere]) == {}


def test_pictures_are_counted():
    docs = make_docs(7, every=1)
    values = [np.ones(4), np.ones((3, 4)), np.ones(5), np.zeros(4), np.full(4, np.inf), "no"]
    for doc, value in zip(docs, values, strict=False):
        doc._.image_vec = value
    report = inspect_pictures([Example(doc, doc) for doc in docs])
    assert (report.with_picture, report.without_picture) == (6, 1)
    assert report.widths == {4: 4, 5: 1}
    assert report.regions == {1: 4, 3: 1}
    assert (report.zero, report.not_finite) == (1, 1)
    assert report.bad_shapes == {"(0,)": 1}


def test_coverage(vectors):
    table = spacy.load(vectors).vocab.vectors
    doc = Doc(spacy.blank("en").vocab, words=["rose", "Rose", "#rose", "@rose", "zzz", "zzz"])
    report = inspect_coverage([doc], table)
    assert report.tokens == pytest.approx(
        {"exact": 1 / 6, "ladder": 2 / 6, "kind": 1 / 6, "unknown": 2 / 6}
    )
    assert report.forms == pytest.approx({"exact": 0.2, "ladder": 0.4, "kind": 0.2, "unknown": 0.2})
    assert report.unknown == [("zzz", 2)]
    (finding,) = judge_coverage("dev", report)
    assert "Only 67% of the tokens of the dev data" in finding.message
    assert "zzz" in finding.message
    # Without rows of its own, a user's name is a word like others.
    assert inspect_coverage([doc], table, kinds=False).tokens["ladder"] == pytest.approx(0.5)
    assert inspect_coverage([doc], spacy.blank("en").vocab.vectors) is None
    assert inspect_coverage([], table) is None


def test_choice_of_examples():
    docs = [*make_docs(60, every=1), *make_docs(60, start=60, every=2)]
    chosen = choose_examples([Example(doc, doc) for doc in docs])
    pictured = [eg.reference._.image_vec is not None for eg in chosen]
    assert len(chosen) == 16
    assert sum(pictured) == 8
    everywhere = change(make_docs(40), set_picture(np.ones(6)))
    assert len(choose_examples([Example(doc, doc) for doc in everywhere])) == 16


def test_parameters_without_gradient(debug, tmp_path):
    """Updates on posts without a picture do not reach the picture's part."""
    debug()
    paths = {f"paths.{name}": str(tmp_path / f"{name}.spacy") for name in ("train", "dev")}
    with pytest.warns(UserWarning, match="MW001"):
        nlp = init_nlp(load_config(CONFIG, overrides={**SMALL, **paths}, interpolate=False))
    examples = [Example(nlp.make_doc(d.text), d) for d in make_docs(8, every=1)]
    pipe = nlp.get_pipe("mner")
    trial = try_out(nlp, pipe, examples, optimizer=nlp.create_optimizer())
    assert list(trial.unreached) == ["evidence"]
    assert "scores.trust" in trial.unreached["evidence"]
    (finding,) = judge_trial("mner", trial, pictures=True)
    assert "[MW081]" in finding.message
    assert judge_trial("mner", trial, pictures=False) == []


def widths(docs):
    change(docs[:60], set_picture(np.ones(5, dtype="float32")))
    return change(docs[60:], set_picture(np.ones(6, dtype="float32"))) + docs[:60]


IMAGE = "components.mner.model.evidence"
ERRORS = {
    "no posts": ("M080", [], {}),
    "no entities": ("M081", unannotated(make_docs(), 120), {}),
    "two widths": ("M083", widths(make_docs()), {}),
    "another width than in the config": ("M084", None, {f"{IMAGE}.width": 99}),
    "no such vectors": ("M084", None, {"paths.vectors": "no_such_pipeline"}),
    "diverging": ("M085", None, {"training.optimizer.learn_rate.initial_rate": 1e38}),
    "no such file": ("M087", None, {"paths.train": "no_such_file.spacy"}),
    "no path": ("M087", None, {"paths.dev": None}),
    "bad shape": ("M088", change(make_docs(), set_picture(np.ones((2, 2, 2))), 1), {}),
    "frozen": ("M089", None, {"training.frozen_components": ["mner"]}),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(debug, case):
    code, train, overrides = ERRORS[case]
    result = debug(train, **overrides)
    assert result["ok"] is False
    assert code in [found for level, found in codes(result) if level == "error"]
    assert srsly.json_loads(srsly.json_dumps(result))["findings"] == result["findings"]


def test_no_mner(debug, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.config.to_disk(tmp_path / "other.cfg")
    result = debug_mner(tmp_path / "other.cfg")
    assert codes(result) == [("error", "M082")]
    assert "(sentencizer)" in result["findings"][0]["message"]


def test_another_component_fails(debug, tmp_path):
    @Language.component("tests_always_fails")
    def fail(doc):
        raise ValueError("tests_always_fails did")

    config = load_config(CONFIG, interpolate=False)
    config["nlp"]["pipeline"] = ["mner", "tests_always_fails"]
    config["components"]["tests_always_fails"] = {"factory": "tests_always_fails"}
    config.to_disk(tmp_path / "config.cfg")
    result = debug(config=tmp_path / "config.cfg")
    assert codes(result) == [("error", "M086")]
    assert "tests_always_fails did" in result["findings"][0]["message"]
    assert result["components"]["mner"]["trial"] is None


@pytest.mark.parametrize(
    ("pipeline", "settings", "expected"),
    [
        (["mner", "entity_ruler"], {}, ["MW090"]),
        (["mner", "ner"], {}, ["MW090"]),
        (["entity_ruler", "mner"], {}, []),
        (["mner", "entity_ruler"], {"scorer": None}, []),
        (["mner", "sentencizer"], {}, []),
    ],
    ids=["ruler after", "ner after", "ruler before", "no scorer", "scores no entities"],
)
def test_a_later_component_that_scores_entities(debug, tmp_path, pipeline, settings, expected):
    (other,) = set(pipeline) - {"mner"}
    config = load_config(CONFIG, interpolate=False)
    config["nlp"]["pipeline"] = pipeline
    config["components"][other] = {"factory": other, **settings}
    config.to_disk(tmp_path / "config.cfg")
    result = debug(config=tmp_path / "config.cfg")
    assert [code for _, code in codes(result) if code == "MW090"] == expected
    if expected:
        (message,) = [f["message"] for f in result["findings"] if "[MW090]" in f["message"]]
        assert f"'{other}' comes after 'mner'" in message


def test_with_a_shared_tok2vec_and_spacys_reader(debug, tmp_path):
    """The modality `context` and its tok2vec are listed; spaCy's reader leaves pictures to us."""
    config = load_config(CONFIG, interpolate=False)
    config["nlp"]["pipeline"] = ["tok2vec", "mner"]
    config["components"]["tok2vec"] = {
        "factory": "tok2vec",
        "model": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "width": 16,
            "depth": 1,
            "embed_size": 50,
            "window_size": 1,
            "maxout_pieces": 2,
            "subword_features": False,
            "pretrained_vectors": None,
        },
    }
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
    config["components"]["mner"]["model"]["tok2vec"] = listener
    for part in ("train", "dev"):
        config["corpora"][part] = {
            "@readers": "spacy.Corpus.v1",
            "path": f"${{paths.{part}}}",
        }
    config.to_disk(tmp_path / "config.cfg")
    result = debug(config=tmp_path / "config.cfg")
    assert codes(result) == [], result["findings"]
    assert result["data"]["train"]["pictures"]["with_picture"] == 60
    parts = {part["name"]: part for part in result["components"]["mner"]["parts"]}
    assert parts["context"]["learnt"]["width"] == 16
    assert parts["tok2vec"]["parameters"] == 0  # it belongs to the component tok2vec


def test_command(tmp_path, vectors):
    for name, docs in (("train", make_docs()), ("dev", make_docs(20, start=1000))):
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / f"{name}.spacy")
    paths = [
        "--paths.train", tmp_path / "train.spacy", "--paths.dev", tmp_path / "dev.spacy",
        "--paths.vectors", vectors,
    ]  # fmt: skip
    small = [part for name, value in SMALL.items() for part in (f"--{name}", value)]
    output = tmp_path / "out" / "report.json"

    code, printed = run("debug", "mner", CONFIG, *paths, *small, "--output", output)
    assert code == 0, printed
    for text in ("120", "user name, number", "encoder", "every parameter", "Ready to train"):
        assert text in printed
    report = json.loads(output.read_text(encoding="utf8"))
    assert report["ok"] is True
    assert report["data"]["dev"]["labels"] == {"LOC": 10, "PER": 10}
    assert report["config"] == str(CONFIG)

    wrong = [f"--{IMAGE}.width", 99]
    code, printed = run("debug", "mner", CONFIG, *paths, *small, *wrong, "--output", output)
    assert code == 1
    assert "[M005]" in printed
    assert "Training is impossible" in printed
    assert json.loads(output.read_text(encoding="utf8"))["ok"] is False


def test_warnings_can_be_hidden(tmp_path):
    DocBin(docs=make_docs(20), store_user_data=True).to_disk(tmp_path / "data.spacy")
    paths = ["--paths.train", tmp_path / "data.spacy", "--paths.dev", tmp_path / "data.spacy"]
    code, printed = run("debug", "mner", CONFIG, *paths)
    assert code == 0
    assert "[MW001]" in printed
    assert "[MW080]" in printed
    code, printed = run("debug", "mner", CONFIG, *paths, "--ignore-warnings")
    assert code == 0
    assert "[MW" not in printed


def test_the_examples_are_left_as_they_are():
    docs = make_docs(8)
    before = [doc.to_bytes() for doc in docs]
    examples = [Example(Doc(doc.vocab, words=[t.text for t in doc]), doc) for doc in docs]
    inspect_data(examples, examples)
    assert [doc.to_bytes() for doc in docs] == before


def run(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    # Without colours, and without the line breaks that depend on the terminal.
    return result.exit_code, " ".join(re.sub(r"\x1b\[[\d;]*m", "", result.output).split())
