"""A job's output: formats, other jobs, bad records, and what makes it differ."""

import errno
import itertools
import json
import os
import shutil
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_mner.batch import worker
from spacy_mner.batch.engine_local import run_local
from spacy_mner.batch.run import label_files
from spacy_mner.batch.shards import Shard
from spacy_mner.batch.worker import RemoteWorker, WorkerSettings
from spacy_mner.cli.predict import predict
from spacy_mner.training.converters import RecordError, read_posts

from .util import KILLER, contents, records


def test_the_records_are_those_of_predict(trained, posts, tmp_path):
    summary = label_files(
        trained.model, posts.folder, tmp_path / "job", features=trained.store, shard_size=6
    )
    other = predict(trained.model, posts.folder, tmp_path / "one.jsonl", features=trained.store)
    found = records(tmp_path / "job")
    lines = (tmp_path / "one.jsonl").read_text(encoding="utf8").splitlines()
    assert [{k: v for k, v in r.items() if k != "source" or "error" in r} for r in found] == [
        json.loads(line) for line in lines
    ]
    assert found[0]["source"] == "a.jsonl:1"
    assert summary == other
    assert (summary.posts, summary.report.bad.count) == (posts.n, posts.n_bad)
    assert summary.entities > 3
    written = json.loads((tmp_path / "job/_job/summary.json").read_text(encoding="utf8"))
    assert written == summary.to_dict()
    assert "a.jsonl:3" in written["bad"]["named"][0]


def test_parquet(trained, posts, tmp_path):
    pytest.importorskip("pyarrow.parquet")
    for to in ("jsonl", "parquet"):
        label_files(
            trained.model, posts.folder, tmp_path / to,
            to=to, features=trained.store, weights=True, shard_size=10,
        )  # fmt: skip
    from pyarrow.parquet import read_table

    rows = read_table(tmp_path / "parquet").to_pylist()  # as a folder: _job is left out
    expected = records(tmp_path / "jsonl")
    for row, record in zip(rows, expected, strict=True):
        image = record.get("image")
        assert row == {**dict.fromkeys(row), **record, "image": [image] if image else None}
    assert [row["id"] for row in rows if row["image_errors"]] == ["p20"]
    # What was written can be read again.
    found = list(read_posts(tmp_path / "parquet", on_error=lambda error: None))
    assert [post.id for post in found] == [f"p{i}" for i in range(posts.n)]
    assert any(post.spans for post in found)


def test_docbin(trained, posts, tmp_path):
    for to in ("jsonl", "docbin"):
        label_files(
            trained.model, posts.folder, tmp_path / to,
            to=to, features=trained.store, shard_size=10,
        )  # fmt: skip
    nlp = spacy.load(trained.model)
    docs = [
        doc
        for path in sorted((tmp_path / "docbin").glob("*.spacy"))
        for doc in DocBin().from_disk(path).get_docs(nlp.vocab)
    ]
    expected = [record for record in records(tmp_path / "jsonl") if "error" not in record]
    for doc, record in zip(docs, expected, strict=True):
        for key in ("id", "source", "image_used"):
            assert doc.user_data[key] == record[key]
        assert list(doc._.image_errors or ()) == record.get("image_errors", [])
        assert doc.text == record["text"]
        ents = [(e.start_char, e.end_char, e.label_, round(e._.score, 4)) for e in doc.ents]
        names = ("start", "end", "label", "score")
        assert ents == [tuple(e[name] for name in names) for e in record["entities"]]
        assert doc._.image_vec is None
    assert any(doc.ents for doc in docs)
    assert [doc.user_data["id"] for doc in docs if doc._.image_errors] == ["p20"]


@pytest.mark.parametrize("to", ["jsonl", "parquet", "docbin"])
def test_records_that_utf8_cannot_hold(trained, tmp_path, to):
    """Half an emoji in an id or a label, in a file whose name is not UTF-8."""
    if to == "parquet":
        pytest.importorskip("pyarrow.parquet")
    half = "\ud83d"
    posts = [
        {"id": "a", "text": "fine"},
        {"id": half, "text": "a"},
        {"id": "c", "text": "a", "spans": [[0, 9, half]]},
    ]
    source = tmp_path / os.fsdecode(b"in\xff.jsonl")
    source.write_text("".join(json.dumps(post) + "\n" for post in posts), encoding="utf8")
    summary = label_files(trained.blank, source, tmp_path / "job", to=to, shard_size=2)
    assert (summary.posts, summary.report.bad.count) == (1, 2)
    written = json.loads((tmp_path / "job/_job/summary.json").read_text(encoding="utf8"))
    assert written["bad"]["named"][1].startswith("[M048] in\\udcff.jsonl:3: span 0-9 (\\ud83d)")
    if to == "jsonl":
        assert [row["id"] for row in records(tmp_path / "job")] == ["a", "\\ud83d", "c"]


