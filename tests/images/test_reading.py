import io
import os

import numpy as np
import pytest

from spacy_mner.images import reading
from spacy_mner.images.reading import ImageReadError, inside, read_rgb, strip_suffix

Image = pytest.importorskip("PIL.Image")


def picture(width=40, height=20, seed=0):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype="uint8"))


def as_bytes(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_every_kind_of_source_gives_the_same_pixels(tmp_path):
    image = picture()
    expected = np.asarray(image)
    path = tmp_path / "a.png"
    image.save(path)
    data = path.read_bytes()
    for source in (path, str(path), data, bytearray(data), memoryview(data), image, expected):
        found = read_rgb(source)
        assert found.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize(
    "array",
    [
        np.full((4, 6), 51, dtype="uint8"),
        np.full((4, 6, 1), 51, dtype="uint8"),
        np.full((4, 6, 3), 51, dtype="uint8"),
        np.full((4, 6, 3), 51, dtype="int64"),
        np.full((4, 6, 3), 51 * 257, dtype="uint16"),
        np.full((4, 6, 3), 0.2, dtype="float32"),
        np.asfortranarray(np.full((4, 6, 3), 51, dtype="uint8")),
    ],
    ids=lambda array: f"{array.dtype}-{array.ndim}",
)
def test_arrays_of_any_usual_type(array):
    image = read_rgb(array)
    assert image.size == (6, 4)
    assert set(np.asarray(image).ravel().tolist()) == {51}


def test_bool_array_is_black_and_white():
    pixels = np.asarray(read_rgb(np.array([[True, False]])))
    assert pixels[0].tolist() == [[255, 255, 255], [0, 0, 0]]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3,)),
        np.zeros((4, 6, 2), dtype="uint8"),
        np.zeros((0, 6, 3), dtype="uint8"),
        np.full((4, 6, 3), 200.0),
        np.full((4, 6, 3), -1),
        np.full((4, 6, 3), np.nan),
        np.zeros((4, 6), dtype="complex64"),
        np.zeros((4, 6), dtype="U1"),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_arrays_that_are_no_pictures(array):
    with pytest.raises(ImageReadError, match="M023"):
        read_rgb(array)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "HSV", "RGBA", "LA"])
def test_modes_become_rgb(mode):
    image = picture()
    if mode == "LAB":
        pytest.importorskip("PIL.ImageCms")
        image = Image.new("LAB", (40, 20))
    elif mode == "LA":
        image = image.convert("L").convert("LA")
    else:
        image = image.convert(mode)
    found = read_rgb(image)
    assert (found.mode, found.size) == ("RGB", (40, 20))


def test_cmyk_jpeg_keeps_its_colours():
    red = Image.new("RGB", (16, 16), (255, 0, 0)).convert("CMYK")
    pixels = np.asarray(read_rgb(as_bytes(red, "JPEG")))
    assert pixels[8, 8, 0] > 240
    assert pixels[8, 8, 1:].max() < 15


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_is_white(mode):
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0)).convert(mode)
    assert np.asarray(read_rgb(clear)).min() == 255


def test_palette_with_transparency():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30] * 256)
    assert np.asarray(read_rgb(as_bytes(image, transparency=0))).min() == 255
    assert np.asarray(read_rgb(as_bytes(image)))[0, 0].tolist() == [10, 20, 30]


def test_a_transparent_colour_without_an_alpha_channel():
    image = Image.fromarray(np.array([[[10, 20, 30], [40, 50, 60]]], dtype="uint8"))
    for mode, clear in (("RGB", (10, 20, 30)), ("L", image.convert("L").getpixel((0, 0)))):
        pixels = np.asarray(read_rgb(as_bytes(image.convert(mode), transparency=clear)))[0]
        assert pixels[0].tolist() == [255, 255, 255]
        assert pixels[1].max() < 255


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "P", "I;16", "I", "F"])
def test_strips_make_no_difference(mode, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (23, 17, 4), dtype="uint8")
    if mode in ("I;16", "I", "F"):
        values = (pixels[:, :, 0] * 300.0).astype(
            {"I;16": "uint16", "I": "int32", "F": "float32"}[mode]
        )
        image = Image.fromarray(values)
    else:
        image = Image.fromarray(pixels)
        image = image.convert("LA").convert("PA") if mode == "PA" else image.convert(mode)
    whole = np.asarray(read_rgb(image))
    assert len(np.unique(whole)) > 16
    monkeypatch.setattr(reading, "STRIP", 40)  # two rows at a time, the last one alone
    np.testing.assert_array_equal(np.asarray(read_rgb(image)), whole)


def test_a_picture_in_memory_is_not_handed_out():
    image = picture()
    read_rgb(image).paste((0, 0, 0), (0, 0, 40, 20))
    assert np.asarray(image).any()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind):
    deep = Image.fromarray(np.array([[0, 100, 25700, 65535]], dtype="uint16"))
    pixels = np.asarray(read_rgb(as_bytes(deep, kind)))[0, :, 0]
    assert pixels.tolist() == [0, 0, 100, 255]


def test_float_tiff():
    image = Image.fromarray(np.array([[0.0, 0.2, 1.0]], dtype="float32"))
    assert np.asarray(read_rgb(as_bytes(image, "TIFF")))[0, :, 0].tolist() == [0, 51, 255]


def test_first_frame_of_a_moving_gif():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = as_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    assert np.asarray(read_rgb(data))[0, 0].tolist() == [255, 0, 0]


