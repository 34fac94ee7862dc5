"""docs/image-encoders.md says what is true."""

import re
from importlib.metadata import entry_points
from inspect import signature
from pathlib import Path

import catalogue
import numpy as np
import pytest
import spacy
from spacy.util import registry

from spacy_mner.images.registry import get_image_encoder

pytest.importorskip("PIL")
TEXT = (Path(__file__).parents[2] / "docs" / "image-encoders.md").read_text(encoding="utf8")


def test_every_encoder_and_option_is_described():
    names = [e.name for e in entry_points(group="spacy_image_encoders") if "spacy_mner" in e.value]
    assert len(names) == 9
    for name in names:
        assert f"| `{name}` |" in TEXT
        for option in signature(get_image_encoder(name)).parameters:
            assert f"`{option}`" in TEXT, (name, option)


def test_the_encoder_in_the_text_works():
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names = {}
    exec(code, names)
    registry.image_encoders("mean_colour", func=names["create_mean_colour"])
    try:
        nlp = spacy.blank("en")
        block = {"@image_encoders": "mean_colour"}
        nlp.add_pipe("image_encoder", config={"encoder": block})
        doc = nlp.make_doc("a post")
        doc._.image = np.full((20, 30, 3), (1, 2, 3), dtype="uint8")
        assert nlp(doc)._.image_vec.tolist() == [1.0, 2.0, 3.0]
    finally:
        catalogue._remove(("spacy", "image_encoders", "mean_colour"))
