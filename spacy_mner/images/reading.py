"""Decode pictures from untrusted sources into plain 8-bit RGB."""

import io
import os
import re
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Iterator, Optional, Tuple, Union

import numpy as np

from ..errors import Errors, missing_package

if TYPE_CHECKING:
    from PIL.Image import Image

# 64 megapixels: above any phone's picture, below what endangers the memory (256 MB decoded, and as much
# again while it is turned or converted).
MAX_PIXELS = 64_000_000
# Pixels of a picture that are converted at a time.
STRIP = 2**18
# Raster formats that Pillow decodes itself. Not EPS, PDF or others that start external programs.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")
# Of these formats, the commonest first.
# fmt: off
SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".jpe", ".jfif", ".tif", ".tiff", ".ppm",
    ".pgm", ".pnm", ".avif",
)
# fmt: on

ORIENTATION = 0x0112  # in EXIF data
_URL = re.compile(r"^([a-z][a-z0-9+.-]+://|data:)", re.IGNORECASE)


class ImageReadError(ValueError):
    """A source that gives no picture. It is counted, named and treated as missing."""


def strip_suffix(name: str) -> str:
    """Take the suffix of a picture off a name. What is none belongs to the name: "img.2" is not "img".

    name (str): Path or name of a file, or an id.
    RETURNS (str): The name without it.
    """
    stem, dot, suffix = name.rpartition(".")
    if not stem or stem.endswith("/"):  # ".jpg" is a name
        return name
    return stem if dot + suffix.lower() in SUFFIXES else name


def read_rgb(
    source: Any, *, max_pixels: int = MAX_PIXELS, at_least: Optional[int] = None
) -> "Image":
    """Decode one picture to RGB, turned upright, its first frame if it moves.

    source (Any): Path (str or Path), the bytes of a file, a PIL image, or an array (H, W),
        (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or floats in [0, 1].
    max_pixels (int): Larger pictures are refused before they are decoded.
    at_least (Optional[int]): Pixels of the shorter side that suffice. A JPEG may then be decoded at
        a half, quarter or eighth of its size, several times faster; docs/pictures.md says how exact
        that is.
    RETURNS (PIL.Image.Image): The picture in mode RGB; what is transparent is white.
    RAISES (ImageReadError): If there is no picture to be had from the source.
    RAISES (ImportError): If Pillow is not installed.
    """
    Image, _ = _pillow()
    name = describe(source)
    if isinstance(source, np.ndarray):
        return _decode(Image.fromarray(_to_uint8(source, name)), name, max_pixels)
    if isinstance(source, Image.Image):
        found = _decode(source, name, max_pixels)
        return found.copy() if found is source else found
    with _stream(source, name) as stream:
        return _decode(_identify(stream, name), name, max_pixels, at_least)


def is_address(source: Union[str, Path]) -> bool:
    """Whether a source is an address on the network, such as `https://…` or `data:…`."""
    return bool(_URL.match(str(source)))


def inside(folder: Union[str, Path], relative: Union[str, Path]) -> Path:
    """Resolve a path from a data file, which may not leave its folder.

    folder (Union[str, Path]): The folder.
    relative (Union[str, Path]): The path as the data file has it.
    RETURNS (Path): The absolute path, symbolic links followed. The file need not exist.
    RAISES (ImageReadError): If the path, or a link on its way, leaves the folder.
    """
    root = Path(folder).resolve()
    if is_address(relative):
        raise ImageReadError(Errors.M022.format(source=_short(str(relative))))
    try:
        path = (root / relative).resolve()
    except (OSError, ValueError, RuntimeError) as err:  # NUL bytes; links in a circle
        reason = _reason(err)
        raise ImageReadError(
            Errors.M020.format(source=_short(str(relative)), reason=reason)
        ) from err
    if not path.is_relative_to(root):
        raise ImageReadError(
            Errors.M024.format(source=_short(str(relative)), folder=_short(str(folder)))
        )
    return path


