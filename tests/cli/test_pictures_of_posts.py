"""Posts with pictures in files, through a trained pipeline with image_encoder, as users run it."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)

from ..visualization.pages import Checker

TEXT = "Daisy is lovely"
# The picture alone says whether the name is a person; the same picture comes more than once.
PICTURES = ["person", "thing", None, "person", "gone", "thing", "person"]
PERSONS = [name == "person" for name in PICTURES]


def run_python(*args):
    """A process of its own with two threads: what a user's forks meet."""
    env = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, *map(str, args)]
    done = subprocess.run(command, env=env, timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def run_spacy(n_process, *args):
    """One process is this one, which sees the warning of a picture that cannot be read."""
    args = [*args, "--n-process", n_process, "--batch-size", 2]
    if n_process > 1:
        return run_python("-m", "spacy", *args)
    with pytest.warns(UserWarning, match="MW020"):
        done = CliRunner().invoke(app, [str(arg) for arg in args])
    assert done.exit_code == 0, done.output
    return done


def path_of(name, folder):
    return None if name is None else str(folder / f"{name}.png")


def read_docs(path):
    docs = list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))
    assert [doc.text for doc in docs] == [TEXT] * len(PICTURES)
    return docs


def is_person(doc):
    assert [ent.text for ent in doc.ents] in ([], ["Daisy"])
    return [ent.label_ for ent in doc.ents] == ["PER"]


def compare(one, two):
    for a, b in zip(one, two, strict=True):
        assert (a._.image, a._.image_vec is None) == (b._.image, b._.image_vec is None)
        if a._.image_vec is not None:
            # Batches of another size may differ in the last digits.
            np.testing.assert_allclose(a._.image_vec, b._.image_vec, atol=1e-4)


def test_pipe_over_posts_with_paths(trained_on_files, tmp_path):
    script = f"""
        import spacy
        from spacy.tokens import DocBin

        nlp = spacy.load({str(trained_on_files.model)!r})

        def posts():
            for path in {[path_of(name, trained_on_files.images) for name in PICTURES]!r}:
                doc = nlp.make_doc({TEXT!r})
                doc._.image = path
                yield doc

        # First two processes: the parent has not run a network yet, as in any script that begins so.
        for n_process in (2, 1):
            docs = list(nlp.pipe(posts(), n_process=n_process, batch_size=2))
            DocBin(docs=docs, store_user_data=True).to_disk(
                {str(tmp_path)!r} + f"/{{n_process}}.spacy"
            )
    """
    done = run_python("-c", textwrap.dedent(script))
    assert "MW020" in done.stderr
    assert "gone.png" in done.stderr
    one, two = (read_docs(tmp_path / f"{n}.spacy") for n in (1, 2))
    assert [is_person(doc) for doc in one] == [is_person(doc) for doc in two] == PERSONS
    found = [doc._.image_vec is not None for doc in one]
    assert found == [name in ("person", "thing") for name in PICTURES]
    compare(one, two)


@pytest.mark.parametrize("n_process", [1, 2])
def test_spacy_apply_to_a_folder(trained_on_files, tmp_path, n_process):
    nlp = spacy.blank("en")
    docs = []
    for name in PICTURES:
        doc = nlp.make_doc(TEXT)
        doc._.image = path_of(name, trained_on_files.images)
        docs.append(doc)
    (tmp_path / "in").mkdir()
    DocBin(docs=docs[:4], store_user_data=True).to_disk(tmp_path / "in/a.spacy")
    DocBin(docs=docs[4:], store_user_data=True).to_disk(tmp_path / "in/b.spacy")
    command = ["apply", trained_on_files.model, tmp_path / "in", tmp_path / "out.spacy"]
    run_spacy(n_process, *command)
    found = read_docs(tmp_path / "out.spacy")
    assert [is_person(doc) for doc in found] == PERSONS
    assert [doc._.image for doc in found] == [doc._.image for doc in docs]


@pytest.mark.parametrize("n_process", [1, 2])
def test_predict_on_a_folder(trained_on_files, tmp_path, n_process):
    # A folder of files with posts, and one of pictures.
    for i in range(2):
        lines = [json.dumps({"id": str(j), "text": TEXT, "image": name and f"{name}.png"})
                 for j, name in enumerate(PICTURES) if j % 2 == i]  # fmt: skip
        (tmp_path / "posts").mkdir(exist_ok=True)
        (tmp_path / "posts" / f"{i}.jsonl").write_text("\n".join(lines), encoding="utf8")
    command = ["mner", "predict", trained_on_files.model, tmp_path / "posts"]
    # Beside the folder that other tests use: one picture is no picture.
    images = shutil.copytree(trained_on_files.images, tmp_path / "images")
    (images / "broken.png").write_bytes((images / "thing.png").read_bytes()[:100])
    lines = [json.dumps({"id": "7", "text": TEXT, "image": "broken.png"})]
    lines.append(json.dumps({"id": "8", "text": TEXT, "image": "https://a.org/else.png"}))
    (tmp_path / "posts" / "2.jsonl").write_text("\n".join(lines), encoding="utf8")
    done = run_spacy(
        n_process, *command, tmp_path / "out.jsonl", "--images", images,
        "--report", tmp_path / "report.json",
    )  # fmt: skip
    assert "9 posts labelled, 5 with their picture" in done.stderr
    assert "gone.png" in done.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf8"))
    (unreadable,) = report["unreadable_pictures"]["named"]
    assert unreadable in done.stderr
    assert re.search(r"2\.jsonl:1: \[M020\] The picture .*broken\.png cannot be read", unreadable)
    address = report["lost_pictures"]["named"][-1]
    assert "2.jsonl:2: [M022] https://a.org/else.png is an address" in address
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf8").splitlines()
    rows = sorted(map(json.loads, lines), key=lambda row: row["id"])
    assert [row["image_used"] for row in rows[7:]] == [False, False]
    reasons = [reason for row in rows[7:] for reason in row["image_errors"]]
    assert [name.split(": ", maxsplit=1)[1] for name in (unreadable, address)] == reasons
    rows = rows[:7]
    assert [row["image_used"] for row in rows] == [x in ("person", "thing") for x in PICTURES]
    found = [[(ent["text"], ent["label"]) for ent in row["entities"]] for row in rows]
    assert found == [[("Daisy", "PER")] * person for person in PERSONS]


