"""The embedded sample is what its README says: balanced, disjoint, reproducible, recognisable."""

import json
import sys
from collections import Counter, defaultdict
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations, groupby
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "assets" / "sample"
sys.path.insert(0, str(ROOT / "scripts"))
make_sample = import_module("make_sample")
sample_crops = import_module("sample_crops")
sample_pictures = import_module("sample_pictures")
sample_words = import_module("sample_words")

SPLITS = ("train", "valid", "test")
POSTS = {
    split: [
        json.loads(line)
        for line in (SAMPLE / f"{split}.jsonl").read_text(encoding="utf8").rstrip("\n").split("\n")
    ]
    for split in SPLITS
}
ALL_POSTS = [post for posts in POSTS.values() for post in posts]
needs_photos = pytest.mark.skipif(
    find_spec("skimage") is None or find_spec("sklearn") is None or find_spec("PIL") is None,
    reason="needs scikit-image, scikit-learn and Pillow (extra 'sample')",
)


def mentions(post):
    """The entities of a post as (words in small letters without #, type)."""
    found = []
    for word, tag in zip(post["tokens"], post["tags"], strict=True):
        word = word.lower().lstrip("#")
        if tag[0] == "B":
            found.append(([word], tag[2:]))
        elif tag[0] == "I":
            found[-1][0].append(word)
    return [(" ".join(words), label) for words, label in found]


def open_posts(split):
    return [post for post in POSTS[split] if post["role"] == "decides"]


def test_files_reproduce_from_templates(tmp_path):
    counts = make_sample.write_sample(tmp_path)
    assert counts == {split: len(POSTS[split]) for split in SPLITS}
    for split in SPLITS:
        expected = (SAMPLE / f"{split}.jsonl").read_bytes()
        assert (tmp_path / f"{split}.jsonl").read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{s}.jsonl" for s in SPLITS)


def test_another_seed_gives_other_posts():
    other = make_sample.make_sample(seed=1)
    assert [post["tokens"] for post in other["test"]] != [post["tokens"] for post in POSTS["test"]]


def test_sizes():
    assert len(POSTS["train"]) >= 900
    assert len(POSTS["valid"]) >= 200
    assert len(POSTS["test"]) >= 300
    assert sum(path.stat().st_size for path in SAMPLE.glob("*.jsonl")) < 700_000


def test_records_are_well_formed():
    assert len({post["id"] for post in ALL_POSTS}) == len(ALL_POSTS)
    for post in ALL_POSTS:
        assert len(post["tokens"]) == len(post["tags"]) > 0
        assert all(token and not set(token) & set(" \t\n") for token in post["tokens"])
        assert (post["image"] is None) == (post["crop"] is None) == (post["role"] == "none")
        assert post["image"] in (None, f"pictures/{post['id']}.jpg")
        assert post["role"] in ("decides", "supports", "irrelevant", "none")
        assert ("open" in post) == (post["role"] == "decides")


def test_tags_are_legal_bio():
    legal = {"O", *(f"{b}-{label}" for b in "BI" for label in ("PER", "LOC", "ORG", "MISC"))}
    for post in ALL_POSTS:
        for previous, tag in zip(["O", *post["tags"]], post["tags"], strict=False):
            assert tag in legal
            if tag[0] == "I":
                assert previous[0] != "O", post["id"]
                assert previous[2:] == tag[2:], post["id"]
    for split in SPLITS:
        labels = {label for post in POSTS[split] for _, label in mentions(post)}
        assert labels == {"PER", "LOC", "ORG", "MISC"}


@pytest.mark.parametrize("split", SPLITS)
def test_a_third_has_no_or_an_irrelevant_picture(split):
    roles = Counter(post["role"] for post in POSTS[split])
    assert (roles["none"] + roles["irrelevant"]) / len(POSTS[split]) >= 1 / 3
    assert roles["decides"] / len(POSTS[split]) >= 0.45
    assert min(roles["none"], roles["irrelevant"], roles["supports"]) > 0


