"""Speed of `spacy mner encode` next to its network alone, and next to a plain loop.

Makes JPEGs of 1,000 to 2,000 pixels from the photographs in scikit-image and encodes them into feature
stores. The contestants take turns of a few seconds on the same pictures, a folder at a time, so that a
noisy machine is noisy for all of them; their times are added up. One contestant gives the network
pictures from memory and only decodes the files beside it: what reading cannot do without. For example:

    python benchmarks/encode_speed.py                                # both networks, 512 pictures
    python benchmarks/encode_speed.py efficientnet_lite0 --exactness # what reduced JPEGs change

GoogLeNet has random weights here, which do not change its speed.
"""

import os
import random
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import skimage.data
import torch
import torchvision
import typer
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torchvision.transforms import v2
from turns import take_turns

from spacy_mner.images import efficientnet, reading
from spacy_mner.images.compute import SMALL_BATCH, compute_vectors
from spacy_mner.images.efficientnet import create_efficientnet_lite0
from spacy_mner.images.encode import encode
from spacy_mner.images.googlenet import create_googlenet
from spacy_mner.images.reading import read_rgb

# Those that come inside the package; nothing is downloaded.
# fmt: off
PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "color.png",
    "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png",
    "motorcycle_right.png", "retina.jpg", "rocket.jpg",
)
# fmt: on


