"""Data files are cut into shards that hold every record once."""

import itertools
import json
import tracemalloc

import pytest

from spacy_mner.batch.shards import Shard, cut_shards, list_files, read_shard
from spacy_mner.training.converters import read_posts


@pytest.mark.parametrize("size", [1, 2, 4, 6, 13, 100])
def test_every_record_once(posts, size):
    files = list_files(posts.folder)
    shards = list(cut_shards(files, size))
    n = posts.n + posts.n_bad
    assert [shard.number for shard in shards] == list(range(-(-n // size)))
    assert [shard.n for shard in shards[:-1]] == [size] * (len(shards) - 1)
    assert sum(shard.n for shard in shards) == n
    found, expected = [], []
    for shard in shards:
        before = len(found)
        for post in read_shard(shard.slices, lambda error: found.append(str(error))):
            found.append(post.source)
        assert len(found) - before == shard.n
    for post in read_posts(posts.folder, on_error=lambda error: expected.append(str(error))):
        expected.append(post.source)
    assert found == expected


def test_a_shard_survives_json(posts):
    shards = list(cut_shards(list_files(posts.folder), 6))
    assert [Shard.from_json(shard.to_json()) for shard in shards] == shards


def test_sources_tell_files_of_one_name_apart(tmp_path):
    for day in ("day=1", "day=2"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "posts.jsonl").write_text('{"text": "a"}\n', encoding="utf8")
    (shard,) = cut_shards(list_files(str(tmp_path / "*" / "*.jsonl")), 10)
    sources = [post.source for post in read_shard(shard.slices, pytest.fail)]
    assert sources == ["day=1/posts.jsonl:1", "day=2/posts.jsonl:1"]


def test_what_is_appended_later_belongs_to_no_shard(tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "a"}\n', encoding="utf8")
    (shard,) = cut_shards(list_files(path), 10)
    with path.open("a", encoding="utf8") as stream:
        stream.write('{"text": "b"}\n')
    assert [post.text for post in read_shard(shard.slices, pytest.fail)] == ["a"]


def test_empty_files_give_no_shard(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(b"")
    assert list(cut_shards(list_files(tmp_path), 10)) == []


@pytest.mark.parametrize(
    ("suffix", "n"), [("jsonl", 100_000), ("csv", 40_000), ("parquet", 40_000)]
)
def test_memory_does_not_grow_with_the_file(tmp_path, suffix, n):
    text = "Daisy at home with Rose " * 4
    path = tmp_path / f"posts.{suffix}"
    if suffix == "jsonl":
        line = json.dumps({"id": 1, "text": text}) + "\n"
        path.write_text(line * n, encoding="utf8")
    elif suffix == "csv":
        path.write_text("id,text\n" + f"1,{text}\n" * n, encoding="utf8")
    else:
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet")
        table = pyarrow.table({"id": range(n), "text": [text] * n})
        # Without a dictionary, as different texts would be.
        pyarrow.parquet.write_table(table, path, row_group_size=5_000, use_dictionary=False)
    tracemalloc.start()
    try:
        shards = cut_shards(list_files(path), 1_000)
        seen = 0
        for shard in shards:
            seen += shard.n
        assert seen == n
        assert sum(1 for _ in read_shard(shard.slices, pytest.fail)) == 1_000
        assert sum(1 for _ in itertools.islice(read_posts(path), 20_000)) == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The texts alone take 4 MB and more.
    assert peak < 3_000_000
