"""A job that is killed at any moment, and run again, writes what it would have written at once."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from spacy_mner.batch.run import label_files

from .util import contents

N, SIZE = 3_000, 50


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    with path.open("w", encoding="utf8") as stream:
        for i in range(N):
            text = f"look at Rose and Daisy number {i} !"
            line = json.dumps({"id": i, "text": text, "image": ("person", "thing", None)[i % 3]})
            stream.write(("{" if i % 501 == 500 else line) + "\n")
    return path


def start(trained, source, job, workers):
    command = [
        sys.executable, "-m", "spacy", "mner", "predict", trained.model, source, f"{job}/",
        "--features", trained.store, "--shard-size", SIZE, "--n-process", workers,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [str(part) for part in command], env=environment, stderr=subprocess.DEVNULL
    )


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments(trained, many, tmp_path, workers):
    job, rng = tmp_path / "job", random.Random(workers)
    done, kills = 0, 0
    # One kill before the first shard, the others while shards are being written.
    for more in (0, 4, 3):
        process = start(trained, many, job, workers)
        limit = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < limit:
            if more == 0 and (job / "_job").is_dir():
                break
            if more and len(list(job.glob("part-*"))) >= done + more:
                break
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        parts = sorted(job.glob("part-*"))
        for part in parts:
            assert len(part.read_text(encoding="utf8").splitlines()) == SIZE
        done = len(parts)
    assert kills == 3
    assert 7 <= done < N // SIZE
    assert start(trained, many, job, workers).wait(timeout=300) == 0
    summary = label_files(
        trained.model, many, tmp_path / "at_once", features=trained.store, shard_size=SIZE
    )
    assert summary.posts == N - N // 501
    assert contents(job) == contents(tmp_path / "at_once")
