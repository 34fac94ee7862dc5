"""Where the sample's pictures come from: photographs, and the part of each that a split may use.

The photographs ship inside scikit-image and scikit-learn. A region belongs to one split, and every
crop of a split lies inside one of its regions, so crops of different splits never overlap.
"""

from random import Random
from typing import NamedTuple

SPLITS = ("train", "valid", "test")


class Region(NamedTuple):
    """A rectangle of a photograph that only one split cuts crops from.

    photo (str): "skimage:NAME" or "sklearn:NAME".
    box (Tuple[int, int, int, int]): Left, upper, right, lower, in pixels of the original.
    """

    photo: str
    box: tuple[int, int, int, int]


def draw_crop(rng: Random, category: str, split: str) -> dict:
    """Draw a crop that shows a category, out of what belongs to a split.

    rng (Random): Source of randomness.
    category (str): A key of REGIONS.
    split (str): "train", "valid" or "test".
    RETURNS (dict): "photo", "box" and, where the crop is mirrored, "flip".
    """
    regions = REGIONS[category][split]
    if category == "person" and (not regions or rng.random() < _FACE_SHARE):
        crop = _draw_face(rng, split)
    else:
        region = rng.choice(regions)
        crop = {"photo": region.photo, "box": _draw_square(rng, region.box)}
    # Mirrored print would be a giveaway of its own.
    if category != "page" and rng.random() < 0.5:
        crop["flip"] = True
    return crop


# The first hundred 25 x 25 patches of the file are faces; each index belongs to one split.
FACES = {"train": range(0, 60), "valid": range(60, 74), "test": range(74, 100)}
_FACE_SHARE = 0.85

_PLAIN_PHOTOS = {
    "hubble_deep_field.jpg": (1000, 872),
    "moon.png": (512, 512),
    "brick.png": (512, 512),
    "ihc.png": (512, 512),
}


def _texture(photo: str, width: int, height: int) -> dict[str, list[Region]]:
    """Divide an even texture: the left half for train, the right half for valid and test."""
    x, y = width // 2, height // 2
    return {
        "train": [Region(f"skimage:{photo}", (0, 0, x, height))],
        "valid": [Region(f"skimage:{photo}", (x, 0, width, y))],
        "test": [Region(f"skimage:{photo}", (x, y, width, height))],
    }


def _neutral() -> dict[str, list[Region]]:
    """Photographs that show none of the categories, for posts whose picture says nothing."""
    by_photo = [_texture(photo, *size) for photo, size in _PLAIN_PHOTOS.items()]
    return {split: [parts[split][0] for parts in by_photo] for split in SPLITS}


# category -> split -> regions. Chosen by eye so that each shows the subject, and checked with an
# image classifier (see the sample's README).
REGIONS: dict[str, dict[str, list[Region]]] = {
    "person": {
        "train": [Region("skimage:astronaut.png", (120, 0, 330, 210))],
        "valid": [],
        "test": [Region("skimage:camera.png", (130, 50, 280, 198))],
    },
    "place": {
        "train": [Region("sklearn:china.jpg", (55, 20, 212, 230))],
        "valid": [Region("sklearn:china.jpg", (55, 230, 212, 427))],
        "test": [Region("sklearn:china.jpg", (212, 20, 370, 427))],
    },
    "motor": {
        "train": [Region("skimage:motorcycle_left.png", (90, 140, 330, 420))],
        "valid": [Region("skimage:motorcycle_left.png", (330, 130, 480, 400))],
        "test": [Region("skimage:motorcycle_left.png", (480, 150, 710, 470))],
    },
    "rocket": {
        "train": [
            Region("skimage:rocket.jpg", (230, 110, 410, 300)),
            Region("skimage:astronaut.png", (345, 0, 480, 135)),
        ],
        "valid": [Region("skimage:astronaut.png", (345, 135, 480, 270))],
        "test": [Region("skimage:rocket.jpg", (250, 300, 387, 427))],
    },
    "page": {
        "train": [
            Region("skimage:page.png", (0, 0, 140, 191)),
            Region("skimage:text.png", (0, 0, 220, 172)),
        ],
        "valid": [Region("skimage:page.png", (140, 0, 262, 191))],
        "test": [
            Region("skimage:page.png", (262, 0, 384, 191)),
            Region("skimage:text.png", (220, 0, 448, 172)),
        ],
    },
    "flower": {
        "train": [Region("sklearn:flower.jpg", (130, 60, 300, 300))],
        "valid": [Region("sklearn:flower.jpg", (200, 300, 430, 427))],
        "test": [Region("sklearn:flower.jpg", (300, 60, 470, 300))],
    },
    "coffee": {
        "train": [Region("skimage:coffee.png", (60, 20, 292, 390))],
        "valid": [Region("skimage:coffee.png", (292, 230, 480, 390))],
        "test": [Region("skimage:coffee.png", (292, 20, 480, 230))],
    },
    "cat": {
        "train": [Region("skimage:chelsea.png", (0, 0, 205, 300))],
        "valid": [Region("skimage:chelsea.png", (205, 170, 390, 300))],
        "test": [Region("skimage:chelsea.png", (205, 0, 390, 170))],
    },
    "coins": {
        "train": [Region("skimage:coins.png", (0, 0, 384, 152))],
        "valid": [Region("skimage:coins.png", (0, 152, 170, 303))],
        "test": [Region("skimage:coins.png", (170, 152, 384, 303))],
    },
    "grass": _texture("grass.png", 512, 512),
    "gravel": _texture("gravel.png", 512, 512),
    "neutral": _neutral(),
}


def _draw_face(rng: Random, split: str) -> dict:
    left, upper = rng.randint(0, 2), rng.randint(0, 2)
    side = 25 - rng.randint(max(left, upper), 3)
    index = rng.choice(FACES[split])
    return {
        "photo": f"skimage:lfw_subset.npy#{index}",
        "box": [left, upper, left + side, upper + side],
    }


def _draw_square(rng: Random, box: tuple[int, int, int, int]) -> list[int]:
    """Draw a square inside a region, at least two thirds as wide as the region is narrow."""
    left, upper, right, lower = box
    narrow = min(right - left, lower - upper)
    side = rng.randint(narrow * 2 // 3, narrow)
    x = rng.randint(left, right - side)
    y = rng.randint(upper, lower - side)
    return [x, y, x + side, y + side]