def test_real_tweets_with_their_pictures(trained_on_files, tmp_path, request):
    """encode, convert and predict, with a store and with the files, give the same entities."""
    data = request.config.rootpath.parent / "shared" / "data" / "tweets_with_images"
    if not data.is_dir():
        pytest.skip("the folder shared/data/tweets_with_images is not here")
    posts, images = data / "posts.jsonl", data / "images"
    store, corpus = tmp_path / "store", tmp_path / "tweets.spacy"
    done = run("encode", images, store, "--encoder", "efficientnet_lite0", "--strict")
    assert done.exit_code == 0, done.output
    done = run("convert", posts, corpus, "--features", store, "--strict")
    assert done.exit_code == 0, done.output
    docs = list(DocBin().from_disk(corpus).get_docs(spacy.blank("en").vocab))
    assert len(docs) == 20
    assert {doc._.image_vec.shape for doc in docs} == {(1280,)}
    assert len({doc._.image_vec.tobytes() for doc in docs}) == 20
    tags = [json.loads(line)["tags"] for line in posts.read_text(encoding="utf8").splitlines()]
    n_entities = sum(len(doc.ents) for doc in docs)
    # An orphan I- begins an entity.
    starts = [
        tag[0] == "B" or (tag[0] == "I" and (i == 0 or row[i - 1][1:] != tag[1:]))
        for row in tags for i, tag in enumerate(row)
    ]  # fmt: skip
    assert n_entities == sum(starts) > 20
    rows = []
    page = tmp_path / "page.html"
    for i, options in enumerate((("--features", store), ("--images", images, "--html", page))):
        output = tmp_path / f"{i}.jsonl"
        done = run("predict", trained_on_files.model, posts, output, *options)
        assert done.exit_code == 0, done.output
        assert "20 posts labelled, 20 with their picture" in done.stderr
        assert "could not be used" not in done.stderr
        rows.append([json.loads(x) for x in output.read_text(encoding="utf8").splitlines()])
    assert "weights" not in rows[1][0]
    assert assert_page(page, 20).count("in the picture:") == 20  # the encoder's tags
    for one, two, doc in zip(*rows, docs, strict=True):
        assert one["tokens"] == two["tokens"] == [token.text for token in doc]
        assert one["image_used"] is two["image_used"] is True
        assert labels(one) == labels(two)


def labels(row):
    for ent in row["entities"]:
        assert row["text"][ent["start"] : ent["end"]] == ent["text"]
    return [(ent["start"], ent["end"], ent["label"]) for ent in row["entities"]]


def run(*args):
    return CliRunner().invoke(app, ["mner", *map(str, args)])


def assert_page(path, pictures):
    """One file, closed in order, that loads nothing and shows so many pictures."""
    checker = Checker()
    checker.feed(path.read_text(encoding="utf8"))
    assert checker.open == []
    assert sum(x == "img" for x in checker.loaded) == pictures
    assert all(x == "img" or x.startswith("data:image/jpeg;base64,") for x in checker.loaded)
    return " ".join(checker.text)


def test_page_of_many_posts(trained_on_files, tmp_path):
    """200 posts with their pictures, their tags and weights; the records stay as they are without a page."""
    names = [name and f"{name}.png" for name in ("person", "thing", None, "gone")] * 50
    records = [{"id": str(i), "text": TEXT, "image": name} for i, name in enumerate(names)]
    posts = tmp_path / "posts.jsonl"
    posts.write_text("\n".join(map(json.dumps, records)), encoding="utf8")
    rows = []
    for name, options in (("plain", ()), ("paged", ("--html", tmp_path / "page.html"))):
        output = tmp_path / f"{name}.jsonl"
        arguments = (trained_on_files.model, posts, output, "--images", trained_on_files.images)
        done = run("predict", *arguments, *options)
        assert done.exit_code == 0, done.output
        rows.append([json.loads(x) for x in output.read_text(encoding="utf8").splitlines()])
    # Batches of another size may differ in the last digits of a probability.
    for one, two in zip(*rows, strict=True):
        assert one.keys() == two.keys()
        assert labels(one) == labels(two)
    text = assert_page(tmp_path / "page.html", 100)
    assert text.count("lovely") == 400
    done = run("predict", *arguments, "--html", tmp_path / "few.html", "--html-posts", 5)
    assert done.exit_code == 0, done.output
    # Once in the post, and once in the table of its weights.
    assert assert_page(tmp_path / "few.html", 3).count("lovely") == 10
    done = run("predict", *arguments, "--html", output)
    assert done.exit_code == 1
    assert "[M066]" in done.output
