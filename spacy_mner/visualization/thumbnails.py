"""Small copies of pictures that live inside of an HTML page."""

import base64
import io
from typing import Any, NamedTuple

from ..images.reading import read_rgb

# Pixels of the longer side: sharp at 160 CSS pixels on most screens.
SIDE = 240
MAX_BYTES = 20_000


class Thumbnail(NamedTuple):
    """A small JPEG.

    uri (str): the picture itself, as a data: URI.
    width, height (int): in pixels.
    """

    uri: str
    width: int
    height: int


def make_thumbnail(source: Any) -> Thumbnail:
    """Make a small JPEG of a picture, at most `SIDE` pixels wide and high.

    Nothing but pixels is copied: comments, places and times that cameras write stay behind.

    source (Any): see `images.reading.read_rgb`.
    RETURNS (Thumbnail): the small picture.
    RAISES (ImageReadError): if there is no picture to be had from the source.
    RAISES (ImportError): if Pillow is not installed.
    """
    image = read_rgb(source, at_least=SIDE)
    image.thumbnail((SIDE, SIDE))
    # Pillow's JPEG writer would copy a comment.
    image.info.clear()
    data = b""
    for quality in (75, 55, 35):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality, optimize=True)
        data = stream.getvalue()
        if len(data) <= MAX_BYTES:
            break
    uri = f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
    return Thumbnail(uri, image.width, image.height)