def test_exif_turns_the_picture_upright():
    image = picture(40, 20)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held at a right angle
    found = read_rgb(as_bytes(image, exif=exif))
    assert found.size == (20, 40)
    np.testing.assert_array_equal(np.asarray(found), np.rot90(np.asarray(image), k=-1))


def test_reduced_jpeg_is_large_enough():
    data = as_bytes(picture(1600, 1200), "JPEG")
    assert read_rgb(data).size == (1600, 1200)
    assert read_rgb(data, at_least=512).size == (800, 600)
    assert read_rgb(data, at_least=700).size == (1600, 1200)


def broken(tmp_path):
    whole = as_bytes(picture(200, 200), "JPEG")
    garbage = np.random.default_rng(0).bytes(2000)
    yield "truncated", whole[: len(whole) // 2]
    yield "png header only", as_bytes(picture())[:40]
    yield "empty bytes", b""
    yield "text", b"this is no picture"
    yield "garbage", garbage
    yield "damaged", whole[:20] + garbage
    yield "postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"
    yield "svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    (tmp_path / "empty.jpg").touch()
    yield "empty file", tmp_path / "empty.jpg"
    yield "folder", tmp_path
    yield "nothing there", tmp_path / "no.jpg"
    yield "empty path", ""
    yield "null byte", "a\0b.jpg"
    yield "long path", "x" * 5000
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        yield "named pipe", tmp_path / "pipe.jpg"


def test_what_cannot_be_decoded_is_a_coded_error(tmp_path):
    for what, source in broken(tmp_path):
        with pytest.raises(ImageReadError, match=r"\[M020\]") as caught:
            read_rgb(source)
        assert len(str(caught.value)) < 600, what


def test_a_decoder_that_stumbles_over_the_first_bytes(monkeypatch):
    """Pillow's test for PPM once looked at the second of them, also where there is one only."""
    Image.init()
    factory, _ = Image.OPEN["PPM"]
    monkeypatch.setitem(Image.OPEN, "PPM", (factory, lambda prefix: prefix[1] in b"123456"))
    with pytest.raises(ImageReadError, match=r"M020.*not a picture"):
        read_rgb(b"P")


def test_empty_file_is_called_empty(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ImageReadError, match="the file is empty"):
        read_rgb(tmp_path / "empty.jpg")


@pytest.mark.parametrize("source", [None, 3, 1.5, {"a": 1}, object()])
def test_other_types_are_refused(source):
    with pytest.raises(ImageReadError, match="M023"):
        read_rgb(source)


@pytest.mark.parametrize(
    "source",
    ["http://a.b/c.jpg", "HTTPS://a.b/c.jpg", "ftp://a/b.png", "file:///etc/passwd", "data:x,y"],
)
def test_addresses_are_refused(source, tmp_path):
    with pytest.raises(ImageReadError, match="M022"):
        read_rgb(source)
    with pytest.raises(ImageReadError, match="M022"):
        inside(tmp_path, source)


def test_too_many_pixels_are_refused_before_decoding(tmp_path):
    image = Image.new("1", (1000, 1001))
    path = tmp_path / "large.png"
    image.save(path)
    # The pixels are cut off: decoding would fail, but it does not come to that.
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ImageReadError, match=r"M021.*1000 x 1001"):
        read_rgb(path, max_pixels=1_000_000)
    assert read_rgb(image, max_pixels=1_001_000).size == (1000, 1001)
    with pytest.raises(ImageReadError, match="M021"):
        read_rgb(np.zeros((30, 30), dtype="uint8"), max_pixels=899)


def test_the_callers_image_is_left_alone():
    image = picture().convert("RGBA")
    before = np.asarray(image).copy()
    read_rgb(image, at_least=4)
    assert image.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(image), before)


def test_missing_pillow_is_not_a_missing_picture(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ImportError, match=r"M107.*spacy-mner\[images\]"):
        read_rgb(b"x")


def test_inside_follows_paths_within_the_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").touch()
    (tmp_path / "link.jpg").symlink_to("sub/a.jpg")
    expected = (tmp_path / "sub" / "a.jpg").resolve()
    for relative in ("sub/a.jpg", "./sub/../sub/a.jpg", "link.jpg"):
        assert inside(tmp_path, relative) == expected
    assert inside(tmp_path, "not/there.jpg") == tmp_path.resolve() / "not" / "there.jpg"


def test_inside_refuses_to_leave_the_folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (tmp_path / "pictures-private").mkdir()
    (tmp_path / "secret.jpg").touch()
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "up").symlink_to(tmp_path)
    for relative in (
        "../secret.jpg",
        "a/../../secret.jpg",
        "/etc/passwd",
        "link.jpg",
        "up/secret.jpg",
        "../pictures-private/a.jpg",
    ):
        with pytest.raises(ImageReadError, match="M024"):
            inside(folder, relative)
    with pytest.raises(ImageReadError, match="M020"):
        inside(folder, "a\0.jpg")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/daisy.jpg", "a/daisy"),
        ("daisy.1.JPEG", "daisy.1"),
        ("scan.TIFF", "scan"),
        ("img.2", "img.2"),
        ("v1.0/img", "v1.0/img"),
        ("a/.jpg", "a/.jpg"),
        (".jpg", ".jpg"),
        ("", ""),
    ],
)
def test_only_suffixes_of_pictures_are_taken_off(name, expected):
    assert strip_suffix(name) == expected
