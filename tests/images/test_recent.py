import numpy as np

from spacy_mner.images.recent import RecentVectors


def test_the_oldest_are_forgotten():
    recent = RecentVectors(max_bytes=3 * 16)
    batch = np.arange(16, dtype="float32").reshape(4, 4)
    keys = [("bytes", bytes([i])) for i in range(4)]
    for key, row in zip(keys[:3], batch, strict=False):
        recent.add(key, row)
    assert recent.get(keys[0]).tolist() == [0, 1, 2, 3]  # used again: the second is the oldest now
    recent.add(keys[3], batch[3])
    assert [recent.get(key) is not None for key in keys] == [True, False, True, True]
    assert len(recent) == 3
    assert recent.get(keys[3]).base is None  # not a view that keeps the batch


def test_what_is_larger_than_everything_is_not_kept():
    recent = RecentVectors(max_bytes=10)
    recent.add(("bytes", b"a"), np.zeros(4, dtype="float32"))
    assert len(recent) == 0
    recent.add(("bytes", b"b"), np.zeros(2, dtype="float32"))
    assert len(recent) == 1


def test_objects_and_captions_are_not_remembered(tmp_path):
    recent = RecentVectors()
    for key in (("object", 1234), ("path", "a dog on grass"), ("path", "a\0b")):
        recent.add(key, np.zeros(4, dtype="float32"))
        assert recent.get(key) is None
    assert len(recent) == 0
