import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import spacy

from spacy_mner.images import store_writer
from spacy_mner.images.store import FeatureStore, FeatureStoreWriter
from spacy_mner.images.types import EncoderInfo

INFO = EncoderInfo("test", 4, {"layer": "last"})


def vector(seed, rows=None):
    shape = (4,) if rows is None else (rows, 4)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def write(path, ids, **options):
    with FeatureStoreWriter(path, encoder=INFO, **options) as writer:
        for id_ in ids:
            writer.add(id_, vector(len(id_)))
    return FeatureStore.open(path)


def test_round_trip_of_vectors_and_regions(tmp_path):
    vectors = {"a": vector(1), "b": vector(2, 3), "ç/☃ 4\n": vector(3, 1), "d": vector(4)}
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO, chunk=2) as writer:
        for id_, value in vectors.items():
            writer.add(id_, value)
        writer.missing["e"] = "it was lost"
    store = FeatureStore.open(tmp_path / "s")
    assert (len(store), store.ids, list(store)) == (4, list(vectors), list(vectors))
    assert (store.encoder, store.width, store.settings) == ("test", 4, {"layer": "last"})
    assert store.missing == {"e": "it was lost"}
    for id_, value in vectors.items():
        assert id_ in store
        assert store[id_].dtype == np.float32
        assert type(store[id_]) is np.ndarray
        np.testing.assert_array_equal(store[id_], value)
    assert "e" not in store
    assert store.get("e") is None
    with pytest.raises(KeyError):
        store["e"]


def test_arrays_are_read_only(tmp_path):
    store = write(tmp_path / "s", ["a"])
    with pytest.raises(ValueError, match="read-only"):
        store["a"][0] = 1.0


def test_the_files_can_be_read_without_us(tmp_path):
    store = write(tmp_path / "s", ["a", "bb", "ccc"])
    meta = json.loads((tmp_path / "s" / "meta.json").read_text())
    rows = np.fromfile(tmp_path / "s" / "vectors.f32", dtype="<f4")
    rows = rows.reshape(-1, meta["encoder"]["width"])
    lines = (tmp_path / "s" / "index.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["a", None], ["bb", None], ["ccc", None]]
    np.testing.assert_array_equal(rows[1], store["bb"])


def test_empty_store(tmp_path):
    store = write(tmp_path / "s", [])
    assert (len(store), store.ids, store.missing) == (0, [], {})
    assert store.get("a") is None


def test_pickled_store_reads_the_same_files(tmp_path):
    store = write(tmp_path / "s", ["a"])
    data = pickle.dumps(store)
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data)["a"], store["a"])


def test_a_store_is_continued(tmp_path):
    write(tmp_path / "s", ["a", "bb"])
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer:
        assert "a" in writer
        assert len(writer) == 2
        writer.add("ccc", vector(3))
    store = FeatureStore.open(tmp_path / "s")
    assert store.ids == ["a", "bb", "ccc"]
    np.testing.assert_array_equal(store["a"], vector(1))
    np.testing.assert_array_equal(store["ccc"], vector(3))


def test_missing_pictures_are_kept_and_can_be_found_later(tmp_path):
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer:
        writer.missing.update(a="gone", b="broken")
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer:
        assert writer.missing == {"a": "gone", "b": "broken"}
        writer.add("a", vector(1))
    assert FeatureStore.open(tmp_path / "s").missing == {"b": "broken"}


def test_overwrite_starts_from_nothing(tmp_path):
    write(tmp_path / "s", ["a", "bb"])
    other = EncoderInfo("other", 2)
    with FeatureStoreWriter(tmp_path / "s", encoder=other, overwrite=True) as writer:
        writer.add("z", np.array([1.0, 2.0]))
    store = FeatureStore.open(tmp_path / "s")
    assert (store.ids, store.encoder, store.width) == (["z"], "other", 2)
    assert store["z"].tolist() == [1.0, 2.0]


def test_what_an_unfinished_chunk_left_is_cut_off(tmp_path):
    path = tmp_path / "s"
    write(path, ["a", "bb"])
    with (path / "vectors.f32").open("ab") as file:  # rows without a line, the last one torn
        file.write(b"\x01" * 37)
    with (path / "index.jsonl").open("ab") as file:
        file.write(b'["ccc", nu')
    (path / "missing.json.tmp").write_text('{"d": ')
    assert FeatureStore.open(path).ids == ["a", "bb"]
    with FeatureStoreWriter(path, encoder=INFO) as writer:
        writer.add("ccc", vector(7, 2))
    store = FeatureStore.open(path)
    assert store.ids == ["a", "bb", "ccc"]
    np.testing.assert_array_equal(store["bb"], vector(2))
    np.testing.assert_array_equal(store["ccc"], vector(7, 2))


