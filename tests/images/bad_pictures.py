"""A folder of pictures as people have them, and what must become of each."""

import io
import os
import struct
import zlib

import numpy as np
from PIL import Image

RED = (200, 30, 40)


def make_good(folder):
    """Write odd pictures that can be read. RETURNS (Dict[str, ndarray]): Id to the mean colour."""
    plain = Image.new("RGB", (40, 20), RED)
    frames = [plain, Image.new("RGB", (40, 20), (0, 0, 255))]
    clear = Image.new("P", (40, 20), 0)
    clear.putpalette([*RED] * 256)
    turned = Image.new("RGB", (40, 20), RED)
    turned.paste((0, 255, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held at a right angle
    pictures = {
        "wrong-suffix.jpg": (plain, "PNG", {}, RED),
        "cmyk.jpg": (plain.convert("CMYK"), "JPEG", {}, RED),
        "deep.png": (
            Image.fromarray(np.full((20, 40), 100 * 257, "uint16")),
            "PNG",
            {},
            (100,) * 3,
        ),
        "palette.png": (clear, "PNG", {"transparency": 0}, (255, 255, 255)),
        "grey.jpg": (Image.new("L", (40, 20), 90), "JPEG", {}, (90, 90, 90)),
        "moving.gif": (plain, "GIF", {"save_all": True, "append_images": frames[1:]}, RED),
        "picture.webp": (plain, "WEBP", {"lossless": True}, RED),
        "turned.jpg": (turned, "JPEG", {"exif": exif, "quality": 95}, (100, 142, 20)),
        "single.png": (Image.new("RGB", (1, 1), RED), "PNG", {}, RED),
        'two words \'n "quotes".png': (plain, "PNG", {}, RED),
        "line\nbreak.png": (plain, "PNG", {}, RED),
        "Fête ☃ 写真.JPEG": (plain, "PNG", {}, RED),
        "folder.jpg/inside.png": (plain, "PNG", {}, RED),
    }
    expected = {}
    for name, (image, kind, options, colour) in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, kind, **options)
        expected[name.rsplit(".", 1)[0]] = np.array(colour, dtype="float32")
    return expected


def make_bad(folder):
    """Write files that give no picture. RETURNS (Dict[str, str]): File to a part of the reason."""
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype="uint8")
    Image.fromarray(noise).save(whole, "JPEG")
    (folder / "truncated.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("This is a text.")
    (folder / "bomb.png").write_bytes(png_bomb(30_000))
    (folder / "gone.jpg").symlink_to("nothing-there.jpg")
    (folder.parent / "secret.png").write_bytes(b"")
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    (folder / "red\x1b[31m\nbreak.jpg").write_text("no picture")
    expected = {
        "truncated.jpg": "[M020]",
        "empty.jpg": "the file is empty",
        "text.jpg": "it is not a picture",
        "bomb.png": "[M021]",
        "gone.jpg": "[M020]",
        "link.png": "[M024]",
        "red\x1b[31m\nbreak.jpg": "it is not a picture",
    }
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.jpg")
        expected["pipe.jpg"] = "it is not a file"
    return expected


def png_bomb(side):
    """A whole PNG of side x side black pixels, one bit each: 112 MB of them in 110 kB for 30,000."""

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    packer = zlib.compressobj(9)
    rows = bytes(((side + 7) // 8 + 1) * 100)
    data = b"".join(packer.compress(rows) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks
