import json

import pytest

from spacy_mner.training.converters.fields import post_from_fields
from spacy_mner.training.converters.jsonl import read_jsonl
from spacy_mner.training.converters.records import RecordError

TEXT = "Daisy in Java"
SPANS = [(0, 5, "PER"), (9, 13, "LOC")]
LABEL_STUDIO = [
    {"start": 0, "end": 5, "text": "Daisy", "labels": ["PER"]},
    {"start": 9, "end": 13, "text": "Java", "labels": ["LOC"]},
]


@pytest.mark.parametrize(
    "record",
    [
        {"text": TEXT, "label": [list(s) for s in SPANS]},
        {"text": TEXT, "labels": [list(s) for s in SPANS]},
        {"text": TEXT, "entities": SPANS},
        {"text": TEXT, "spans": [{"start": s, "end": e, "label": x} for s, e, x in SPANS]},
        {
            "text": TEXT,
            "entities": [
                {"id": 1, "start_offset": s, "end_offset": e, "label": x} for s, e, x in SPANS
            ],
            "relations": [],
        },
        {"text": TEXT, "label": LABEL_STUDIO, "annotator": 1},
        {
            "data": {"text": TEXT, "image": "a.jpg"},
            "annotations": [
                {"was_cancelled": True, "result": []},
                {
                    "result": [
                        {"type": "choices", "value": {"choices": ["sport"]}},
                        *({"type": "labels", "value": v} for v in LABEL_STUDIO),
                    ]
                },
            ],
        },
    ],
    ids=["doccano", "labels", "spacy", "prodigy", "doccano relations", "JSON-MIN", "Label Studio"],
)
def test_spans_of_annotation_tools(record):
    post = post_from_fields({"id": 3, **record}, "x:1")
    assert post.text == TEXT
    assert [tuple(span) for span in post.spans] == SPANS
    assert post.id == "3"
    assert post.tags is None


@pytest.mark.parametrize("tokens", ["tokens", "words"])
@pytest.mark.parametrize("tags", ["tags", "ner_tags", "labels"])
def test_tokens_and_tags(tokens, tags):
    post = post_from_fields({tokens: ["Daisy", "?"], tags: ["B-PER", "O"], "lang": "en"}, "x:1")
    assert (post.tokens, post.tags, post.spans) == (["Daisy", "?"], ["B-PER", "O"], None)
    assert post.extra == {"lang": "en"}


def test_prodigy_tokens_with_token_spans():
    record = {
        "tokens": [{"text": "Daisy", "start": 0, "end": 5}, {"text": "May", "start": 6, "end": 9}],
        "spans": [{"start": 0, "end": 9, "token_start": 0, "token_end": 1, "label": "PER"}],
    }
    with_text = post_from_fields(
        {**record, "text": "Daisy May", "spans": [*record["spans"]]}, "x:1"
    )
    assert [tuple(span) for span in with_text.spans] == [(0, 9, "PER")]
    post = post_from_fields(record, "x:1")
    assert post.tokens == ["Daisy", "May"]
    assert [tuple(span) for span in post.spans] == [(0, 2, "PER")]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("a.jpg", ["a.jpg"]),
        (17, ["17"]),
        (17.0, ["17"]),
        (["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]),
        ({"path": "a.jpg", "bytes": None}, ["a.jpg"]),
        ({"path": None}, []),
        ("", []),
        ([], []),
        (None, []),
    ],
)
def test_images(image, expected):
    assert post_from_fields({"text": "a", "image": image}, "x:1").images == expected


