"""A local Ray cluster of several workers writes what the local engine writes, also if one is killed."""

import os
import socket
import sys

import pytest

from spacy_mner.batch.run import label_files
from spacy_mner.cli.predict import predict_cli  # noqa: F401 (attaches the command)

from .util import KILLER, contents

# Ray leaves sockets and files open when it is shut down, and warns of its own defaults.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """Ray on this machine, room for two workers."""
    # Workers are polite, and on busy cores they never get to run.
    environment = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        ray = pytest.importorskip("ray", reason="Ray is not installed: spacy-mner[ray]")
        pytest.importorskip("ray.data", reason="Ray Data is not installed: spacy-mner[ray]")
        # Of its own, also where a cluster runs on this machine.
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield ray
        ray.shutdown()


@pytest.fixture
def many(posts, tmp_path):
    """The same posts a few times over."""
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(8):
        for path in posts.folder.iterdir():
            (folder / f"{i}{path.name}").write_bytes(path.read_bytes())
    return folder


def test_same_as_the_local_engine(cluster, trained, posts, many, tmp_path):
    jobs = {"local": tmp_path / "local", "ray": tmp_path / "ray"}
    for (engine, job), workers in zip(jobs.items(), (1, 2), strict=True):
        summary = label_files(
            trained.model, many, job,
            features=trained.store, shard_size=10, engine=engine, workers=workers,
        )  # fmt: skip
        assert summary.posts == 8 * posts.n
        assert summary.report.bad.count == 8 * posts.n_bad
    assert contents(jobs["ray"]) == contents(jobs["local"])
    # What one engine began, the other one can end.
    for path in sorted(jobs["local"].glob("_job/done/*.json"))[3:]:
        path.unlink()
    label_files(
        trained.model, many, jobs["local"],
        features=trained.store, shard_size=10, engine="ray",
    )  # fmt: skip
    assert contents(jobs["local"]) == contents(jobs["ray"])


def test_pictures_are_encoded_by_the_workers(cluster, trained_on_files, posts, tmp_path):
    for engine, workers in (("local", 1), ("ray", 2)):
        summary = label_files(
            trained_on_files.model, posts.folder, tmp_path / engine,
            images=trained_on_files.images, shard_size=13, engine=engine, workers=workers,
        )  # fmt: skip
        assert summary.with_picture == posts.with_picture
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


def test_a_killed_worker_loses_and_repeats_nothing(cluster, trained, posts, many, tmp_path):
    job = tmp_path / "ray"
    code = tmp_path / "killer.py"
    code.write_text(KILLER.format(folder=str(job)), encoding="utf8")
    label_files(
        trained.model, many, job,
        features=trained.store, shard_size=4, engine="ray", workers=2, code=code,
    )  # fmt: skip
    killed = int((tmp_path / "killed").read_text())
    assert killed != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(killed, 0)
    label_files(
        trained.model, many, tmp_path / "local",
        features=trained.store, shard_size=4, code=None,
    )  # fmt: skip
    found, expected = contents(job), contents(tmp_path / "local")
    assert found.pop("_job/job.json") != expected.pop("_job/job.json")  # it names the code
    assert found == expected


def test_errors_reach_the_driver(cluster, trained, posts, tmp_path):
    with pytest.raises(ValueError, match=r"^\[M064\].*image_encoder"):
        label_files(
            trained.model, posts.folder, tmp_path / "job", images=tmp_path, engine="ray", workers=1
        )
    with pytest.raises(ValueError, match=r"^\[M046\] a\.jsonl:3"):
        label_files(trained.model, posts.folder, tmp_path / "b", engine="ray", strict=True)
    assert not list((tmp_path / "b").glob("part-*"))


def test_nobody_at_the_address(trained, posts, tmp_path):
    pytest.importorskip("ray.data", reason="Ray is not installed: spacy-mner[ray]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:{1}".format(*free.getsockname())
        with pytest.raises(ValueError, match=rf"\[M154\] The Ray cluster '{address}'"):
            label_files(
                trained.model, posts.folder, tmp_path / "job", engine="ray", address=address
            )


def test_ray_is_missing(trained, posts, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"\[M107\].*spacy-mner\[ray\]"):
        label_files(trained.model, posts.folder, tmp_path / "job", engine="ray")
