from pathlib import Path

import pytest

from spacy_mner.training.converters.conll import read_conll
from spacy_mner.training.converters.schemes import read_tags

DATA = Path(__file__).parents[4] / "shared" / "data"
POSTS = [("1", ["Daisy", "\u00a0", "❤️"], ["B-PER", "O", "O"]), ("2", ["#", "Java"], ["O", "B-LOC"])]


def read(path, content):
    path.write_bytes(content)
    errors = []
    posts = list(read_conll(path, errors.append))
    return posts, [(err.code, err.source) for err in errors]


def as_text(posts, tab="\t", end="\n"):
    blocks = []
    for id_, tokens, tags in posts:
        lines = [f"IMGID:{id_}"] + [f"{a}{tab}{b}" for a, b in zip(tokens, tags, strict=True)]
        blocks.append(end.join(lines) + end)
    return end.join(blocks)


@pytest.mark.parametrize(
    "content",
    [
        as_text(POSTS).encode(),
        as_text(POSTS, end="\r\n").encode(),
        as_text(POSTS, tab=" ").encode(),
        as_text(POSTS, tab="\tNN\t").encode(),
        as_text(POSTS).rstrip().encode(),
        as_text(POSTS).replace("\n\n", "\n").encode(),  # no blank line between posts
        as_text(POSTS).replace("\n\n", "\n \t\n\n\n").encode(),
        b"\xef\xbb\xbf" + as_text(POSTS).encode(),
        b"\n\n-DOCSTART-\tO\n\n" + as_text(POSTS).encode(),
        b"-DOCSTART-\n\n" + as_text(POSTS).encode() + b"\n-DOCSTART- -X- -X- O\n",
    ],
    ids=[
        *("plain", "crlf", "space", "columns", "no end", "no blank", "blanks", "bom", "docstart"),
        "docstart in other columns",
    ],
)
def test_variants_of_the_format_read_the_same(tmp_path, content):
    posts, errors = read(tmp_path / "a.txt", content)
    assert [(p.id, p.tokens, p.tags) for p in posts] == POSTS
    assert [p.image for p in posts] == ["1", "2"]
    assert errors == []


def test_posts_without_picture_and_without_tags(tmp_path):
    posts, errors = read(tmp_path / "a.txt", b"Java\tB-LOC\n\nIMGID:7\nJava\nrocks\n")
    assert [(p.id, p.image, p.tokens, p.tags) for p in posts] == [
        (None, None, ["Java"], ["B-LOC"]),
        ("7", "7", ["Java", "rocks"], None),
    ]
    assert [p.source for p in posts] == ["a.txt:1", "a.txt:3"]
    assert errors == []


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (b"New York B-LOC\n", ("M042", "a.txt:6")),
        (b"\tO\n", ("M042", "a.txt:6")),
        (b"a\tO\nb\n", ("M044", "a.txt:5")),
        (b"\xff\tO\n", ("M050", "a.txt:6")),
        (b"", ("M045", "a.txt:5")),
    ],
)
def test_a_bad_post_is_named_and_the_others_are_read(tmp_path, bad, error):
    content = b"IMGID:0\na\tO\nb\tO\n\nIMGID:1\n" + bad + b"\nIMGID:2\nc\tO\n"
    posts, errors = read(tmp_path / "a.txt", content)
    assert [p.id for p in posts] == ["0", "2"]
    assert errors == [error]


def test_a_line_without_tag_needs_an_imgid(tmp_path):
    posts, errors = read(tmp_path / "a.txt", b"just\nwords\n")
    assert posts == []
    assert errors == [("M042", "a.txt:1")]


def test_only_line_feeds_end_a_line(tmp_path):
    """Tweets hold Unicode's other line separators, which str.splitlines would break at."""
    posts, _ = read(tmp_path / "a.txt", "IMGID:1\na\u2028b\tO\nc\x85\tO\n".encode())
    assert posts[0].tokens == ["a\u2028b", "c\x85"]


def test_utf16_is_refused_at_once(tmp_path):
    (tmp_path / "a.txt").write_bytes("IMGID:1\na\tO\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"\[M051\].*UTF-16"):
        list(read_conll(tmp_path / "a.txt", lambda err: None))


@pytest.mark.parametrize(
    ("name", "n_posts", "orphans"),
    [
        ("twitter2015/train", 4000, 186),
        ("twitter2015/valid", 1000, 53),
        ("twitter2017/train", 3373, 0),
    ],
)
def test_public_data_sets_lose_nothing(name, n_posts, orphans):
    path = DATA / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    errors = []
    posts = list(read_conll(path, errors.append))
    assert errors == []
    assert len(posts) == n_posts
    assert sum(read_tags(p.tags, p.source).orphans for p in posts) == orphans
    again = "".join(
        f"IMGID:{p.id}\n"
        + "".join(f"{a}\t{b}\n" for a, b in zip(p.tokens, p.tags, strict=True))
        + "\n"
        for p in posts
    )
    assert again.rstrip("\n") == path.read_text(encoding="utf8").rstrip("\n")