def test_a_label_that_is_a_string_is_the_class_of_the_text():
    post = post_from_fields({"text": "a", "label": "positive"}, "x:1")
    assert post.spans is None
    assert post.extra == {"label": "positive"}


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (["a"], "M046"),
        ({}, "M045"),
        ({"id": "1", "tags": ["O"]}, "M045"),
        ({"text": 3}, "M047"),
        ({"text": "a", "id": 1.5}, "M047"),
        ({"text": "a", "image": [1]}, "M047"),
        ({"text": "a", "image": True}, "M047"),
        ({"tokens": "a b"}, "M047"),
        ({"tokens": ["a", None]}, "M047"),
        ({"tokens": ["a", ""]}, "M047"),
        ({"tokens": ["a"], "tags": "O"}, "M047"),
        ({"tokens": ["a"], "tags": [0]}, "M047"),
        ({"tokens": ["a"], "tags": ["O", "O"]}, "M044"),
        ({"tokens": ["a"], "spans": [[0, 1, "PER"]]}, "M049"),
        ({"tokens": ["a"], "spans": [{"token_start": 0, "token_end": 1, "label": "X"}]}, "M047"),
        ({"text": "a", "spans": [[0, 2, "PER"]]}, "M048"),
        ({"text": "a", "spans": [[-1, 1, "PER"]]}, "M048"),
        ({"text": "a", "spans": [[1, 1, "PER"]]}, "M048"),
        ({"text": "a", "spans": [[0, 1]]}, "M047"),
        ({"text": "a", "spans": [[0, 1.0, "PER"]]}, "M047"),
        ({"text": "a", "spans": [[False, True, "PER"]]}, "M047"),
        ({"text": "a", "spans": [[0, 1, ""]]}, "M047"),
        ({"text": "a", "spans": [{"start": 0, "end": 1, "labels": []}]}, "M047"),
        ({"text": "a", "spans": ["PER"]}, "M047"),
        ({"text": "cut \ud83d"}, "M050"),
        ({"tokens": ["\ud83d"]}, "M050"),
        ({"text": "a", "spans": [[0, 1, "\ud83d"]]}, "M050"),
    ],
)
def test_bad_records(record, code):
    with pytest.raises(RecordError, match=rf"\[{code}\] x:1: ") as err:
        post_from_fields(record, "x:1")
    assert err.value.code == code
    assert err.value.source == "x:1"
    str(err.value).encode("utf8")


@pytest.mark.parametrize(
    "annotation",
    [
        {},
        *({"result": result} for result in (None, "labels", 5, {}, [None], ["labels"])),
        *({"result": [{"type": "labels", **region}]} for region in ({}, {"value": None})),
        *(
            {"result": [{"type": "labels", "value": value}]}
            for value in ("Daisy", [], {}, {"start": 0, "end": 1, "labels": None})
        ),
    ],
)
def test_bad_annotations_of_label_studio(annotation):
    record = {"id": 3, "data": {"text": "Daisy"}, "annotations": [annotation]}
    with pytest.raises(RecordError, match=r"\[M047\] x:1: ") as err:
        post_from_fields(record, "x:1")
    assert err.value.id == "3"


def test_jsonl_skips_bad_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [
        b'\xef\xbb\xbf{"text": "one"}',
        b"",
        b'{"text": ',
        b'{"text": "caf\xe9"}',
        b'{"text": "\\ud83d"}',
        b"[" * 100_000,
        b'{"text": "two"}\r',
    ]
    path.write_bytes(b"\n".join(lines))
    errors = []
    posts = list(read_jsonl(path, errors.append))
    assert [(p.text, p.source) for p in posts] == [("one", "a.jsonl:1"), ("two", "a.jsonl:7")]
    assert [(e.code, e.source) for e in errors] == [
        ("M046", "a.jsonl:3"),
        ("M050", "a.jsonl:4"),
        ("M050", "a.jsonl:5"),
        ("M046", "a.jsonl:6"),
    ]


def test_json_array(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": "one"}, {}, {"text": "two"}], indent=2), encoding="utf8")
    errors = []
    assert [p.text for p in read_jsonl(path, errors.append)] == ["one", "two"]
    assert [e.source for e in errors] == ["a.json:2"]
    path.write_text('[{"text": "one"}', encoding="utf8")
    with pytest.raises(ValueError, match=r"\[M051\]"):
        list(read_jsonl(path, errors.append))


def test_a_refused_record_keeps_its_id():
    with pytest.raises(RecordError, match="M047") as caught:
        post_from_fields({"id": "p7", "text": 3}, "posts.jsonl:1")
    assert caught.value.id == "p7"
