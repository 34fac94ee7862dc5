"""A file that is read in parts gives the posts and errors of the whole file."""

import itertools
import json

import pytest

from spacy_mner.training.converters.parts import WHOLE, FilePart
from spacy_mner.training.converters.reading import MARKERS, READERS, detect_format

JSONL = [
    '{"id": 1, "text": "Daisy"}',
    "",
    "{",
    '{"text": "a\\u2028b"}',
    "\x85",
    '{"text": 5}',
    '{"text": "ü"}',
    "  ",
]
CSV = [
    "id,text,image",
    '1,"Daisy\nat ""home""",a.jpg',
    "2,x",
    "",
    "3,ü,",
    '4,"a\r\n\r\nb",',
    "5,y,z,z",
    '6,"',
    '",',
]
CONLL = [
    "IMGID:1",
    "Daisy\tB-PER",
    "home\tO",
    "IMGID:2",
    "no tag here",
    "",
    "",
    "bare\tO",
    "IMGID:3\tO",
    "",
    "-DOCSTART-\tO",
    "",
    "IMGID:4",
    "",
    "IMGID:5",
    "end\tO",
]


def text(lines, end="\n", start=b""):
    return start + end.join(lines).encode("utf8", errors="surrogateescape")


BAD_BYTES = b'{"text": "\xff"}\n'
FILES = {
    "jsonl": text(JSONL),
    "jsonl, Windows": text([*JSONL, ""], "\r\n", b"\xef\xbb\xbf"),
    "jsonl, bad bytes": BAD_BYTES + text(JSONL) + b"\n" + BAD_BYTES,
    "array": json.dumps([{"text": "a"}, 5, {"text": "b"}]).encode(),
    "csv": text([*CSV, ""]),
    "csv, Windows": text(CSV, "\r\n", b"\xef\xbb\xbf"),
    "csv, old Macintosh": text(CSV, "\r"),
    "csv, bad bytes": text([*CSV, "7,\udcff,", "8,b,"]),
    "conll": text(CONLL),
    "conll, Windows": text([*CONLL, "", ""], "\r\n", b"\xef\xbb\xbf"),
    "conll, bad bytes": text(CONLL) + b"\nIMGID:\xff\na\tO\n\n\xff\n\nb\tO\n",
    "parquet": None,
    "csv, sep": text(["sep=;", "id;text", "1;a,b,c", "2;d"]),
    "csv, empty": b"",
    "csv, blank": b"\xef\xbb\xbf\r\n\r\n",
    "empty": b"",
    "blank": b"\n \n",
}


def make(name, folder):
    format = name.partition(",")[0]
    suffix = {"array": "jsonl", "empty": "jsonl", "blank": "jsonl"}.get(format, format)
    path = folder / f"posts.{suffix}"
    if format == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet")
        table = pyarrow.table({"id": range(7), "text": ["a", "b", None, "d", "e", "f", "g"]})
        pyarrow.parquet.write_table(table, path, row_group_size=3)
    else:
        path.write_bytes(FILES[name])
    return path, detect_format(path)


def read(path, format, part=WHOLE):
    found = []
    for post in READERS[format](path, found.append, part):
        found.append(post)
    return [repr(item) for item in found]


@pytest.mark.parametrize("name", FILES)
def test_parts_are_the_whole(tmp_path, name):
    path, format = make(name, tmp_path)
    whole = read(path, format)
    marks = list(MARKERS[format](path))
    assert marks == sorted(set(marks))
    for step in (1, 2, 3, len(marks)):
        starts = marks[:-1:step]
        parts = [
            FilePart(start.position, stop.position, start.line)
            for start, stop in itertools.pairwise([*starts, marks[-1]])
        ]
        assert list(itertools.chain(*(read(path, format, part) for part in parts))) == whole
        if starts:
            parts[-1] = parts[-1]._replace(stop=None)
            assert list(itertools.chain(*(read(path, format, part) for part in parts))) == whole


@pytest.mark.parametrize("name", ["jsonl", "csv", "conll", "parquet"])
def test_no_record_spans_a_mark(tmp_path, name):
    path, format = make(name, tmp_path)
    marks = list(MARKERS[format](path))
    for start, stop in itertools.pairwise(marks):
        assert len(read(path, format, FilePart(start.position, stop.position, start.line))) <= 1
    assert len(read(path, format)) >= 5


@pytest.mark.parametrize("format", ["jsonl", "csv", "conll"])
def test_utf16_is_refused_before_anything_is_read(tmp_path, format):
    path = tmp_path / "posts"
    path.write_bytes('{"text": "a"}\n'.encode("utf-16"))
    with pytest.raises(ValueError, match=r"\[M051\].*UTF-16"):
        list(MARKERS[format](path))


def test_the_name_of_a_part(tmp_path):
    path, _ = make("jsonl", tmp_path)
    (post,) = READERS["jsonl"](path, lambda error: None, FilePart(0, 1, 1, "day=1/posts.jsonl"))
    assert post.source == "day=1/posts.jsonl:1"