def test_processes_do_not_change_the_output(trained, posts, tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        label_files(
            trained.model, posts.folder, tmp_path / name,
            features=trained.store, shard_size=4, workers=workers,
        )  # fmt: skip
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_shard_does_not_depend_on_those_before_it(trained, posts, tmp_path):
    """Word forms that a shard before it has computed would round otherwise."""
    settings = worker.WorkerSettings(
        str(trained.model), str(tmp_path / "a"), features=trained.store
    )
    label_files(trained.model, posts.folder, tmp_path / "a", features=trained.store, shard_size=4)
    shards = [
        worker.Shard.from_json(line)
        for line in (tmp_path / "a/_job/shards.jsonl").read_text(encoding="utf8").splitlines()
    ]
    label = worker.Worker(settings)
    before = contents(tmp_path / "a")
    for shard in reversed(shards):
        label.folder._mark(shard.number).unlink()
        label.folder.output_path(shard.number).unlink()
        caches = [pipe.model.shims[0]._model.cache for _, pipe in label.nlp.pipeline]
        label.run(shard)
        forms = set(caches[0]._slots)
        # Only this shard's forms are known: at most five words a post.
        assert 0 < len(forms) <= 5 * shard.n
    assert contents(tmp_path / "a") == before


def test_done_shards_are_not_labelled_again(trained, posts, tmp_path):
    job = tmp_path / "job"
    label_files(trained.model, posts.folder, job, shard_size=6)
    before = contents(job)
    times = {path: path.stat().st_mtime_ns for path in job.glob("part-*")}
    (job / "part-000001.jsonl").unlink()
    (job / "_job/done/000003.json").unlink()
    (job / ".part-000003.jsonl.x.tmp").write_bytes(b"half of a sha")
    label_files(trained.model, posts.folder, job, shard_size=6)
    assert contents(job) == before
    changed = {path.name for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert changed == {"part-000001.jsonl", "part-000003.jsonl"}


def test_a_mark_without_content_is_none(trained, posts, tmp_path):
    """A power cut may leave its name alone."""
    job = tmp_path / "job"
    label_files(trained.model, posts.folder, job, shard_size=6)
    before = contents(job)
    (job / "_job/done/000001.json").write_bytes(b"")
    label_files(trained.model, posts.folder, job, shard_size=6)
    assert contents(job) == before


@pytest.mark.parametrize("setting", ["batch_size", "shard_size", "workers"])
def test_numbers_below_one_are_refused(trained, posts, tmp_path, setting):
    with pytest.raises(ValueError, match=rf"\[M011\].*{setting}"):
        label_files(trained.model, posts.folder, tmp_path / "job", **{setting: 0})
    assert not (tmp_path / "job").exists()


def test_another_job_is_refused(trained, posts, tmp_path):
    job = tmp_path / "job"
    source = tmp_path / "posts.jsonl"
    source.write_text('{"text": "my Rose today"}\n' * 5, encoding="utf8")
    label_files(trained.model, source, job, shard_size=2)
    before = contents(job)
    changes = {
        "features": {"features": trained.store},
        "modality weights": {"weights": True},
        "posts to a shard": {"shard_size": 3},
        "format of the output": {"to": "docbin"},
        "pictures": {"images": tmp_path},
    }
    for difference, change in changes.items():
        with pytest.raises(ValueError, match=rf"\[M150\].*there: {difference}\."):
            label_files(trained.model, source, job, **{"shard_size": 2, **change})
    with pytest.raises(ValueError, match=r"\[M150\].*there: pipeline\."):
        label_files(trained.blank, source, job, shard_size=2)
    with source.open("a", encoding="utf8") as stream:
        stream.write('{"text": "more"}\n')
    with pytest.raises(ValueError, match=r"\[M150\].*there: posts\."):
        label_files(trained.model, source, job, shard_size=2)
    assert contents(job) == before
    (job / "_job/job.json").write_text('{"posts"', encoding="utf8")
    with pytest.raises(ValueError, match=r"\[M159\].*job\.json' is damaged.*--overwrite"):
        label_files(trained.model, source, job, shard_size=2)
    (job / "note.txt").write_text("mine", encoding="utf8")
    summary = label_files(trained.model, source, job, to="docbin", shard_size=6, overwrite=True)
    assert summary.posts == 6
    names = sorted(path.name for path in job.iterdir())
    assert names == ["_job", "note.txt", "part-000000.spacy"]


def test_the_store_of_the_pipeline_is_part_of_the_job(posts, tmp_path):
    nlp = spacy.blank("en")
    config = {"encoder": {"@image_encoders": "captions"}, "store": str(tmp_path / "store")}
    nlp.add_pipe("image_encoder", config=config)
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "store").mkdir()
    arguments = tmp_path / "model", posts.folder, tmp_path / "job"
    label_files(*arguments, shard_size=6)
    label_files(*arguments, shard_size=6)
    (tmp_path / "store/vectors.bin").write_bytes(b"others")
    with pytest.raises(ValueError, match=r"\[M150\].*there: stores of the pipeline\."):
        label_files(*arguments, shard_size=6)


def test_a_node_that_does_not_see_the_files_says_so(trained, tmp_path):
    there = {"model": str(trained.blank), "output": str(tmp_path)}
    for name in ("model", "output", "images", "features", "code"):
        settings = WorkerSettings(**{**there, name: str(tmp_path / "elsewhere")})
        problem = RemoteWorker(settings).run(Shard(0, 0, []))
        assert problem.startswith(f"[M156] '{tmp_path / 'elsewhere'}' is not there on '")
    assert isinstance(RemoteWorker(WorkerSettings(**there)).run(Shard(0, 0, [])), dict)


def test_a_kill_while_shards_are_deleted(trained, posts, tmp_path, monkeypatch):
    """Those that are left are not mixed with the shards of another job."""
    job = tmp_path / "job"
    label_files(trained.blank, posts.folder, job, shard_size=2)
    unlink, left = Path.unlink, itertools.count()

    def killed(path, **kwargs):
        if path.name.startswith("part-") and next(left) == 3:
            raise KeyboardInterrupt
        unlink(path, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            label_files(trained.blank, posts.folder, job, shard_size=9, overwrite=True)
    assert not (job / "_job/summary.json").exists()
    n_parts = len(list(job.glob("part-*")))
    assert n_parts > 3
    with pytest.raises(ValueError, match=r"\[M150\].*posts to a shard"):
        label_files(trained.blank, posts.folder, job, shard_size=9)
    # Nor are they, if what says whose they are is lost.
    (job / "_job/job.json").unlink()
    with pytest.raises(ValueError, match=r"\[M159\].*job\.json' is damaged: it is missing"):
        label_files(trained.blank, posts.folder, job, shard_size=9)
    assert len(list(job.glob("part-*"))) == n_parts
    label_files(trained.blank, posts.folder, job, shard_size=9, overwrite=True)
    assert len(list(job.glob("part-*"))) == 3


@pytest.mark.parametrize("damage", ["empty", "cut", "missing"])
def test_a_damaged_list_of_shards(trained, posts, tmp_path, damage):
    """Posts would be missing, and nothing would say so."""
    job = tmp_path / "job"
    label_files(trained.blank, posts.folder, job, shard_size=6)
    path = job / "_job/shards.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.unlink()
    if damage != "missing":
        path.write_bytes(b"".join(lines[:2]) if damage == "cut" else b"")
    with pytest.raises(ValueError, match=r"\[M159\].*shards\.jsonl' is damaged.*--overwrite"):
        label_files(trained.blank, posts.folder, job, shard_size=6)
    summary = label_files(trained.blank, posts.folder, job, shard_size=6, overwrite=True)
    assert summary.posts == posts.n


def test_a_mistaken_command_leaves_nothing_to_delete(trained, posts, tmp_path):
    with pytest.raises(ValueError, match=r"\[M064\]"):
        label_files(trained.model, posts.folder, tmp_path / "job", images=tmp_path)
    label_files(trained.model, posts.folder, tmp_path / "job", shard_size=6)
    label_files(trained.model, posts.folder, tmp_path / "other", shard_size=6)
    assert contents(tmp_path / "job") == contents(tmp_path / "other")


def test_a_folder_inside_the_input_is_not_read(trained, posts, tmp_path):
    """A run that goes on would label its own records."""
    source = shutil.copytree(posts.folder, tmp_path / "in")
    job, glob = source / "out", f"{source}/**/*.jsonl"
    for overwrite in (False, False, True):
        summary = label_files(trained.blank, glob, job, shard_size=6, overwrite=overwrite)
        assert summary.posts == posts.n
    before = contents(job)
    for path in (job, f"{job}/part-*.jsonl", job / "part-000000.jsonl"):
        with pytest.raises(ValueError, match=r"\[M066\].*both INPUT and OUTPUT"):
            label_files(trained.blank, path, job, shard_size=6, overwrite=True)
    assert contents(job) == before


def test_folders_of_others_are_left_alone(trained, posts, tmp_path):
    (tmp_path / "note.txt").write_text("mine", encoding="utf8")
    for path in (tmp_path, tmp_path / "note.txt"):
        with pytest.raises(ValueError, match=r"\[M151\]"):
            label_files(trained.model, posts.folder, path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_one_run_at_a_time(trained, posts, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "job/_job").mkdir(parents=True)
    handle = os.open(tmp_path / "job/_job/lock", os.O_WRONLY | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(ValueError, match=r"\[M152\]"):
            label_files(trained.model, posts.folder, tmp_path / "job")
    finally:
        os.close(handle)
    assert label_files(trained.model, posts.folder, tmp_path / "job").posts == posts.n


def test_a_file_system_without_locks(trained, posts, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match=r"\[MW051\] .*lock' cannot be locked: .*No locks"):
        label_files(trained.blank, posts.folder, tmp_path / "job")


@pytest.mark.parametrize("workers", [1, 2])
def test_strict(trained, posts, tmp_path, workers):
    kind = RecordError if workers == 1 else ValueError
    arguments = {"shard_size": 3, "workers": workers}
    with pytest.raises(kind, match=r"\[M04[56]\] \w\.jsonl:3"):
        label_files(trained.model, posts.folder, tmp_path / "a", strict=True, **arguments)
    assert not (tmp_path / "a/part-000000.jsonl").exists()
    label_files(trained.model, posts.folder, tmp_path / "a", shard_size=3)
    with pytest.raises(ValueError, match=r"\[M157\] 3 records"):
        label_files(trained.model, posts.folder, tmp_path / "a", strict=True, **arguments)


def test_code_that_cannot_be_imported(trained, posts, tmp_path):
    arguments = trained.model, posts.folder, tmp_path / "job"
    with pytest.raises(ValueError, match=r"\[M160\].*missing\.py.*no such file"):
        label_files(*arguments, code=tmp_path / "missing.py")
    assert not (tmp_path / "job").exists()
    code = tmp_path / "code.py"
    code.write_text("raise RuntimeError('out of order')", encoding="utf8")
    with pytest.raises(ValueError, match=r"\[M160\].*RuntimeError: out of order"):
        label_files(*arguments, code=code)


def test_a_process_that_ends_by_itself(trained, posts, tmp_path):
    job, code = tmp_path / "job", tmp_path / "killer.py"
    code.write_text(KILLER.format(folder=str(job)), encoding="utf8")
    arguments = {"features": trained.store, "shard_size": 2}
    with pytest.raises(ValueError, match=r"\[M155\].*--n-process"):
        label_files(trained.model, posts.folder, job, workers=2, code=code, **arguments)
    done = {path: path.stat().st_mtime_ns for path in job.glob("part-*")}
    assert len(done) >= 2
    # The same again goes on from there.
    label_files(trained.model, posts.folder, job, code=code, **arguments)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    label_files(trained.model, posts.folder, tmp_path / "at_once", **arguments)
    found, expected = contents(job), contents(tmp_path / "at_once")
    assert found.pop("_job/job.json") != expected.pop("_job/job.json")  # it names the code
    assert found == expected


def test_a_shard_that_is_deleted_while_the_job_runs(trained, posts, tmp_path, monkeypatch):
    job = tmp_path / "job"

    def run_and_delete(*args):
        yield from run_local(*args)
        (job / "part-000001.jsonl").unlink()

    with monkeypatch.context() as patch:
        patch.setattr("spacy_mner.batch.run.run_local", run_and_delete)
        with pytest.raises(ValueError, match=r"\[M158\].*part-000001\.jsonl"):
            label_files(trained.model, posts.folder, job, shard_size=6)
    assert not (job / "_job/summary.json").exists()
    assert label_files(trained.model, posts.folder, job, shard_size=6).posts == posts.n
    assert (job / "part-000001.jsonl").exists()


def test_no_posts(trained, tmp_path):
    (tmp_path / "none.jsonl").write_bytes(b"\n")
    summary = label_files(trained.model, tmp_path / "none.jsonl", tmp_path / "job")
    assert summary.posts == 0
    assert not list((tmp_path / "job").glob("part-*"))
