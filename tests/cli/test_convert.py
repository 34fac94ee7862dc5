import json
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_mner.cli.convert import convert, parse_labels
from spacy_mner.training.converters import RecordError

DATA = Path(__file__).parents[3] / "shared" / "data"
CONLL = """IMGID:1
Daisy\tI-PER
waves\tO

IMGID:2
Java\tB-OTHER

IMGID:2
not understood O

IMGID:2
Java\tB-OTHER
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "posts.txt"
    path.write_text(CONLL, encoding="utf8")
    return path


def read(path):
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def run(*args):
    return CliRunner().invoke(app, ["mner", "convert", *map(str, args)])


def test_the_command_says_what_it_read(source, tmp_path):
    output, report_path = tmp_path / "new" / "train.spacy", tmp_path / "report.json"
    result = run(source, output, "--label", "OTHER=MISC", "--report", report_path)
    assert result.exit_code == 0, result.output
    # Each line of the table: a name and a number.
    shown = {
        (a.strip(), b) for a, _, b in (line.rpartition(" ") for line in result.output.split("\n"))
    }
    assert shown >= {
        ("Posts", "3"),
        ("Tokens", "4"),
        ("Entities", "3"),
        ("PER", "1"),
        ("MISC", "2"),
        ("Posts that name a picture", "3"),
        ("Orphan I- tags repaired", "1"),
        ("Duplicate ids", "1"),
        ("Duplicate texts", "1"),
        ("Spans that do not align", "0"),
        ("Bad records skipped", "1"),
    }
    docs = read(output)
    assert [[ent.label_ for ent in doc.ents] for doc in docs] == [["PER"], ["MISC"], ["MISC"]]
    assert [doc._.image_id for doc in docs] == ["1", "2", "2"]
    report = json.loads(report_path.read_text(encoding="utf8"))
    assert report["posts"] == 3
    assert report["entities"] == {"MISC": 2, "PER": 1}
    assert report["renamed"] == {"OTHER": 2}
    assert report["orphans"] == 1


def test_bad_records_are_skipped_or_stop_the_run(tmp_path):
    source, output = tmp_path / "a.jsonl", tmp_path / "a.spacy"
    source.write_text('{"text": "one"}\n{"tokens": 1}\n{"text": " "}\n', encoding="utf8")
    result = run(source, output)
    assert result.exit_code == 0
    assert "[M047] a.jsonl:2" in result.output
    assert len(read(output)) == 1
    output.unlink()
    result = run(source, output, "--strict")
    assert result.exit_code == 1
    assert "[M047] a.jsonl:2" in result.output
    assert not output.exists()
    with pytest.raises(RecordError):
        convert(source, output, strict=True)


def test_the_old_file_stays_when_the_new_one_fails(source, tmp_path):
    output = tmp_path / "a.spacy"
    convert(source, output)
    before = output.read_bytes()
    source.write_text("nothing good here\n", encoding="utf8")
    with pytest.raises(
        ValueError, match=r"\[M053\].*1 bad records, the first: \[M042\] posts.txt:1"
    ):
        convert(source, output)
    assert output.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.spacy", "posts.txt"]


@pytest.mark.parametrize(
    ("output", "report", "said"),
    [
        ("posts.txt", "report.json", "INPUT and OUTPUT"),
        ("new.spacy", "posts.txt", "INPUT and --report"),
        ("new.spacy", "new.spacy", "OUTPUT and --report"),
    ],
)
def test_no_file_is_written_over_another(source, tmp_path, output, report, said):
    result = run(source, tmp_path / output, "--report", tmp_path / report)
    assert result.exit_code == 1
    assert f"cannot be both {said}:" in " ".join(result.output.split())
    assert source.read_text(encoding="utf8") == CONLL
    assert list(tmp_path.iterdir()) == [source]


def test_the_same_input_gives_the_same_bytes(source, tmp_path):
    convert(source, tmp_path / "a.spacy")
    convert(source, tmp_path / "b.spacy")
    assert (tmp_path / "a.spacy").read_bytes() == (tmp_path / "b.spacy").read_bytes()


def test_features_come_from_a_store(source, tmp_path):
    from spacy_mner.images.store import FeatureStoreWriter
    from spacy_mner.images.types import EncoderInfo

    vector = np.arange(4, dtype="float32")
    info = EncoderInfo(name="test", width=4, settings={})
    with FeatureStoreWriter(tmp_path / "store", encoder=info) as writer:
        writer.add("1", vector)
    report = convert(source, tmp_path / "a.spacy", features=tmp_path / "store")
    assert (report.with_picture, report.without_picture) == (1, 2)
    assert report.lost_pictures.count == 2
    first, second, _ = read(tmp_path / "a.spacy")
    np.testing.assert_array_equal(first._.image_vec, vector)
    assert first._.image_vec.dtype == np.float32
    assert second._.image_vec is None


def test_a_picture_is_lost_if_neither_store_nor_folder_has_it(source, tmp_path):
    from spacy_mner.images.store import FeatureStoreWriter
    from spacy_mner.images.types import EncoderInfo

    source.write_text(CONLL + "\nIMGID:3\nJava\tB-OTHER\n", encoding="utf8")
    info = EncoderInfo(name="test", width=4, settings={})
    with FeatureStoreWriter(tmp_path / "store", encoder=info) as writer:
        writer.add("1", np.arange(4, dtype="float32"))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "2.jpg").write_bytes(b"x")
    report = convert(
        source, tmp_path / "a.spacy", features=tmp_path / "store", images=tmp_path / "pictures"
    )
    (reason,) = report.lost_pictures.named
    assert "[M025] There is no picture 3 in the folder" in reason
    first, second, *_ = read(tmp_path / "a.spacy")
    assert (first._.image_id, first._.image) == ("1", None)
    assert second._.image == str(tmp_path / "pictures" / "2.jpg")


def test_files_come_from_a_folder(source, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1.jpg").write_bytes(b"x")
    report = convert(source, tmp_path / "a.spacy", images=tmp_path / "pictures")
    assert (report.with_picture, report.without_picture) == (1, 2)
    assert [doc._.image for doc in read(tmp_path / "a.spacy")] == [
        str(tmp_path / "pictures" / "1.jpg"),
        None,
        None,
    ]
    with pytest.raises(FileNotFoundError, match=r"\[M067\].*none'.*--images"):
        convert(source, tmp_path / "a.spacy", images=tmp_path / "none")


def test_iob1_is_not_a_repair(tmp_path):
    source = tmp_path / "a.txt"
    source.write_text("a\tI-X\nb\tB-X\nc\tO\nd\tI-X\n", encoding="utf8")
    report = convert(source, tmp_path / "a.spacy")
    assert report.scheme == "IOB1"
    result = run(source, tmp_path / "a.spacy")
    assert "Nothing was repaired" in result.output


def test_posts_that_the_annotator_refused_are_skipped(tmp_path):
    source = tmp_path / "a.jsonl"
    source.write_text(
        '{"text": "a", "spans": [], "answer": "accept"}\n{"text": "b", "answer": "reject"}\n',
        encoding="utf8",
    )
    report = convert(source, tmp_path / "a.spacy")
    assert (report.posts, report.rejected) == (1, 1)


def test_labels():
    assert parse_labels(["OTHER=MISC", "X="]) == {"OTHER": "MISC", "X": ""}
    for value in ("OTHER", "=MISC"):
        with pytest.raises(ValueError, match=r"\[M052\]"):
            parse_labels([value])


def test_a_label_that_does_not_occur_is_told(source, tmp_path):
    result = run(source, tmp_path / "a.spacy", "--label", "PERSON=PER")
    assert "[MW040]" in result.output


@pytest.mark.parametrize(("name", "orphans"), [("twitter2015/valid", 53), ("twitter2017/valid", 0)])
def test_public_data_sets(tmp_path, name, orphans):
    path = DATA / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    report = convert(path, tmp_path / "a.spacy")
    assert report.orphans == orphans
    assert report.bad.count == 0
    assert len(read(tmp_path / "a.spacy")) == report.posts == report.with_picture


def test_tweets_with_pictures(tmp_path):
    folder = DATA / "tweets_with_images"
    if not folder.exists():
        pytest.skip(f"{folder} is not here")
    report = convert(folder / "posts.jsonl", tmp_path / "a.spacy", images=folder)
    assert report.with_picture == report.posts == 20
    assert all(Path(doc._.image).is_file() for doc in read(tmp_path / "a.spacy"))
