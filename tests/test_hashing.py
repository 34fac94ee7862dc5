"""Hashes that results and jobs are known by."""

import hashlib
import os

from spacy_mner.hashing import hash_file, hash_values


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


def test_hash_of_values():
    assert hash_values({"a": 1, "b": [2]}) == hash_values({"b": [2], "a": 1})
    assert len({hash_values(1), hash_values("1"), hash_values([1]), hash_values(1, 1)}) == 4
