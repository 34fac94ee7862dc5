import itertools
import json

import pytest

from spacy_mner.training.converters import RecordError, find_files, read_posts
from spacy_mner.training.converters.reading import detect_format


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "IMGID:1\n", "conll"),
        ("a.tsv", "\n\nIMGID:1\n", "conll"),
        ("a.tsv", "text\timage\n", "csv"),
        ("a.CSV", "text,image\n", "csv"),
        ("a.data", '\n{"text": "a"}', "jsonl"),
        ("a.ndjson", "", "jsonl"),
        (
            "a.txt",
            '\ufeff\n{"text": "a post of more than 64 characters, as most posts are"}\n',
            "jsonl",
        ),
        ("a.txt", "{ O\n", "conll"),
        ("a.txt", '{"text"\tO\n', "conll"),
        ("a.bin", "PAR1...", "parquet"),
    ],
)
def test_formats_are_told_apart(tmp_path, name, text, expected):
    assert detect_format(write(tmp_path / name, text)) == expected


def test_a_format_that_cannot_be_told(tmp_path):
    with pytest.raises(ValueError, match=r"\[M041\].*conll, jsonl, csv, parquet"):
        detect_format(write(tmp_path / "a.dat", "something"))


def test_a_folder_or_glob_is_one_input(tmp_path):
    write(tmp_path / "b.jsonl", '{"text": "two"}\n')
    write(tmp_path / "a.csv", "text\none\n")
    write(tmp_path / ".hidden.jsonl", '{"text": "no"}\n')
    write(tmp_path / "notes.md", "no")
    write(tmp_path / "sub" / "c.jsonl", '{"text": "three"}\n')
    assert [p.text for p in read_posts(tmp_path)] == ["one", "two"]
    assert [p.text for p in read_posts(tmp_path, "jsonl")] == ["two"]
    assert [p.text for p in read_posts(tmp_path / "**" / "*.jsonl")] == ["two", "three"]


def test_compressed_files_of_a_folder_are_pointed_out(tmp_path):
    write(tmp_path / "a.jsonl", '{"text": "one"}\n')
    write(tmp_path / "b.jsonl.gz", "")
    write(tmp_path / "pictures.zip", "")
    with pytest.warns(UserWarning, match=r"MW191.* 1 compressed .*: b\.jsonl\.gz\."):
        assert [p.text for p in read_posts(tmp_path)] == ["one"]


def test_nothing_found(tmp_path):
    for path in (tmp_path, tmp_path / "a.txt", tmp_path / "*.txt"):
        with pytest.raises(FileNotFoundError, match=r"\[M040\]"):
            find_files(path)


def test_unknown_format(tmp_path):
    with pytest.raises(ValueError, match=r"\[M006\] 'xml'"):
        list(read_posts(write(tmp_path / "a.txt", ""), "xml"))


def test_by_default_the_first_bad_record_is_raised(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "one"}\n{}\n')
    posts = read_posts(path)
    assert next(posts).text == "one"
    with pytest.raises(RecordError, match=r"\[M045\] a.jsonl:2"):
        next(posts)


def test_reading_is_lazy(tmp_path):
    """A record that is appended while the first ones are in use is still found."""
    record = json.dumps({"text": "x" * 1000}) + "\n"
    path = write(tmp_path / "a.jsonl", record * 1000)
    posts = read_posts(path)
    assert len(list(itertools.islice(posts, 3))) == 3
    with path.open("a", encoding="utf8") as file_:
        file_.write(record)
    assert len(list(posts)) == 998
