import csv
import json
import sys

import numpy as np
import pytest

from spacy_mner.training.converters.table import read_csv, read_parquet

TOKENS = ["Daisy", "said", '"', "\u00a0", ",", "❤️"]
TAGS = ["B-PER", "O", "O", "O", "O", "O"]


def read(reader, path):
    errors = []
    posts = list(reader(path, errors.append))
    return posts, [(err.code, err.source) for err in errors]


def print_array(items):
    """As pandas writes an array of strings, which NumPy breaks into lines, into a CSV file."""
    return np.array2string(np.array(items, dtype=object), max_line_width=12)


def write_csv(path, header, rows, **settings):
    with path.open("w", encoding="utf8", newline="") as file_:
        csv.writer(file_, **settings).writerows([header, *rows])


@pytest.mark.parametrize(
    "write",
    [json.dumps, str, print_array, " ".join],
    ids=["json", "python", "numpy", "spaces"],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_lists(tmp_path, write, delimiter):
    path = tmp_path / "a.csv"
    row = ["7", "a.jpg", write(TOKENS), write(TAGS)]
    write_csv(path, ["id", "image", "tokens", "tags"], [row], delimiter=delimiter)
    posts, errors = read(read_csv, path)
    assert errors == []
    assert [(p.id, p.image, p.tokens, p.tags) for p in posts] == [("7", "a.jpg", TOKENS, TAGS)]


@pytest.mark.parametrize("image", ["image", "image_id"])
def test_csv_text_and_spans(tmp_path, image):
    path = tmp_path / "a.csv"
    rows = [
        ["Daisy\nhere", "[[0, 5, 'PER']]", ""],
        ["[1] of many", "[]", '["a.jpg", "b.jpg"]'],
        ["none", "", "c.jpg"],
    ]
    write_csv(path, ["text", "label", image], rows)
    posts, errors = read(read_csv, path)
    assert errors == []
    assert [p.text for p in posts] == ["Daisy\nhere", "[1] of many", "none"]
    assert [p.spans for p in posts] == [[(0, 5, "PER")], [], None]
    assert [p.images for p in posts] == [[], ["a.jpg", "b.jpg"], ["c.jpg"]]


def test_csv_arrays(tmp_path):
    """Spans and pictures as NumPy prints them: no commas between the items."""
    path = tmp_path / "a.csv"
    dicts = [{"start": 0, "end": 2, "label": "PER"}, {"start": 3, "end": 5, "label": "LOC"}]
    rows = [
        ["Al in", np.array(dicts), np.array(["a.jpg", "b.jpg"])],
        ["Al in", np.array([[0, 2, "PER"], [3, 5, "LOC"]], dtype=object), ""],
    ]
    write_csv(path, ["text", "spans", "image"], rows)
    posts, errors = read(read_csv, path)
    assert errors == []
    assert [p.spans for p in posts] == [[(0, 2, "PER"), (3, 5, "LOC")]] * 2
    assert [p.images for p in posts] == [["a.jpg", "b.jpg"], []]


def test_csv_arrays_that_numpy_abbreviates(tmp_path):
    path = tmp_path / "a.csv"
    many = np.array(["a"] * 1001)
    header = ["id", "text", "tokens", "tags", "spans", "image"]
    rows = [
        ["1", "", many, "", "", ""],
        ["2", "", "a a", many, "", ""],
        ["3", "a", "", "", np.array([[0, 1, "PER"]] * 1001, dtype=object), ""],
        ["4", "a", "", "", "", many],
    ]
    write_csv(path, header, rows)
    errors = []
    assert list(read_csv(path, errors.append)) == []
    assert [(err.code, err.id) for err in errors] == [("M047", str(i)) for i in range(1, 5)]
    assert all("Ellipsis" in str(err) for err in errors)


def test_csv_tokens_that_look_like_a_list(tmp_path):
    path = tmp_path / "a.csv"
    write_csv(
        path, ["words", "labels"], [["[1]", "O"], ["[ Photo ]", "O O O"], ["[ ... ]", "O O O"]]
    )
    posts, _ = read(read_csv, path)
    assert [(p.tokens, p.tags) for p in posts] == [
        (["[1]"], ["O"]),
        (["[", "Photo", "]"], ["O"] * 3),
        (["[", "...", "]"], ["O"] * 3),
    ]


def test_csv_bad_rows(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1,a,b\n2\n3,caf\xe9\n4,fine\n5," + b"x" * 300_000 + b"\n")
    posts, errors = read(read_csv, path)
    assert [p.id for p in posts] == ["4", "5"]
    assert errors == [("M046", "a.csv:2"), ("M046", "a.csv:3"), ("M050", "a.csv:4")]


def test_csv_with_blank_lines_above_the_header(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\n\nid;text\n1;a,b,c\n")
    posts, errors = read(read_csv, tmp_path / "a.csv")
    assert [(p.id, p.text) for p in posts] == [("1", "a,b,c")]
    assert errors == []


@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\r\n', "\ufeffsep=;\r\n"])
def test_csv_that_says_its_separator(tmp_path, first):
    path = tmp_path / "a.csv"
    path.write_bytes(f"{first}id;text,of,post;text\n1;x;a,b,c\n2\n".encode())
    posts, errors = read(read_csv, path)
    assert [(p.id, p.text, p.source) for p in posts] == [("1", "a,b,c", "a.csv:3")]
    assert errors == [("M046", "a.csv:4")]


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "id": [1, 2, 3],
            "image": ["a.jpg", None, "c.jpg"],
            "tokens": [TOKENS, ["a"], ["b"]],
            "tags": [TAGS, ["O"], ["O", "O"]],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    posts, errors = read(read_parquet, tmp_path / "a.parquet")
    assert [(p.id, p.image, p.tokens, p.tags) for p in posts] == [
        ("1", "a.jpg", TOKENS, TAGS),
        ("2", None, ["a"], ["O"]),
    ]
    assert errors == [("M044", "a.parquet:3")]


def test_parquet_of_a_hugging_face_data_set(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    names = {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "Sequence"}
    info = {"info": {"features": {"ner_tags": names, "tokens": {"feature": {"dtype": "string"}}}}}
    table = pa.table({"tokens": [["Daisy", "?"], ["a"]], "ner_tags": [[1, 0], [5]]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    pq.write_table(table, tmp_path / "a.parquet")
    posts, errors = read(read_parquet, tmp_path / "a.parquet")
    assert [p.tags for p in posts] == [["B-PER", "O"]]
    assert errors == [("M047", "a.parquet:2")]


def test_parquet_with_strings_for_lists(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"text": ["Daisy"], "spans": ['[{"start": 0, "end": 5, "label": "PER"}]']})
    pq.write_table(table, tmp_path / "a.parquet")
    posts, _ = read(read_parquet, tmp_path / "a.parquet")
    assert posts[0].spans == [(0, 5, "PER")]


def test_parquet_that_is_none(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(ValueError, match=r"\[M051\].*Parquet"):
        read(read_parquet, tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("compression", "damage"),
    [
        ("gzip", lambda data: data[:100] + bytes(200) + data[300:]),
        ("none", lambda data: data.replace(b"words", b"w\xffrds")),
    ],
)
def test_parquet_that_is_damaged(tmp_path, compression, damage):
    """In its pages, not in the description at its end."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"a post of {i} words" for i in range(200)]})
    pq.write_table(table, path, compression=compression, use_dictionary=False)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"\[M051\].*Parquet"):
        read(read_parquet, path)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"\[M107\].*spacy-mner\[parquet\]"):
        read(read_parquet, tmp_path / "a.parquet")
