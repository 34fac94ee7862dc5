import base64
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from spacy_mner.images.reading import ImageReadError, read_rgb
from spacy_mner.visualization import posts as posts_module
from spacy_mner.visualization.colors import COLORS
from spacy_mner.visualization.modality_bars import modality_bars
from spacy_mner.visualization.picture_viewer import PictureViewer
from spacy_mner.visualization.posts import MAX_CHARS, MAX_PICTURES, open_posts_page
from spacy_mner.visualization.thumbnails import MAX_BYTES, SIDE, make_thumbnail

from .pages import Checker

Image = pytest.importorskip("PIL.Image")

EVIL = "<script>alert('x')</script>&\"</div>"


class Brightness:
    """An encoder whose tags say whether a picture is light or dark."""

    name = "brightness"
    width = 1
    settings = {}  # noqa: RUF012
    reads = "picture"

    def __init__(self, error=None):
        self.error = error
        self.batches = []

    def read(self, source):
        return np.asarray(read_rgb(source), dtype="float32").mean(keepdims=True).ravel() / 255

    def encode(self, batch):
        return batch

    def tags(self, batch, n=5):
        if self.error is not None:
            raise self.error
        self.batches.append(len(batch))
        return [[("light <b>", float(x[0])), ("dark", 1 - float(x[0]))][:n] for x in batch]


def make_record(text="Ann in Oslo", image=None, **values):
    start = text.find("Oslo")
    ents = [{"start": start, "end": start + 4, "label": "LOC", "text": "Oslo", "score": 0.875}]
    record = {"id": "p1", "text": text, "image_used": False, "entities": ents if start >= 0 else []}
    return {**record, **({} if image is None else {"image": image}), **values}


def render(path, records, viewer=None, **options):
    viewer = PictureViewer(None) if viewer is None else viewer
    with open_posts_page(path, viewer, **options) as page:
        for record in records:
            page.add(record)
    return path.read_text(encoding="utf8")


def read(html):
    """Its text; every picture is in the page."""
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    sources = [x for x in checker.loaded if x != "img"]
    assert all(x.startswith("data:image/jpeg;base64,") for x in sources)
    assert len(sources) * 2 == len(checker.loaded)
    assert "url(" not in html
    assert "@import" not in html
    assert "<script" not in html
    return " ".join(" ".join(checker.text).split())


def test_a_post_with_everything(tmp_path):
    Image.new("RGB", (600, 400), "white").save(tmp_path / "a.png")
    weights = {
        "tokens": ["Ann", "in", "Oslo"],
        "modalities": ["word", "image"],
        "values": [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]],
    }
    record = make_record(image="a.png", image_used=True, weights=weights)
    viewer = PictureViewer(tmp_path, Brightness())
    html = render(tmp_path / "out.html", [record], viewer, facts=["pipeline x"])
    text = read(html)
    assert "pipeline x · 1 posts · 1 with their picture used · 1 entities" in text
    assert "1 p1 · a.png · picture used Ann in Oslo LOC 0.88" in text
    assert "in the picture: light <b> 100%, dark 0%" in text
    assert "word image Ann 25 75 in 100 0 Oslo 50 50" in text
    # A modality without weight has no bar.
    assert html.count('class="m1" style') == 2
    # displaCy's look, in our colours.
    assert f'<mark class="entity" style="background: {COLORS["LOC"]}; padding: 0.45em' in html
    assert html.count("<img") == 1
    assert 'width="240" height="160"' in html


def test_everything_from_the_data_is_escaped(tmp_path):
    name = "a <b>'&.png"
    Image.new("RGB", (4, 4)).save(tmp_path / name)
    label = {"start": 0, "end": 8, "label": EVIL, "text": EVIL[:8], "score": None}
    weights = {"tokens": [EVIL, " "], "modalities": [EVIL], "values": [[1.0], [1.0]]}
    records = [
        make_record(EVIL, name, id=EVIL, entities=[label], weights=weights),
        make_record(EVIL, [EVIL, "../" + EVIL]),
        {"id": EVIL, "source": EVIL, "error": EVIL},
    ]
    viewer = PictureViewer(tmp_path, Brightness())
    html = render(tmp_path / "out.html", records, viewer, facts=[EVIL])
    text = read(html)
    assert EVIL not in html
    assert "<b>'" not in html
    # The meta lines, texts, labels and reasons: all there, as text.
    assert text.count("alert('x')") >= 9
    assert "1 could not be read" in text


def test_control_characters_stay_in_their_place(tmp_path):
    records = [
        make_record(id="a\u202eb\n", image="x\x1b[31m.png"),
        {"id": None, "source": "s\udcff", "error": "\x00"},
    ]
    text = read(render(tmp_path / "out.html", records, PictureViewer(tmp_path)))
    assert "a\\u202eb\\n · x\\x1b[31m.png" in text
    assert "s\\udcff" in text


