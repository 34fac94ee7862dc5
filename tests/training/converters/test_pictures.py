import os
import time

import numpy as np
import pytest
import spacy

from spacy_mner.extensions import set_extensions
from spacy_mner.images.reading import SUFFIXES
from spacy_mner.training.converters import Post, Report
from spacy_mner.training.converters.pictures import (
    Attached,
    attach_features,
    attach_files,
    find_image,
)
from spacy_mner.training.converters.report import Cases

NOT_THERE = "[M025] There is no picture {} in the feature store."


@pytest.fixture
def doc():
    set_extensions()
    return spacy.blank("en")("a post")


STORE = {
    "7": np.ones(3),
    "sub/b": np.full(3, 2.0),
    "c.v2": np.arange(6.0).reshape(2, 3),
    "zero": np.zeros(3),
    "nan": np.array([1.0, np.nan, 0.0]),
}


@pytest.mark.parametrize(
    ("id_", "image", "key"),
    [
        (None, "7", "7"),
        (None, "7.jpg", "7"),
        (None, "data/images/7.jpg", "7"),
        (None, "images\\sub\\b.png", "sub/b"),
        (None, "./sub/b", "sub/b"),
        (None, "c.v2.jpg", "c.v2"),
        (None, "7.TIFF", "7"),
        ("7", None, "7"),
    ],
)
def test_the_key_is_found(doc, id_, image, key):
    attached = attach_features(doc, Post("x:1", id=id_, text="a", image=image), STORE)
    assert attached == Attached(found=True)
    assert doc._.image_id == key
    assert doc._.image_vec.dtype == np.float32
    np.testing.assert_array_equal(doc._.image_vec, STORE[key])


@pytest.mark.parametrize("image", ["other.jpg", "7.2", "sub/7.2", "c.v2.x"])
def test_a_picture_is_not_exchanged_for_another(doc, image):
    """The post's id is a picture of its own; not everything after a full stop is a suffix."""
    attached = attach_features(doc, Post("x:1", id="7", text="a", image=image), STORE)
    assert doc._.image_vec is None
    assert attached == Attached(lost=[NOT_THERE.format(image)])


def test_several_pictures_are_rows(doc):
    post = Post("x:1", text="a", image=["7.jpg", "c.v2.jpg", "gone.jpg"])
    attached = attach_features(doc, post, STORE)
    np.testing.assert_array_equal(doc._.image_vec, [[1, 1, 1], [0, 1, 2], [3, 4, 5]])
    assert attached == Attached(found=True, lost=[NOT_THERE.format("gone.jpg")])


@pytest.mark.parametrize(("image", "problem"), [("zero", "all-zero"), ("nan", "NaN or infinite")])
def test_broken_vectors_are_no_picture(doc, image, problem):
    attached = attach_features(doc, Post("x:1", text="a", image=image), STORE)
    assert doc._.image_vec is None
    assert not attached.found
    (reason,) = attached.broken
    assert reason.startswith(f"[M039] The vector of the picture {image} is {problem}")


def test_one_number_may_be_zero(doc):
    store = {"a": np.zeros(1, dtype=np.float32)}
    assert attach_features(doc, Post("x:1", text="a", image="a"), store).found
    assert doc._.image_vec.tolist() == [0.0]


def test_an_id_without_vector_is_not_a_lost_picture(doc):
    assert attach_features(doc, Post("x:1", id="9", text="a"), STORE) == Attached()
    attached = attach_features(doc, Post("x:1", text="a", image="9"), STORE)
    assert attached == Attached(lost=[NOT_THERE.format("9")])


def test_another_source_says_what_is_missing_where_nothing_was_found():
    some, none = Attached(True, ["a"], ["b"]), Attached(False, ["a"], ["b"])
    assert some.otherwise(Attached(True, ["c"])) == some
    assert none.otherwise(Attached(True, ["c"])) == Attached(True, ["c"], ["b"])
    assert none.otherwise(Attached(False, ["c"], ["d"])) == Attached(False, ["c"], ["b", "d"])


def test_a_report_counts_each_picture_with_its_post():
    report = Report()
    report.add_pictures(Post("x:1", text="a"), Attached(True, ["a", "b"], ["c"]))
    assert report.lost_pictures == Cases(2, ["x:1: a", "x:1: b"])
    assert report.broken_pictures == Cases(1, ["x:1: c"])


