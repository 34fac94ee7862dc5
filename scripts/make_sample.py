"""Write the posts of the embedded sample from templates; the same seed gives the same files."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from sample_crops import SPLITS, draw_crop
from sample_noise import Style, add_noise
from sample_sentences import CLEAR_SENTENCES, OPEN_FRAMES
from sample_words import AMBIGUOUS, NAMES, TYPES

SEED = 2018
SIZES = {"train": 1000, "valid": 220, "test": 330}
# What the picture does for the post.
ROLE_SHARES = {"decides": 0.54, "supports": 0.1, "irrelevant": 0.19, "none": 0.17}
# Part of the posts of valid and test that use names which no other split has.
NEW_NAME_SHARE = 0.5

Tagged = list[tuple[str, str]]


def make_sample(*, seed: int = SEED) -> dict[str, list[dict]]:
    """Make the posts of every split.

    seed (int): Seed of all random choices.
    RETURNS (Dict[str, List[dict]]): Records by split, in the order in which they are written.
    """
    return {split: _make_split(Random(f"{seed}-{split}"), split) for split in SPLITS}


def write_sample(output: Path, *, seed: int = SEED) -> dict[str, int]:
    """Write train.jsonl, valid.jsonl and test.jsonl.

    output (Path): Folder to write to.
    seed (int): Seed of all random choices.
    RETURNS (Dict[str, int]): Number of posts by split.
    """
    output.mkdir(parents=True, exist_ok=True)
    sample = make_sample(seed=seed)
    for split, posts in sample.items():
        path = output / f"{split}.jsonl"
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        lines = [json.dumps(p, ensure_ascii=False, separators=(",", ":")) for p in posts]
        temporary.write_text("\n".join(lines) + "\n", encoding="utf8", newline="\n")
        os.replace(temporary, path)
    return {split: len(posts) for split, posts in sample.items()}


def forms_of_split(forms: list[str], split: str) -> tuple[list[str], list[str]]:
    """Divide a list of names among the splits: the tail is kept back for test and for valid.

    forms (List[str]): All names of one kind.
    split (str): "train", "valid" or "test".
    RETURNS (Tuple[List[str], List[str]]): Names that all splits share, and those that this split
        has for itself.
    """
    n_test = round(len(forms) * 0.2)
    n_valid = round(len(forms) * 0.1)
    shared = forms[: len(forms) - n_test - n_valid]
    own = {
        "train": [],
        "valid": forms[len(shared) : len(forms) - n_test],
        "test": forms[len(forms) - n_test :],
    }
    return shared, own[split]


def _make_split(rng: Random, split: str) -> list[dict]:
    size = SIZES[split]
    quota = {role: round(size * share) for role, share in ROLE_SHARES.items()}
    posts = list(_decided_by_picture(rng, split, quota["decides"]))
    n_others = size - len(posts)
    roles = ["supports"] * quota["supports"] + ["none"] * quota["none"]
    roles += ["irrelevant"] * (n_others - len(roles))
    posts += [_decided_by_text(rng, split, role) for role in roles]
    rng.shuffle(posts)
    return [_with_id(post, f"{split}-{i:04}") for i, post in enumerate(posts, start=1)]


def _with_id(post: dict, post_id: str) -> dict:
    image = f"pictures/{post_id}.jpg" if post["crop"] is not None else None
    return {"id": post_id, "tokens": post["tokens"], "tags": post["tags"], "image": image, **post}


# Posts that only the picture decides


def _decided_by_picture(rng: Random, split: str, quota: int) -> Iterator[dict]:
    """Give each drawn sentence once in every reading of its form, so that text is at chance."""
    made = 0
    for readings, form, other in _cycle_forms(rng, split):
        if made + len(readings) > quota:
            return
        made += len(readings)
        frame = rng.choice([f for f in OPEN_FRAMES if other or "{y}" not in f])
        # Capitals and hash signs are drawn once for all readings: they must not tell.
        style = Style.draw_open(rng)
        for reading in readings:
            words = _fill_frame(frame, {"x": form, "y": other}, TYPES[reading])
            yield {
                **_record(add_noise(rng, words, style)),
                "crop": draw_crop(rng, reading, split),
                "role": "decides",
                "open": {"form": form, "frame": frame, "reading": reading},
            }


def _cycle_forms(rng: Random, split: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Go round all forms in random order, each with another form of the same readings."""
    while True:
        turn = []
        for readings, forms in AMBIGUOUS.items():
            shared, own = forms_of_split(forms, split)
            known = [form for form in shared if not own or rng.random() > NEW_NAME_SHARE]
            for form in known + own:
                others = [other for other in shared + own if other != form]
                turn.append((readings, form, rng.choice(others) if others else ""))
        rng.shuffle(turn)
        yield from turn


