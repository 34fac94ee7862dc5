"""Where output goes if its name is a link, or that of a pipe."""

import os
import threading
from pathlib import Path

import pytest

from spacy_mner.output import atomic_bytes, atomic_text


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_one(tmp_path, exists):
    target, link = tmp_path / "deep" / "target", tmp_path / "link"
    target.parent.mkdir()
    if exists:
        target.write_bytes(b"old")
    link.symlink_to("deep/target")
    with atomic_bytes(link) as stream:
        stream.write(b"new")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on Windows")
def test_a_pipe_is_written_to(tmp_path):
    """As a device is: the name is not given to a file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()), daemon=True)
    reader.start()
    with atomic_bytes(path) as stream:
        stream.write(b"new")
    reader.join(timeout=30)
    assert (found, path.is_fifo()) == ([b"new"], True)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
def test_stdout_by_its_path_is_not_replaced(capfd):
    os.write(1, b"before\n")
    with atomic_text(Path("/dev/stdout")) as stream:
        stream.write("written\n")
    os.write(1, b"after\n")
    assert capfd.readouterr().out == "before\nwritten\nafter\n"