def test_forty_forms_have_several_readings():
    for split in SPLITS:
        readings = defaultdict(set)
        types = defaultdict(set)
        for post in open_posts(split):
            form, reading = post["open"]["form"], post["open"]["reading"]
            readings[form].add(reading)
            types[form].add(sample_words.TYPES[reading])
        assert len(readings) >= 40
        assert all(len(found) >= 2 for found in readings.values())
        assert all(len(found) >= 2 for found in types.values())


@pytest.mark.parametrize("split", SPLITS)
def test_text_of_open_posts_cannot_tell_the_reading(split):
    # Sentence, form, and how the form is written: in every reading equally often.
    counts = defaultdict(Counter)
    for post in open_posts(split):
        form, frame = post["open"]["form"], post["open"]["frame"]
        written = next(t.lstrip("#") for t in post["tokens"] if t.lower().lstrip("#") == form)
        hashtag = f"#{written}" in post["tokens"]
        counts[form, frame, written, hashtag][post["open"]["reading"]] += 1
    for key, by_reading in counts.items():
        expected = [r for r in sample_words.AMBIGUOUS if key[0] in sample_words.AMBIGUOUS[r]]
        assert set(by_reading) == set(expected[0])
        assert len(set(by_reading.values())) == 1, key


def test_tags_of_open_posts_follow_the_picture():
    for split in SPLITS:
        for post in open_posts(split):
            label = sample_words.TYPES[post["open"]["reading"]]
            found = mentions(post)
            assert {type_ for _, type_ in found} == ({label} if label else set())
            assert not label or (post["open"]["form"], label) in found


def test_names_that_only_test_has():
    words = {
        split: {token.lower().lstrip("#") for post in POSTS[split] for token in post["tokens"]}
        for split in SPLITS
    }
    new_forms = {post["open"]["form"] for post in open_posts("test")} - words["train"]
    assert len(new_forms) >= 15
    assert {"puma", "heather"} <= new_forms
    assert not new_forms & words["valid"]
    known = {name for post in POSTS["train"] for name, _ in mentions(post)}
    in_test = {name for post in POSTS["test"] for name, _ in mentions(post)}
    assert len(in_test - known) >= 80
    for label in ("PER", "LOC", "ORG", "MISC"):
        new = {n for p in POSTS["test"] for n, type_ in mentions(p) if type_ == label} - known
        assert len(new) >= 5, label


def test_forms_are_not_ordinary_words_or_names():
    forms = [form for forms in sample_words.AMBIGUOUS.values() for form in forms]
    assert len(forms) == len(set(forms))
    names = {name.lower() for names in sample_words.NAMES.values() for name in names}
    assert not set(forms) & names


def test_boxes_of_different_splits_do_not_overlap():
    boxes = defaultdict(set)
    for split in SPLITS:
        for post in POSTS[split]:
            if post["crop"]:
                boxes[post["crop"]["photo"]].add((split, *post["crop"]["box"]))
    shared = [photo for photo, found in boxes.items() if len({box[0] for box in found}) > 1]
    assert len(shared) >= 10
    assert not [photo for photo in shared if ".npy#" in photo]
    for photo in shared:
        for (split, a, b, c, d), (other, e, f, g, h) in combinations(boxes[photo], 2):
            apart = c <= e or g <= a or d <= f or h <= b
            assert apart or split == other, photo


@needs_photos
def test_boxes_lie_inside_the_photographs():
    for post in ALL_POSTS:
        if post["crop"]:
            photo = sample_pictures.open_photo(post["crop"]["photo"])
            left, upper, right, lower = post["crop"]["box"]
            assert 0 <= left < right <= photo.width
            assert 0 <= upper < lower <= photo.height


@needs_photos
def test_pictures_are_written_once_and_are_valid(tmp_path):
    from PIL import Image

    with_picture = [post for post in POSTS["valid"] if post["crop"]][:5]
    sample = tmp_path / "sample"
    sample.mkdir()
    lines = [json.dumps(post) for post in [*with_picture, {"image": None, "crop": None}]]
    (sample / "valid.jsonl").write_text("\n".join(lines), encoding="utf8")
    out = tmp_path / "out"
    assert sample_pictures.write_pictures(sample, out, progress=False) == (5, 0)
    assert sorted(path.name for path in (out / "pictures").iterdir()) == sorted(
        Path(post["image"]).name for post in with_picture
    )
    for post in with_picture:
        with Image.open(out / post["image"]) as picture:
            picture.load()
            assert (picture.format, picture.size, picture.mode) == ("JPEG", (224, 224), "RGB")
    first = out / with_picture[0]["image"]
    content = first.read_bytes()
    first.unlink()
    assert sample_pictures.write_pictures(sample, out, progress=False) == (1, 4)
    assert first.read_bytes() == content


