"""Hashes that results and jobs are known by."""

import hashlib
import os

from spacy_mner.hashing import files_in, hash_file, hash_files, hash_values


def test_hash_of_a_file_is_that_of_its_content(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"a" * (1 << 20) + b"b")
    assert hash_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_changes_is_read_again(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"one")
    before = hash_file(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert hash_file(path) == hashlib.sha256(b"two").hexdigest() != before


def test_hash_of_a_folder(tmp_path):
    """As it always was, or jobs that were begun would be refused."""
    (tmp_path / "b" / "__pycache__").mkdir(parents=True)
    for name in ("b/c", "a", "b.txt", "b/__pycache__/x.pyc"):
        (tmp_path / name).write_bytes(b"x")
    names = ["a", "b/c", "b.txt"]
    assert [path.relative_to(tmp_path).as_posix() for path in files_in(tmp_path)] == names
    assert hash_files(tmp_path) == hash_values(
        [[name, hash_file(tmp_path / "a")] for name in names]
    )


def test_links_are_followed(tmp_path):
    folder, other = tmp_path / "folder", tmp_path / "other"
    (other / "deep").mkdir(parents=True)
    folder.mkdir()
    (other / "deep" / "data").write_bytes(b"one")
    (folder / "link").symlink_to(other)
    (other / "circle").symlink_to(folder)
    (folder / "gone").symlink_to(tmp_path / "nothing")
    assert [path.relative_to(folder).as_posix() for path in files_in(folder)] == ["link/deep/data"]
    before = hash_files(folder)
    (other / "deep" / "data").write_bytes(b"other")
    assert hash_files(folder) != before


def test_hash_of_values():
    assert hash_values({"a": 1, "b": [2]}) == hash_values({"b": [2], "a": 1})
    assert len({hash_values(1), hash_values("1"), hash_values([1]), hash_values(1, 1)}) == 4