@pytest.fixture
def folder(tmp_path):
    for name in ("images/a.jpg", "images/sub/b.PNG", "images/7.jpg", "secret.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "a.jpg"),
        ("a", "a.jpg"),
        ("7", "7.jpg"),
        ("images/a.jpg", "a.jpg"),
        ("sub/b.PNG", "sub/b.PNG"),
        ("sub/b", "sub/b.PNG"),
        ("data\\sub\\b.PNG", "sub/b.PNG"),
        ("b.PNG", None),
        ("../secret.jpg", None),
        ("../secret", None),
        ("sub/../../secret.jpg", None),
        ("..", None),
        ("sub", None),
        ("a.jpg\0", None),
        ("x" * 5000, None),
        ("/etc/passwd", None),
    ],
)
def test_files_never_leave_the_folder(folder, name, expected):
    found = find_image(name, folder)
    assert found == (None if expected is None else folder / expected)


def test_absolute_paths_and_links(folder):
    assert find_image(str(folder / "a.jpg"), folder) == folder / "a.jpg"
    assert find_image(str(folder.parent / "secret.jpg"), folder) is None
    os.symlink(folder.parent / "secret.jpg", folder / "link.jpg")
    assert find_image("link.jpg", folder) is None


def test_a_link_keeps_its_name(doc, folder):
    """It is the picture's id in the feature store of the folder."""
    (folder / ".blobs").mkdir()
    (folder / ".blobs" / "xyz").write_bytes(b"x")
    os.symlink(".blobs/xyz", folder / "link.png")
    os.symlink("sub", folder / "other")
    for name in ("link.png", "link", str(folder / "link.png"), "sub/../link.png", "x/link.png"):
        assert attach_files(doc, Post("x:1", text="a", image=name), folder).found, name
        assert doc._.image == str(folder / "link.png")
        assert doc._.image_id == "link"
    # A folder that is a link is not entered when a folder is encoded; what it points to is.
    assert find_image("other/b.PNG", folder) == folder / "sub" / "b.PNG"


def test_links_in_a_circle_are_no_picture(folder):
    os.symlink("circle.jpg", folder / "circle.jpg")
    os.symlink("two", folder / "one")
    os.symlink("one", folder / "two")
    for name in ("circle.jpg", "circle", "one", "one/no.jpg"):
        assert find_image(name, folder) is None


@pytest.mark.parametrize("start", ["data:image/png;base64,", "DATA:,", ""])
def test_a_picture_that_is_written_out_is_no_name(doc, folder, start):
    """Base64 is full of "/": each end of it was looked for, with each suffix."""
    name = start + "a8/" * 100_000 + "7.jpg"
    post = Post("x:1", text="a", image=name)
    began = time.perf_counter()
    sources = [attach_features(doc, post, STORE), attach_files(doc, post, folder)]
    assert time.perf_counter() - began < 5
    for attached in sources:
        assert not attached.found
        (reason,) = attached.lost
        assert len(reason) < 1000
    assert attach_features(doc, post, {name: np.ones(3)}).found


def test_files_are_attached(doc, folder):
    attached = attach_files(doc, Post("x:1", text="a", image="images/a.jpg"), folder)
    assert attached == Attached(found=True)
    assert doc._.image == str(folder / "a.jpg")
    assert doc._.image_id == "a"
    attached = attach_files(doc, Post("x:1", text="a", image=["a", "7", "no"]), folder)
    assert doc._.image == [str(folder / "a.jpg"), str(folder / "7.jpg")]
    missing = f"[M025] There is no picture no in the folder {folder}."
    assert attached == Attached(found=True, lost=[missing])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("no.jpg", "M025"),
        ("/data/of/yours/no.jpg", "M025"),
        ("../secret.jpg", "M024"),
        ("link.jpg", "M024"),
        ("https://a.org/no.jpg", "M022"),
        ("a\0.jpg", "M020"),
    ],
)
def test_the_reason_is_named(doc, folder, name, code):
    os.symlink(folder.parent / "secret.jpg", folder / "link.jpg")
    attached = attach_files(doc, Post("x:1", text="a", image=name), folder)
    assert not attached.found
    (reason,) = attached.lost
    assert reason.startswith(f"[{code}] ")
    assert reason.isprintable()


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".TIFF"])
def test_a_picture_of_any_kind_is_found_by_its_id(folder, suffix):
    (folder / f"scan.2{suffix}").write_bytes(b"")
    assert find_image("scan.2", folder) == folder / f"scan.2{suffix}"