def test_a_killed_writer_loses_its_last_chunk_only(tmp_path):
    script = f"""
        import os, signal
        import numpy as np
        from spacy_mner.images.store_writer import FeatureStoreWriter
        from spacy_mner.images.types import EncoderInfo
        writer = FeatureStoreWriter({str(tmp_path / "s")!r}, chunk=10,
                                    encoder=EncoderInfo("test", 4, {{"layer": "last"}}))
        for i in range(35):
            writer.add(str(i), np.full(4, i) + np.arange(4))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=env, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert FeatureStore.open(tmp_path / "s").ids == [str(i) for i in range(30)]
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer:
        assert [i for i in range(35) if str(i) not in writer] == [30, 31, 32, 33, 34]
        for i in range(30, 35):
            writer.add(str(i), np.full(4, i) + np.arange(4))
    store = FeatureStore.open(tmp_path / "s")
    assert all(store[str(i)].tolist() == [i, i + 1, i + 2, i + 3] for i in range(35))


def test_killed_while_starting(tmp_path):
    path = tmp_path / "s"
    path.mkdir()
    (path / "meta.json.tmp").write_text('{"form')
    (path / "vectors.f32").write_bytes(b"leftovers of a store that was being overwritten")
    store = write(path, ["a"])
    np.testing.assert_array_equal(store["a"], vector(1))


@pytest.mark.parametrize("deleted", [1, 2, 3, 4])
def test_killed_while_overwriting(tmp_path, deleted):
    path = tmp_path / "s"
    write(path, ["a", "bb"])
    (path / "missing.json").write_text('{"c": "gone"}')
    for name in ("meta.json", "index.jsonl", "vectors.f32", "missing.json")[:deleted]:
        (path / name).unlink()
    store = write(path, ["ddd"])
    assert (store.ids, store.missing) == (["ddd"], {})
    np.testing.assert_array_equal(store["ddd"], vector(3))


def test_an_exception_keeps_what_was_added(tmp_path):
    def fail():
        with FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer:
            writer.add("a", vector(1))
            raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        fail()
    assert FeatureStore.open(tmp_path / "s").ids == ["a"]


@pytest.mark.parametrize("stopped_at", [3, 4])
def test_a_chunk_that_was_stopped_halfway_is_not_written_twice(tmp_path, monkeypatch, stopped_at):
    """Ctrl-C between the rows of a chunk and its lines must not give pictures those of others."""
    ids = ["a", "bb", "ccc", "dddd"]
    calls = []

    def sync(file):
        file.flush()
        calls.append(file)
        if len(calls) == stopped_at:
            raise KeyboardInterrupt

    monkeypatch.setattr(store_writer, "sync", sync)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "s", ids, chunk=2)
    monkeypatch.undo()
    whole = FeatureStore.open(tmp_path / "s").ids
    assert whole == (ids[:2] if stopped_at == 3 else ids)
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer:
        for id_ in ids:
            if id_ not in writer:
                writer.add(id_, vector(len(id_)))
    store = FeatureStore.open(tmp_path / "s")
    assert store.ids == ids
    for id_ in ids:
        np.testing.assert_array_equal(store[id_], vector(len(id_)))


def test_a_writer_that_was_stopped_takes_no_more(tmp_path, monkeypatch):
    writer = FeatureStoreWriter(tmp_path / "s", encoder=INFO, chunk=1)

    def fail(file):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_writer, "sync", fail)
        with pytest.raises(OSError, match="No space"):
            writer.add("a", vector(1))
    with pytest.raises(ValueError, match=r"\[M136\]"):
        writer.add("b", vector(2))
    writer.close()
    assert FeatureStore.open(tmp_path / "s").ids == []


def test_readers_see_whole_chunks_while_a_writer_works(tmp_path):
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO, chunk=2) as writer:
        for i in range(5):
            writer.add("x" * (i + 1), vector(i))
        store = FeatureStore.open(tmp_path / "s")
        assert store.ids == ["x", "xx", "xxx", "xxxx"]
        np.testing.assert_array_equal(store["xxxx"], vector(3))


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked on Windows")
def test_two_writers_are_refused(tmp_path):
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO), pytest.raises(ValueError, match="M031"):
        FeatureStoreWriter(tmp_path / "s", encoder=INFO)
    FeatureStoreWriter(tmp_path / "s", encoder=INFO).close()


@pytest.mark.parametrize(
    ("info", "difference"),
    [
        (EncoderInfo("other", 4, {"layer": "last"}), "encoder: test, not other"),
        (EncoderInfo("test", 5, {"layer": "last"}), "width: 4, not 5"),
        (EncoderInfo("test", 4, {"layer": "first"}), "layer: last, not first"),
        (EncoderInfo("test", 4, {"layer": "last", "size": 224}), "size: None, not 224"),
    ],
)
def test_vectors_of_another_encoder_are_refused(tmp_path, info, difference):
    store = write(tmp_path / "s", ["a"])
    with pytest.raises(ValueError, match=f"M028.*{difference}"):
        FeatureStoreWriter(tmp_path / "s", encoder=info)
    with pytest.raises(ValueError, match=f"M028.*{difference}"):
        store.check(info)
    assert FeatureStore.open(tmp_path / "s").ids == ["a"]
    store.check(INFO)


def test_settings_are_compared_as_json(tmp_path):
    with FeatureStoreWriter(tmp_path / "s", encoder=EncoderInfo("t", 4, {"size": (2, 2)})):
        pass
    FeatureStoreWriter(tmp_path / "s", encoder=EncoderInfo("t", 4, {"size": (2, 2)})).close()


@pytest.mark.parametrize("shape", [(), (3,), (5,), (0, 4), (2, 3), (1, 2, 4)])
def test_wrong_shapes_are_refused(tmp_path, shape):
    with (
        FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer,
        pytest.raises(ValueError, match="M029"),
    ):
        writer.add("a", np.ones(shape))


def test_ids_are_checked(tmp_path):
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer:
        writer.add("a", vector(1))
        for id_ in ("a", "", 3, None):
            with pytest.raises(ValueError, match="M030"):
                writer.add(id_, vector(1))


def test_vectors_that_tell_nothing_are_reported_once(tmp_path):
    writer = FeatureStoreWriter(tmp_path / "s", encoder=INFO)
    for i in range(7):
        writer.add(f"zero{i}", np.zeros(4))
    writer.add("same", np.ones((2, 4)))
    writer.add("nan", np.array([1.0, np.nan, 0.0, 2.0]))
    writer.add("huge", np.full(4, 1e300))
    writer.add("good", vector(1))
    with pytest.warns(UserWarning, match="MW022") as caught:
        writer.close()
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "7 all-zero vectors (zero0, zero1, zero2, zero3, zero4, ...)" in text
    assert "1 constant vector (same)" in text
    assert "2 NaN or infinite vectors (nan, huge)" in text
    store = FeatureStore.open(tmp_path / "s")
    assert set(store.missing) == {"nan", "huge"}
    assert "same" in store
    assert "nan" not in store


def test_the_writer_copies_what_it_gets(tmp_path):
    reused = vector(1)
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO) as writer:
        writer.add("a", reused)
        reused[:] = 0
    np.testing.assert_array_equal(FeatureStore.open(tmp_path / "s")["a"], vector(1))


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "photo.jpg").touch()
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"M026.*photo\.jpg"):
            FeatureStoreWriter(tmp_path, encoder=INFO, overwrite=overwrite)
    assert [child.name for child in tmp_path.iterdir()] == ["photo.jpg"]


def test_what_is_no_store_cannot_be_opened(tmp_path):
    with pytest.raises(ValueError, match=r"M026.*does not exist"):
        FeatureStore.open(tmp_path / "no")
    with pytest.raises(ValueError, match=r"M026.*no meta\.json"):
        FeatureStore.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"M026.*not a folder"):
        FeatureStore.open(tmp_path / "file")
    with pytest.raises(ValueError, match=r"M026.*not a folder"):
        FeatureStoreWriter(tmp_path / "file", encoder=INFO)


@pytest.mark.parametrize(
    "meta",
    [
        "",
        "[]",
        "{}",
        '{"format": "other", "version": 1}',
        '{"format": "spacy_mner.FeatureStore", "version": 1, "encoder": {"name": "t"}}',
        '{"format": "spacy_mner.FeatureStore", "version": 9, '
        '"encoder": {"name": "t", "width": 4, "settings": {}}}',
    ],
)
def test_unreadable_descriptions(tmp_path, meta):
    write(tmp_path / "s", ["a"])
    (tmp_path / "s" / "meta.json").write_text(meta)
    with pytest.raises(ValueError, match="M026"):
        FeatureStore.open(tmp_path / "s")


@pytest.mark.parametrize("line", ["[]", '["a"]', '["b", 0]', '["b", true]', "[1, null]", "xyz", ""])
def test_damaged_index(tmp_path, line):
    write(tmp_path / "s", ["a"])
    with (tmp_path / "s" / "index.jsonl").open("a") as file:
        file.write(f"{line}\n")
    for use in (FeatureStore.open, lambda path: FeatureStoreWriter(path, encoder=INFO)):
        with pytest.raises(ValueError, match=r"M027.*line 2"):
            use(tmp_path / "s")


def test_lost_rows_are_noticed(tmp_path):
    write(tmp_path / "s", ["a", "bb"])
    os.truncate(tmp_path / "s" / "vectors.f32", 20)
    for use in (FeatureStore.open, lambda path: FeatureStoreWriter(path, encoder=INFO)):
        with pytest.raises(ValueError, match=r"M027.*20 bytes.*32"):
            use(tmp_path / "s")
    write(tmp_path / "s", ["a"], overwrite=True)


def test_a_lost_index_is_noticed(tmp_path):
    write(tmp_path / "s", ["a", "bb"])
    (tmp_path / "s" / "index.jsonl").unlink()
    for use in (FeatureStore.open, lambda path: FeatureStoreWriter(path, encoder=INFO)):
        with pytest.raises(ValueError, match=r"M027.*no index\.jsonl"):
            use(tmp_path / "s")
    assert (tmp_path / "s" / "vectors.f32").stat().st_size == 32


def test_going_on_with_nothing_new_changes_no_file(tmp_path):
    """By the times of its files, a job knows that its store is still the same."""
    write(tmp_path / "s", ["a", "bb"])
    for file in (tmp_path / "s").iterdir():
        os.utime(file, ns=(1, 1))
    write(tmp_path / "s", [])
    assert {file.stat().st_mtime_ns for file in (tmp_path / "s").iterdir()} == {1}


def test_another_programs_folder_is_not_overwritten(tmp_path):
    """A pipeline has a meta.json as well."""
    spacy.blank("en").to_disk(tmp_path / "pipeline")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"M026.*config\.cfg"):
            FeatureStoreWriter(tmp_path / "pipeline", encoder=INFO, overwrite=overwrite)
    assert spacy.load(tmp_path / "pipeline").lang == "en"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "meta.json").write_text('{"name": "mine"}')
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"M026.*meta\.json"):
            FeatureStoreWriter(tmp_path / "other", encoder=INFO, overwrite=overwrite)


def test_a_store_beside_other_files_is_a_store(tmp_path):
    write(tmp_path, ["a"])
    (tmp_path / "notes.txt").touch()
    assert write(tmp_path, ["bb"]).ids == ["a", "bb"]
    assert write(tmp_path, ["c"], overwrite=True).ids == ["c"]
    assert (tmp_path / "notes.txt").exists()


def test_what_is_overwritten_stays_until_there_are_new_vectors(tmp_path):
    def overwrite(*ids):
        with FeatureStoreWriter(
            tmp_path / "s", encoder=EncoderInfo("new", 4), overwrite=True
        ) as writer:
            assert (len(writer), writer.missing) == (0, {})
            writer.missing["b"] = "broken"
            for id_ in ids:
                writer.add(id_, vector(1))
            raise RuntimeError("no weights")

    write(tmp_path / "s", ["a", "bb"])
    with pytest.raises(RuntimeError, match="no weights"):
        overwrite()
    store = FeatureStore.open(tmp_path / "s")
    assert (store.ids, store.encoder, store.missing) == (["a", "bb"], "test", {})
    with FeatureStoreWriter(tmp_path / "s", encoder=INFO, overwrite=True) as writer:
        writer.missing["b"] = "broken"
    store = FeatureStore.open(tmp_path / "s")
    assert (store.ids, store.missing) == (["a", "bb"], {})
    with pytest.raises(RuntimeError, match="no weights"):
        overwrite("z")
    store = FeatureStore.open(tmp_path / "s")
    assert (store.ids, store.encoder, store.missing) == (["z"], "new", {"b": "broken"})


def test_an_encoder_without_a_width_makes_no_store(tmp_path):
    with pytest.raises(ValueError, match=r"M180.*'test'"):
        FeatureStoreWriter(tmp_path / "s", encoder=EncoderInfo("test", 0))
    assert not (tmp_path / "s").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of a file")
def test_a_full_disk_leaves_no_lock(tmp_path):
    """Closing a file tries to write again what could not be written, and fails again."""
    script = f"""
        import resource, signal
        import numpy as np
        from spacy_mner.images.store import FeatureStore, FeatureStoreWriter
        from spacy_mner.images.types import EncoderInfo
        info = EncoderInfo("test", 1000, {{}})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        writer = FeatureStoreWriter({str(tmp_path / "s")!r}, encoder=info, chunk=1)
        try:
            with writer:
                for i in range(100):
                    writer.add(str(i), np.arange(1000.0))
        except OSError as err:
            print(err)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        with FeatureStoreWriter({str(tmp_path / "s")!r}, encoder=info) as again:
            again.add("last", np.arange(1000.0))
        print(FeatureStore.open({str(tmp_path / "s")!r}).ids)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stdout
    assert "['0', '1', '2', '3', '4', 'last']" in done.stdout