def main(
    networks: Annotated[list[str] | None, typer.Argument(help="Default: both")] = None,
    pictures: Annotated[int, typer.Option(help="Number of JPEGs")] = 512,
    folders: Annotated[int, typer.Option(help="Folders that they are divided among")] = 4,
    rounds: Annotated[int, typer.Option(help="Rounds of each contestant")] = 3,
    batch_size: Annotated[int, typer.Option(help="Pictures to a batch")] = SMALL_BATCH,
    threads: Annotated[int, typer.Option(help="Threads of torch")] = 2,
    exactness: Annotated[bool, typer.Option("--exactness", help="Compare vectors instead")] = False,
) -> None:
    """Print milliseconds per picture, and ratios."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as temporary:
        parts = make_pictures(Path(temporary) / "pictures", pictures, folders)
        if exactness:
            compare_vectors([path for part in parts for path in part])
            return
        for name in networks or NETWORKS:
            encoder, plain = NETWORKS[name](Path(temporary))
            print(f"{name}: {pictures} pictures, batches of {batch_size}, {threads} threads")
            measure(encoder, plain, parts, Path(temporary) / "store", rounds, batch_size)


def measure(
    encoder: Any,
    plain: Callable,
    parts: list[list[Path]],
    store: Path,
    rounds: int,
    batch_size: int,
) -> None:
    """Let the contestants take turns on each folder, and print what they took in all."""
    races = [
        take_turns(make_contestants(encoder, plain, paths, store, batch_size), rounds)
        for paths in parts
    ]
    # Of all folders, round by round.
    wall = {name: np.sum([race[name].seconds for race in races], axis=0) for name in races[0]}
    cpu = {name: np.sum([race[name].cpu for race in races], axis=0) for name in races[0]}
    n_pictures = sum(map(len, parts))
    for name in wall:
        each, work = (1000 * times[name].mean() / n_pictures for times in (wall, cpu))
        print(
            f"  {name.replace('_', ' '):25} {each:7.1f} ms, {work:7.1f} ms of CPU,"
            f" {1000 / each:6.1f} pictures/s"
        )
    for above, below in (
        ("folder_to_store", "network_alone"),
        ("folder_to_store", "network_alone_in_threads"),
        ("network_and_decoding", "network_alone_in_threads"),
        ("plain_loop", "folder_to_store"),
    ):
        ratio, by_round = wall[above].sum() / wall[below].sum(), wall[above] / wall[below]
        print(
            f"  {f'{above} / {below}'.replace('_', ' '):47} {ratio:.2f}"
            f"  (rounds: {', '.join(f'{x:.2f}' for x in by_round)})"
        )


def make_contestants(
    encoder: Any, plain: Callable, paths: list[Path], store: Path, batch_size: int
) -> dict[str, Callable[[], None]]:
    """The contestants for one folder of pictures, warmed up."""
    items = [encoder.read(path) for path in paths]
    batches = [items[i : i + batch_size] for i in range(0, len(items), batch_size)]
    at_least = encoder.recipe.preprocessing().at_least
    encoder.encode(batches[0])

    def network_alone() -> None:
        for batch in batches:
            encoder.encode(batch)

    def exhaust(sources: Iterable, read: Callable) -> None:
        stream = compute_vectors(enumerate(sources), encoder, read=read, batch_size=batch_size)
        for _ in stream:
            pass

    def network_alone_in_threads() -> None:
        exhaust(items, lambda item: item)

    def network_and_decoding() -> None:
        exhaust(zip(items, paths, strict=True), lambda pair: decode_beside(*pair, at_least))

    def folder_to_store() -> None:
        summary = encode(paths[0].parent, store, encoder, batch_size=batch_size, overwrite=True)
        if summary.encoded != len(paths):
            raise RuntimeError(summary.missing)

    def plain_loop() -> None:
        vectors = []
        with torch.no_grad():
            for path in paths:
                vectors.append(plain(path))
        np.save(store.with_suffix(".npy"), np.stack(vectors))

    contestants = (
        network_alone,
        network_alone_in_threads,
        network_and_decoding,
        folder_to_store,
        plain_loop,
    )
    return {contestant.__name__: contestant for contestant in contestants}


def decode_beside(item: Any, path: Path, at_least: int) -> Any:
    """Decode a JPEG at the reduced size that the encoder asks for, and forget it. RETURNS: The item."""
    with Image.open(path) as image:
        image.draft("RGB", (at_least, at_least))
        image.load()
    return item


def make_pictures(folder: Path, n: int, n_folders: int) -> list[list[Path]]:
    """Cut parts out of the photographs and enlarge them. RETURNS (list[list[Path]]): JPEGs by folder."""
    parts: list[list[Path]] = [[] for _ in range(n_folders)]
    for k in range(n_folders):
        (folder / str(k)).mkdir(parents=True)
    data = Path(os.path.dirname(skimage.data.__file__))
    photographs = [Image.open(data / name).convert("RGB") for name in PHOTOGRAPHS]
    rng = random.Random(0)
    for i in range(n):
        photograph = photographs[i % len(photographs)]
        width, height = (round(x * rng.uniform(0.6, 1.0)) for x in photograph.size)
        left, top = (
            rng.randint(0, x - y) for x, y in zip(photograph.size, (width, height), strict=True)
        )
        scale = rng.randint(1000, 2000) / max(width, height)
        picture = photograph.resize(
            (round(width * scale), round(height * scale)),
            Image.Resampling.BICUBIC,
            box=(left, top, left + width, top + height),
        )
        k = i % n_folders
        parts[k].append(folder / str(k) / f"{i:04}.jpg")
        picture.save(parts[k][-1], quality=rng.randint(75, 95))
    return parts


def with_googlenet(folder: Path) -> tuple[Any, Callable]:
    """The encoder, and what a plain loop does to one picture."""
    network = torchvision.models.googlenet(weights=None, init_weights=False, transform_input=True)
    torch.save(network.state_dict(), folder / "googlenet.pth")
    network.fc = torch.nn.Identity()
    network.eval()
    transform = v2.Compose(
        [
            v2.Resize(256),
            v2.CenterCrop(224),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    return (
        create_googlenet(path=folder / "googlenet.pth"),
        lambda path: network(transform(Image.open(path).convert("RGB"))[None])[0].numpy(),
    )


def with_efficientnet(folder: Path) -> tuple[Any, Callable]:
    """The encoder, and what a plain loop does to one picture."""
    network = EfficientNet.from_name("efficientnet-lite0").eval()  # as the package has it
    transform = v2.Compose(
        [
            v2.Resize(256, v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(224),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.498] * 3, [0.502] * 3),
        ]
    )
    return (
        create_efficientnet_lite0(),
        lambda path: (
            network.extract_features(transform(Image.open(path).convert("RGB"))[None])
            .mean(dim=(2, 3))[0]
            .numpy()
        ),
    )


NETWORKS = {"efficientnet_lite0": with_efficientnet, "googlenet": with_googlenet}


def compare_vectors(paths: list[Path]) -> None:
    """How far reading JPEGs at a reduced size moves the pooled vector of efficientnet_lite0.

    For comparison: another resampling filter, and a picture that was saved once more.
    """
    encoder = create_efficientnet_lite0()

    def vectors(read: Callable[[Path], Any]) -> np.ndarray:
        found = compute_vectors(((path, path) for path in paths), encoder, read=read)
        return np.stack([vector for _, vector in found])

    def at_least(pixels: int | None) -> Callable[[Path], Any]:
        return lambda path: encoder.read(read_rgb(path, at_least=pixels))

    def saved_again(path: Path) -> Any:
        with tempfile.TemporaryFile() as file:
            read_rgb(path).save(file, "JPEG", quality=90)
            file.seek(0)
            return encoder.read(reading.read_rgb(file.read()))

    whole = vectors(at_least(None))
    needed = efficientnet.SIZE + efficientnet.CROP_PADDING
    others = {
        f"JPEG of at least {2 * needed} pixels": at_least(2 * needed),
        f"JPEG of at least {needed} pixels (as encode)": at_least(needed),
        f"JPEG of at least {needed // 2} pixels": at_least(needed // 2),
        "whole, saved again (quality 90)": saved_again,
    }
    for resample in (Image.Resampling.BILINEAR, Image.Resampling.LANCZOS):
        others[f"whole, {resample.name.lower()} filter"] = lambda path, filter_=resample: resized(
            read_rgb(path), filter_
        )
    print(f"{len(paths)} pictures; mean absolute value of the vectors {np.abs(whole).mean():.3f}")
    print("                                            cosine              largest")
    print("against the whole picture           median    1 %     least    difference")
    for name, read in others.items():
        other = vectors(read)
        norms = np.linalg.norm(other, axis=1) * np.linalg.norm(whole, axis=1)
        cosines = (other * whole).sum(axis=1) / norms
        print(
            f"{name:36} {np.median(cosines):.4f}  {np.quantile(cosines, 0.01):.4f}  "
            f"{cosines.min():.4f}  {np.abs(other - whole).max():8.2f}"
        )


def resized(image: Image.Image, resample: Image.Resampling) -> np.ndarray:
    """The encoder's own preprocessing with another filter."""
    side = min(image.size) * efficientnet.SIZE / (efficientnet.SIZE + efficientnet.CROP_PADDING)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    size = (efficientnet.SIZE, efficientnet.SIZE)
    return np.asarray(image.resize(size, resample, box=(left, top, left + side, top + side)))


if __name__ == "__main__":
    typer.run(main)