def _fill_frame(frame: str, forms: dict[str, str], label: str) -> Tagged:
    return [
        (forms[token[1:-1]], f"B-{label}" if label else "O") if token[0] == "{" else (token, "")
        for token in frame.split()
    ]


# Posts whose text is clear


def _decided_by_text(rng: Random, split: str, role: str) -> dict:
    sentence = rng.choice(CLEAR_SENTENCES)
    while role == "supports" and not _shown_by(sentence):
        sentence = rng.choice(CLEAR_SENTENCES)
    shown = _shown_by(sentence)
    crop = None
    if role == "supports":
        crop = draw_crop(rng, rng.choice(sorted(shown)), split)
    elif role == "irrelevant":
        others = sorted(set(TYPES) - shown)
        category = "neutral" if rng.random() < 0.5 else rng.choice(others)
        crop = draw_crop(rng, category, split)
    words = [
        pair
        for token in sentence.split()
        for pair in (_fill_slot(rng, split, token[1:-1]) if token[0] == "{" else [(token, "")])
    ]
    return {**_record(add_noise(rng, words, Style.draw_clear(rng))), "crop": crop, "role": role}


def _shown_by(sentence: str) -> set[str]:
    """Name the picture categories that would show something the sentence speaks of."""
    slots = re.findall(r"{(\w+)}", sentence)
    places = {"PER": "person", "LOC": "place"}
    return {places.get(slot, slot) for slot in slots} & set(TYPES)


def _fill_slot(rng: Random, split: str, slot: str) -> Tagged:
    if slot == "PER":
        first = _fill_slot(rng, split, "FIRST")
        return first if rng.random() < 0.4 else first + _fill_slot(rng, split, "LAST")
    if slot == "LAST":
        return [(_draw_name(rng, NAMES[slot], split), "I-PER")]
    if slot in NAMES:
        label = "PER" if slot == "FIRST" else slot
        first_word, *rest = _draw_name(rng, NAMES[slot], split).split()
        return [(first_word, f"B-{label}"), *[(word, f"I-{label}") for word in rest]]
    forms = rng.choice([forms for readings, forms in AMBIGUOUS.items() if slot in readings])
    form = _draw_name(rng, forms, split)
    # Nothing but a name has a capital here, as in careful writing.
    return [(form.title(), f"B-{TYPES[slot]}")] if TYPES[slot] else [(form, "O")]


def _draw_name(rng: Random, names: list[str], split: str) -> str:
    shared, own = forms_of_split(names, split)
    return rng.choice(own if own and rng.random() < NEW_NAME_SHARE else shared)


def _record(words: Tagged) -> dict:
    return {"tokens": [word for word, _ in words], "tags": [tag or "O" for _, tag in words]}


def main(
    output: Annotated[Path, typer.Argument(help="Folder to write to")] = Path("assets/sample"),
    seed: Annotated[int, typer.Option(help="Seed of all random choices")] = SEED,
) -> None:
    """Write the posts of the embedded sample: train.jsonl, valid.jsonl and test.jsonl."""
    for split, n in write_sample(output, seed=seed).items():
        typer.echo(f"{output / split}.jsonl: {n} posts")


if __name__ == "__main__":
    typer.run(main)
