"""Cut the sample's pictures out of the photographs inside scikit-image and scikit-learn."""

import json
import os
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm

if TYPE_CHECKING:
    from PIL.Image import Image

# The width that the image encoders of the sample read.
SIDE = 224
PHOTO_FOLDERS = {"skimage": ("data",), "sklearn": ("datasets", "images")}


def write_pictures(sample: Path, output: Path, *, progress: bool = True) -> tuple[int, int]:
    """Write the picture of every post that has one; pictures that are there already are kept.

    sample (Path): Folder with train.jsonl, valid.jsonl and test.jsonl.
    output (Path): Folder that the posts' `image` paths are relative to.
    progress (bool): Show a progress bar on stderr.
    RETURNS (Tuple[int, int]): Number of pictures written, and of pictures that were there.
    RAISES (FileNotFoundError): A photograph or the sample itself is missing.
    RAISES (ValueError): A record is malformed or its path leaves the output folder.
    """
    crops = list(_read_crops(sample, output))
    missing = [(path, crop) for path, crop in crops if not path.exists()]
    for path, crop in tqdm(missing, desc="Pictures", unit="", disable=not progress):
        _save(cut(crop), path)
    return len(missing), len(crops) - len(missing)


def cut(crop: dict) -> "Image":
    """Cut one picture and scale it to SIDE x SIDE.

    crop (dict): "photo" (str), "box" ([left, upper, right, lower], in pixels) and "flip" (bool).
    RETURNS (Image): An RGB picture.
    RAISES (ValueError): The box is empty or leaves the photograph.
    """
    from PIL import Image, ImageOps

    photo = open_photo(crop["photo"])
    left, upper, right, lower = crop["box"]
    if not (0 <= left < right <= photo.width and 0 <= upper < lower <= photo.height):
        raise ValueError(
            f"Box {crop['box']} does not fit into photograph '{crop['photo']}' of "
            f"{photo.width} x {photo.height} pixels. Run scripts/make_sample.py again."
        )
    picture = photo.crop((left, upper, right, lower))
    picture = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return ImageOps.mirror(picture) if crop.get("flip") else picture


@lru_cache(maxsize=256)
def open_photo(name: str) -> "Image":
    """Open a photograph that ships inside an installed package; nothing is downloaded.

    name (str): "skimage:NAME" or "sklearn:NAME"; "NAME.npy#17" is image 17 of an array of images.
    RETURNS (Image): The photograph as RGB.
    RAISES (FileNotFoundError): The package or the file is not there.
    """
    import numpy
    from PIL import Image

    file_name, _, index = name.partition("#")
    path = _photo_path(file_name)
    if path.suffix == ".npy":
        array = numpy.load(path, allow_pickle=False)[int(index)]
        return Image.fromarray((array * 255).round().astype("uint8")).convert("RGB")
    with Image.open(path) as photo:
        return photo.convert("RGB")


def _photo_path(name: str) -> Path:
    package, _, file_name = name.partition(":")
    if package not in PHOTO_FOLDERS or Path(file_name).name != file_name:
        raise ValueError(
            f"'{name}' is not the name of a photograph. Expected PACKAGE:FILE, "
            f"with one of these packages: {', '.join(PHOTO_FOLDERS)}."
        )
    # Found without importing: scikit-learn alone takes a second, and only its files are needed.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            f"The photograph '{name}' ships inside the package {package}, which is not installed. "
            "Run: pip install scikit-image scikit-learn"
        )
    path = Path(spec.origin).parent.joinpath(*PHOTO_FOLDERS[package], file_name)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: this release of {package} ships without it. "
            "Install scikit-image 0.24 or later and scikit-learn 1.5 or later."
        )
    return path


def _read_crops(sample: Path, output: Path) -> Iterator[tuple[Path, dict]]:
    files = sorted(sample.glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(f"No .jsonl files in {sample}. Give the folder of the sample.")
    root = output.resolve()
    for file in files:
        lines = file.read_text(encoding="utf8").rstrip("\n").split("\n")
        for number, line in enumerate(lines, start=1):
            post = json.loads(line)
            if post.get("crop") is None:
                continue
            path = (root / post["image"]).resolve()
            if not path.is_relative_to(root):
                raise ValueError(f"{file}, line {number}: '{post['image']}' leaves {root}.")
            yield path, post["crop"]


def _save(picture: "Image", path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    picture.save(temporary, format="JPEG", quality=90)
    os.replace(temporary, path)


def main(
    sample: Annotated[Path, typer.Argument(help="Folder with the sample's .jsonl files")],
    output: Annotated[Path, typer.Argument(help="Pictures go to the folder OUTPUT/pictures")],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar")] = False,
) -> None:
    """Cut the sample's pictures out of the photographs in scikit-image and scikit-learn.

    Only pictures that are missing are written, so the command may be stopped and run again.
    """
    written, kept = write_pictures(sample, output, progress=not quiet)
    typer.echo(f"{written} pictures written to {output / 'pictures'}, {kept} were there already.")


if __name__ == "__main__":
    typer.run(main)