def test_bad_pictures_say_why(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.png").touch()
    buffer = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(buffer, "JPEG")
    (folder / "cut.jpg").write_bytes(buffer.getvalue()[:5000])
    Image.new("L", (1, 1)).save(tmp_path / "outside.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    names = [
        "text.jpg",
        "empty.png",
        "cut.jpg",
        "gone.jpg",
        "../../outside.png",
        "link.png",
        "http://x.org/a.jpg",
    ]
    records = [make_record(image=name) for name in names]
    encoder = Brightness()
    html = render(tmp_path / "out.html", records, PictureViewer(folder, encoder))
    text = read(html)
    assert "<img" not in html
    assert html.count('class="lost"') == len(names)
    for reason in (
        "The picture text.jpg cannot be read: it is not a picture.",
        "The picture empty.png cannot be read: the file is empty.",
        "The picture cut.jpg cannot be read: OSError: image file is truncated",
        "There is no picture gone.jpg in the folder pictures.",
        "The path '../../outside.png' leaves its folder 'pictures' and is not followed.",
        "The path 'link.png' leaves its folder 'pictures' and is not followed.",
        "http://x.org/a.jpg is an address on the network.",
    ):
        assert reason in text
    assert str(tmp_path) not in html
    assert encoder.batches == []


def test_bad_pictures_of_the_folder_at_hand_say_why(tmp_path, monkeypatch):
    """Its name is a full stop."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_text("no picture")
    (tmp_path / "link.jpg").symlink_to("/dev/null")
    records = [make_record(image=name) for name in ("a.jpg", "link.jpg")]
    text = read(render(tmp_path / "out.html", records, PictureViewer(Path("."))))
    assert "The picture a.jpg cannot be read: it is not a picture." in text
    assert "The path 'link.jpg' leaves its folder '.' and is not followed." in text


def test_several_pictures(tmp_path):
    for i in range(6):
        Image.new("L", (5, 5), 40 * i).save(tmp_path / f"{i}.png")
    record = make_record(image=[f"{i}.png" for i in range(6)])
    encoder = Brightness()
    html = render(
        tmp_path / "out.html",
        [record, make_record(image=["0.png", "no"])],
        PictureViewer(tmp_path, encoder),
    )
    text = read(html)
    assert html.count("<img") == MAX_PICTURES + 1
    assert "and 2 more" in text
    assert "in the picture 4: light <b> 47%" in text
    # All posts' pictures in one batch.
    assert encoder.batches == [MAX_PICTURES + 1]


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        (None, "the pipeline has no image_encoder"),
        (Brightness(ValueError("[M106] The network 'x' has no classifier")), "[M106] The network"),
    ],
)
def test_pages_without_tags_say_so(tmp_path, encoder, reason):
    Image.new("L", (5, 5)).save(tmp_path / "a.png")
    records = [make_record(image="a.png")] * 20
    text = read(render(tmp_path / "out.html", records, PictureViewer(tmp_path, encoder)))
    assert f"There are no tags of pictures: {reason}" in text
    assert "in the picture" not in text


def test_other_errors_of_encoders_are_not_hidden(tmp_path):
    Image.new("L", (5, 5)).save(tmp_path / "a.png")
    viewer = PictureViewer(tmp_path, Brightness(ValueError("bug")))
    out = tmp_path / "out.html"
    out.write_text("old")
    with pytest.raises(ValueError, match="bug"):
        render(out, [make_record(image="a.png")], viewer)
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "out.html"]


def test_long_posts_are_cut(tmp_path):
    text = "x" * (MAX_CHARS - 2) + "Oslo" + "y" * 996
    tokens = ["t"] * 250
    weights = {"tokens": tokens, "modalities": ["word"], "values": [[1.0]] * 250}
    shown = read(render(tmp_path / "out.html", [make_record(text, weights=weights)]))
    assert "… and 998 characters more" in shown
    assert "and 50 tokens more" in shown
    assert "LOC 0." not in shown


def test_posts_beyond_the_limit_are_counted(tmp_path):
    records = [make_record(id=f"post{i}") for i in range(40)]
    text = read(render(tmp_path / "out.html", records, max_posts=17))
    assert "the first 17 of 40 posts" in text
    assert "post16" in text
    assert "post17" not in text
    assert "0 posts" in read(render(tmp_path / "none.html", []))


def test_memory_is_bounded(tmp_path, monkeypatch):
    records = (make_record("long text " * 300 + f"Oslo {i}") for i in range(4000))
    monkeypatch.setattr(posts_module, "_IN_MEMORY", 2**20)
    tracemalloc.start()
    try:
        html_path = tmp_path / "out.html"
        with open_posts_page(html_path, PictureViewer(None), max_posts=4000) as page:
            for record in records:
                page.add(record)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert html_path.stat().st_size > 12_000_000
    assert peak < 6_000_000
    with open(html_path, encoding="utf8") as stream:
        assert sum("Oslo" in line and "entities" in line for line in stream) == 4000


def test_thumbnails(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (900, 1200, 3), "uint8"))
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    noise.save(tmp_path / "a.jpg", exif=exif, comment="secret comment")
    uri, width, height = make_thumbnail(tmp_path / "a.jpg")
    assert (width, height) == (SIDE, SIDE * 3 // 4)
    data = base64.b64decode(uri.split(",")[1])
    assert len(data) <= MAX_BYTES
    assert b"secret" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert image.size == (width, height)
    # Thin pictures keep a pixel; small ones are not blown up.
    assert make_thumbnail(np.zeros((3000, 2, 3), "uint8"))[1:] == (1, SIDE)
    assert make_thumbnail(np.zeros((1, 1, 3), "uint8"))[1:] == (1, 1)
    with pytest.raises(ImageReadError):
        make_thumbnail(b"no picture")


def test_bars_of_many_modalities_are_whole():
    names = [f"m{i}" for i in range(8)]
    html = modality_bars(
        {"tokens": ["a"], "modalities": names, "values": [[0.125] * 8]}, max_tokens=5
    )
    assert html.count('style="flex:12"') == 8
    assert all(f"</span>{name}" in html for name in names)


def test_direction(tmp_path):
    assert "direction: rtl" in render(tmp_path / "out.html", [make_record()], direction="rtl")
