"""Every kind of odd and bad file, one by one and in one folder."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import spacy

pytest.importorskip("PIL")

from spacy_mner.images.encode import encode
from spacy_mner.images.reading import ImageReadError, printable, read_rgb
from spacy_mner.images.store import FeatureStore
from spacy_mner.pipeline.image_encoder import ImageEncoderPipe

from .bad_pictures import make_bad, make_good, png_bomb
from .encoders import MeanColour


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def test_one_run_over_everything(folder, tmp_path):
    good, bad = make_good(folder), make_bad(folder)
    (folder / "notes.txt").write_text("no picture by its name")
    (folder / "elsewhere").symlink_to(tmp_path)
    with warnings.catch_warnings():
        # Nothing else is said about them. That a single colour is no constant vector, too.
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "\\[MW022\\]")
        summary = encode(folder, tmp_path / "store", MeanColour())
    assert (summary.total, summary.encoded) == (len(good) + len(bad), len(good))
    assert summary.ignored == 1
    assert summary.folders == {"elsewhere": "it is a symbolic link"}
    assert not summary.complete
    assert sorted(summary.files.values()) == sorted(bad)
    for id_, name in summary.files.items():
        assert bad[name] in summary.missing[id_], name
        assert summary.missing[id_].isprintable(), name
    store = FeatureStore.open(tmp_path / "store")
    assert set(store.ids) == set(good)
    for id_, colour in good.items():
        np.testing.assert_allclose(store[id_], colour, atol=4, err_msg=id_)


def test_the_summary_is_json(folder, tmp_path):
    bad = make_bad(folder)
    make_good(folder)
    with pytest.warns(UserWarning, match="MW022"):
        summary = encode(folder, tmp_path / "store", MeanColour())
    data = json.loads(json.dumps(summary.to_json()))
    assert {entry["file"] for entry in data["missing"]} == set(bad)
    assert all(bad[entry["file"]] in entry["reason"] for entry in data["missing"])
    assert data["doubtful"]["constant"] == summary.doubtful["constant"]
    assert "deep" in data["doubtful"]["constant"]


def test_the_same_files_as_images_of_posts(folder):
    good, bad = make_good(folder), make_bad(folder)
    good = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    good = [path for name, path in good.items() if name not in bad and path.is_file()]
    nlp = spacy.blank("en")
    doc = nlp.make_doc("all of them in one post")
    # The link out of the folder leads to an empty file: a path in a post belongs to no folder.
    doc._.image = [*good, *(folder / name for name in bad)]
    with (
        pytest.warns(UserWarning, match=f"MW020.*{len(bad)} pictures"),
        # The mean colour of the grey ones.
        pytest.warns(UserWarning, match="MW024"),
    ):
        ImageEncoderPipe("image_encoder", MeanColour())(doc)
    assert doc._.image_vec.shape == (len(good), 3)


@pytest.mark.parametrize("url", ["https://a.b/c.jpg", "data:image/png;base64,AAAA", "s3://a/b.png"])
def test_addresses_are_missing_pictures(url):
    nlp = spacy.blank("en")
    doc = nlp.make_doc("a post")
    doc._.image = url
    with pytest.warns(UserWarning, match=r"MW020.*M022"):
        ImageEncoderPipe("image_encoder", MeanColour())(doc)
    assert doc._.image_vec is None


@pytest.mark.skipif(sys.platform == "win32", reason="the memory is measured by a Unix call")
def test_a_bomb_is_refused_without_its_memory(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_bomb(30_000))
    script = f"""
        import resource, warnings
        from spacy_mner.images.reading import ImageReadError, read_rgb
        warnings.simplefilter("error")
        read_rgb({str(tmp_path / "small.png")!r})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            read_rgb({str(tmp_path / "bomb.png")!r})
        except ImageReadError as err:
            assert "[M021]" in str(err) and "30000 x 30000" in str(err)
        else:
            raise SystemExit("it was read")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 20_000, f"{{grown}} kB"  # the pixels alone are 112 MB
    """
    (tmp_path / "small.png").write_bytes(png_bomb(100))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_pictures_that_pillow_would_warn_of(folder):
    """Between Pillow's two limits of 89 and 179 million pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageReadError, match=r"M021.*10000 x 10000"):
            read_rgb(png_bomb(10_000))


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="permissions of another kind")
def test_files_and_folders_without_permission():
    """In a process of its own, which gives up the rights of root: root may read every file."""
    # Not below the folder that only root may look into.
    folder = Path(tempfile.mkdtemp())
    try:
        without_permission(folder)
    finally:
        (folder / "folder.jpg").chmod(0o755)
        shutil.rmtree(folder)


def without_permission(folder):
    folder.chmod(0o755)
    make_good(folder)
    (folder / "single.png").chmod(0)
    (folder / "folder.jpg").chmod(0)
    script = f"""
        import json, os, tempfile, warnings
        from pathlib import Path
        from spacy_mner.images.encode import encode
        from tests.images.encoders import MeanColour

        def run(folder):
            with tempfile.TemporaryDirectory() as store:
                return encode(folder, Path(store) / "store", MeanColour())

        warnings.simplefilter("ignore")
        # Imports what is perhaps in folders that only root may look into.
        run(Path({str(folder)!r}))
        if os.getuid() == 0:
            os.setuid(65534)
        summary = run(Path({str(folder)!r}))
        print(json.dumps([summary.missing, summary.folders, summary.encoded]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    missing, folders, encoded = json.loads(done.stdout)
    assert "Permission denied" in missing["single"]
    assert folders == {"folder.jpg": "PermissionError: Permission denied"}
    assert encoded > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_names_that_are_no_unicode(folder, tmp_path):
    raw = os.fsencode(folder)
    for name, data in ((b"caf\xe9.png", png_bomb(100)), (b"bad\xff.png", b"x")):
        with open(os.path.join(raw, name), "wb") as file:
            file.write(data)
    with pytest.warns(UserWarning, match="MW022"):
        summary = encode(folder, tmp_path / "store", MeanColour())
    (id_,) = FeatureStore.open(tmp_path / "store").ids
    assert os.fsencode(id_) == b"caf\xe9"
    assert summary.encoded == 1
    ((bad, reason),) = summary.missing.items()
    assert printable(bad) == "bad\\udcff"
    reason.encode("utf8")
    json.dumps(summary.to_json()).encode("utf8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b/ç☃.jpg", "a b/ç☃.jpg"),
        ("a\nb\t\x1b[31m", "a\\nb\\t\\x1b[31m"),
        ("\udcff\u2028\u202e", "\\udcff\\u2028\\u202e"),
    ],
)
def test_printable(text, expected):
    assert printable(text) == expected