@needs_photos
def test_a_flipped_crop_is_the_mirror_image():
    from PIL import ImageOps

    crop = {"photo": "skimage:astronaut.png", "box": [345, 0, 480, 135]}
    plain, flipped = sample_pictures.cut(crop), sample_pictures.cut({**crop, "flip": True})
    assert plain.tobytes() != flipped.tobytes()
    assert plain.tobytes() == ImageOps.mirror(flipped).tobytes()


@needs_photos
@pytest.mark.parametrize(
    ("crop", "image", "error"),
    [
        ({"photo": "skimage:moon.png", "box": [0, 0, 513, 9]}, "p.jpg", "does not fit"),
        ({"photo": "skimage:moon.png", "box": [9, 0, 9, 9]}, "p.jpg", "does not fit"),
        ({"photo": "skimage:../moon.png", "box": [0, 0, 9, 9]}, "p.jpg", "not the name"),
        ({"photo": "numpy:moon.png", "box": [0, 0, 9, 9]}, "p.jpg", "not the name"),
        ({"photo": "skimage:moon.png", "box": [0, 0, 9, 9]}, "../p.jpg", "leaves"),
    ],
)
def test_bad_records_are_refused(tmp_path, crop, image, error):
    (tmp_path / "test.jsonl").write_text(json.dumps({"image": image, "crop": crop}))
    with pytest.raises(ValueError, match=error):
        sample_pictures.write_pictures(tmp_path, tmp_path / "out", progress=False)
    assert not list(tmp_path.rglob("*.jpg"))


@needs_photos
def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No \.jsonl files"):
        sample_pictures.write_pictures(tmp_path, tmp_path, progress=False)
    with pytest.raises(FileNotFoundError, match=r"nothing\.png"):
        sample_pictures.open_photo("skimage:nothing.png")


@needs_photos
@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("efficientnet_lite_pytorch") is None, reason="needs the extra 'sample'"
)
def test_classifier_recognises_the_categories_in_other_splits():
    import numpy
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from spacy_mner.images.efficientnet import create_efficientnet_lite0

    encoder = create_efficientnet_lite0()
    rng = Random(0)
    drawn = [
        (split, category, sample_pictures.cut(sample_crops.draw_crop(rng, category, split)))
        for split, n in (("train", 12), ("valid", 4), ("test", 6))
        for category in sample_words.TYPES
        for _ in range(n)
    ]
    pictures = [encoder.read(picture) for _, _, picture in drawn]
    batches = [encoder.encode(pictures[i : i + 32]) for i in range(0, len(pictures), 32)]
    vectors = numpy.stack([vector for batch in batches for vector in batch])
    rows = {
        split: [i for i, _ in found]
        for split, found in groupby(enumerate(drawn), key=lambda pair: pair[1][0])
    }
    categories = numpy.array([category for _, category, _ in drawn])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    model.fit(vectors[rows["train"]], categories[rows["train"]])
    for split in ("valid", "test"):
        assert model.score(vectors[rows[split]], categories[rows[split]]) >= 0.9


def test_readme_states_the_counts():
    readme = (SAMPLE / "README.md").read_text(encoding="utf8")
    for split, posts in POSTS.items():
        roles = Counter(post["role"] for post in posts)
        types = Counter(label for post in posts for _, label in mentions(post))
        cells = [split, len(posts)]
        cells += [roles[role] for role in ("decides", "supports", "irrelevant", "none")]
        cells += [types[label] for label in ("PER", "LOC", "ORG", "MISC")]
        assert f"| {' | '.join(str(cell) for cell in cells)} |" in readme
