import json
from types import SimpleNamespace

import pytest

from ..pipelines import NAMES, TEMPLATES


@pytest.fixture(scope="session")
def trained(trained_on_vectors):
    """A trained pipeline and its data: see `trained_on_vectors`."""
    return trained_on_vectors


@pytest.fixture(scope="session")
def posts(tmp_path_factory):
    """Three files of posts: some name a picture, one a lost picture, and some cannot be read."""
    folder = tmp_path_factory.mktemp("posts")
    number = with_picture = 0
    for name, n in (("a", 5), ("b", 7), ("c", 11)):
        lines = []
        for _ in range(n):
            words = TEMPLATES[number % len(TEMPLATES)]
            text = " ".join(words).format(NAMES[number % len(NAMES)]) + f" no{number}"
            image = "gone" if number == 20 else (None, "person", "thing")[number % 3]
            with_picture += image in ("person", "thing")
            lines.append(json.dumps({"id": f"p{number}", "text": text, "image": image}))
            number += 1
        lines.insert(2, "{" if name == "a" else json.dumps({"id": name}))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf8")
    return SimpleNamespace(folder=folder, n=number, n_bad=3, with_picture=with_picture)