def describe(source: Any) -> str:
    """Name a source in messages: its path, or what it is.

    source (Any): A source of `read_rgb`, or a caption.
    RETURNS (str): The name.
    """
    if isinstance(source, (str, Path)):
        return _short(str(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return f"<{len(source)} bytes>"
    if isinstance(source, np.ndarray):
        return f"<array {source.shape} of {source.dtype}>"
    return f"<{type(source).__name__}>"


def printable(text: str) -> str:
    """Make a name from a file system fit for a terminal or a log: one line, no control characters.

    text (str): The name; it may hold line breaks, escape sequences or bytes that are no UTF-8.
    RETURNS (str): The same with such characters as in a Python string: "a\\nb.jpg".
    """
    return "".join(
        x if x.isprintable() else x.encode("unicode_escape").decode("ascii") for x in text
    )


def _short(text: str) -> str:
    return printable(text if len(text) <= 200 else f"{text[:200]}...")


def _pillow() -> Tuple[Any, Any]:
    try:
        from PIL import Image, ImageOps
    except ImportError as err:
        raise missing_package("Reading pictures", "Pillow", "images") from err
    return Image, ImageOps


def _stream(source: Any, name: str) -> BinaryIO:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source)
    if not isinstance(source, (str, Path)):
        raise ImageReadError(Errors.M023.format(source=name))
    if is_address(source):
        raise ImageReadError(Errors.M022.format(source=name))
    try:
        # Opening a named pipe would wait for ever.
        if stat.S_ISREG(os.stat(source).st_mode):
            return open(source, "rb")
    except (OSError, ValueError) as err:
        raise ImageReadError(Errors.M020.format(source=name, reason=_reason(err))) from err
    raise ImageReadError(Errors.M020.format(source=name, reason="it is not a file"))


def _identify(stream: BinaryIO, name: str) -> "Image":
    """Read a picture's header: what `PIL.Image.open` does, but the number of pixels is our affair.

    Its own check against too many of them warns, from several threads at once.
    """
    Images, _ = _pillow()
    Images.init()
    prefix = stream.read(16)
    for kind in FORMATS:
        factory, accept = Images.OPEN.get(kind, (None, None))
        if factory is None:
            continue
        stream.seek(0)
        try:
            if accept is not None and accept(prefix) is not True:
                continue
            opened: Image = factory(stream, "")
            return opened
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # Pillow's own sign of "another format after all"
        except Exception as err:
            raise ImageReadError(Errors.M020.format(source=name, reason=_reason(err))) from err
    reason = "it is not a picture" if prefix else "the file is empty"
    raise ImageReadError(Errors.M020.format(source=name, reason=reason))


def _decode(image: "Image", name: str, max_pixels: int, at_least: Optional[int] = None) -> "Image":
    Image, ImageOps = _pillow()
    width, height = image.size
    if width * height > max_pixels:
        raise ImageReadError(
            Errors.M021.format(source=name, width=width, height=height, limit=max_pixels)
        )
    try:
        if at_least is not None:
            image.draft("RGB", (at_least, at_least))
        image.load()
        image = _upright(image, ImageOps)
        return _to_rgb(image, Image)
    except Exception as err:
        # Pillow's decoders let anything through that damaged data can cause, from SyntaxError to
        # struct.error; none of it may stop a run over thousands of pictures.
        raise ImageReadError(Errors.M020.format(source=name, reason=_reason(err))) from err


def _reason(err: BaseException) -> str:
    text = getattr(err, "strerror", None) or str(err)
    return f"{type(err).__name__}: {text}" if text else type(err).__name__


def _upright(image: "Image", ImageOps: Any) -> "Image":
    try:
        if image.getexif().get(ORIENTATION, 1) == 1:
            return image  # exif_transpose would copy it
        turned: Image = ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data say nothing about the picture itself
        return image
    return turned


def _to_rgb(image: "Image", Image: Any) -> "Image":
    if image.mode.startswith(("I", "F")):
        to_uint8 = _scale_deep(image)
        return _by_strips(image, lambda strip: Image.fromarray(to_uint8(np.asarray(strip))), Image)
    if image.mode in ("PA", "LA", "La", "RGBA", "RGBa") or _has_clear_colour(image):
        return _by_strips(image, lambda strip: _on_white(strip, Image), Image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _has_clear_colour(image: "Image") -> bool:
    """Whether a colour, or several of a palette, stand for what is transparent."""
    clear = image.info.get("transparency")
    return isinstance(clear, tuple) if image.mode == "RGB" else clear is not None


def _on_white(image: "Image", Image: Any) -> "Image":
    # RGBa cannot be converted to RGBA from everywhere, LA and La can.
    layered = image.convert("RGBA")
    white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layered).convert("RGB")


def _strips(image: "Image") -> Iterator[Tuple[Tuple[int, int], "Image"]]:
    """Go through a picture, a few rows at a time, each with its place."""
    width, height = image.size
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        yield (0, top), image.crop((0, top, width, min(top + rows, height)))


def _by_strips(image: "Image", convert: Callable[["Image"], "Image"], Image: Any) -> "Image":
    """Convert a picture without a second one of its size in a mode that takes more memory."""
    whole: Image = Image.new("RGB", image.size)
    for place, strip in _strips(image):
        whole.paste(convert(strip), place)
    return whole


def _scale_deep(image: "Image") -> Callable[[np.ndarray], np.ndarray]:
    """How to bring 16-bit, 32-bit and float greyscale, as in PNG and TIFF, to 8 bits."""
    top = max(_finite(np.asarray(strip)).max(initial=0.0) for _, strip in _strips(image))
    dtype = np.asarray(image.crop((0, 0, 1, 1))).dtype
    factor = 1.0
    if np.issubdtype(dtype, np.floating) and top <= 1.0:
        factor = 255.0
    elif top > 65535.0:
        factor = 255.0 / top
    elif top > 255.0 or dtype == np.uint16:
        factor = 1.0 / 257.0
    return lambda pixels: (_finite(pixels) * factor).clip(0.0, 255.0).round().astype("uint8")


def _finite(pixels: np.ndarray) -> np.ndarray:
    return np.nan_to_num(pixels.astype("float64"), nan=0.0, posinf=0.0, neginf=0.0)


def _to_uint8(array: np.ndarray, name: str) -> np.ndarray:
    """Check an array's shape and values, and bring it to (H, W) or (H, W, 3 or 4) of uint8."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    plausible = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not plausible or not array.size:
        raise ImageReadError(Errors.M023.format(source=name))
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype("uint8") * np.uint8(255)
    if array.dtype == np.uint16:
        return (array / 257.0).round().astype("uint8")
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise ImageReadError(Errors.M023.format(source=name))
    low, high = array.min(), array.max()
    if np.issubdtype(array.dtype, np.floating) and low >= 0 and high <= 1:
        return (array * 255.0).round().astype("uint8")
    if np.issubdtype(array.dtype, np.integer) and low >= 0 and high <= 255:
        return array.astype("uint8")
    # Floats up to 255 might as well be a picture that was normalised some other way.
    raise ImageReadError(Errors.M023.format(source=f"{name} with values from {low} to {high}"))
