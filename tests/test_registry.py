"""Every registered name resolves, and installing the package costs other pipelines nothing."""

import configparser
import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import catalogue
import numpy as np
import pytest
import spacy
import thinc

from spacy_mner.images.store import FeatureStoreWriter
from spacy_mner.images.types import EncoderInfo

ROOT = Path(__file__).parents[1]

# An import of one of these fails, as it does where only the core is installed.
BLOCKED = (
    "PIL",
    "torchvision",
    "timm",
    "open_clip",
    "safetensors",
    "transformers",
    "huggingface_hub",
    "matplotlib",
    "skimage",
    "pandas",
    "pyarrow",
    "ray",
    "sklearn",
    "cupy",
)
# spaCy imports the components of every installed package with its first pipeline; those of
# spacy-transformers bring their own heavy packages and warnings.
ALONE = """
import catalogue
all_points = catalogue.Registry._get_entry_points
catalogue.Registry._get_entry_points = lambda self: [
    point for point in all_points(self) if "transformers" not in point.value.partition(":")[0]
]
"""
PRELUDE = f"""
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Block())
"""


def declared():
    """(group, name, value) of every entry point in setup.cfg."""
    config = configparser.ConfigParser(delimiters=("=",))
    config.optionxform = str
    config.read(ROOT / "setup.cfg", encoding="utf8")
    return [
        (group, *(part.strip() for part in line.split("=", 1)))
        for group, lines in config["options.entry_points"].items()
        for line in lines.strip().splitlines()
    ]


DECLARED = declared()


def test_there_are_entry_points():
    groups = {group for group, _, _ in DECLARED}
    assert {"spacy_factories", "spacy_architectures", "spacy_cli", "thinc_optimizers"} <= groups
    assert len(DECLARED) == len({(group, name) for group, name, _ in DECLARED})


@pytest.mark.parametrize(("group", "name", "value"), DECLARED)
def test_entry_point_resolves(group, name, value):
    module_name, _, attribute = value.partition(":")
    module = import_module(module_name)
    target = getattr(module, attribute) if attribute else module
    installed = {e.name: e for e in entry_points(group=group)}
    assert name in installed, "run `pip install -e .` again"
    assert installed[name].load() is target


@pytest.mark.parametrize(("group", "name", "value"), DECLARED)
def test_registry_finds_the_name(group, name, value):
    package, _, registry = group.partition("_")
    if registry in ("factories", "cli", "image_encoders"):
        pytest.skip("not a registry of functions in spaCy or Thinc")
    owner = spacy.registry if package == "spacy" else thinc.registry
    found = owner.get(registry, name)
    module_name, _, attribute = value.partition(":")
    assert found is getattr(import_module(module_name), attribute)


def test_image_encoders_are_in_their_own_registry():
    names = {name for group, name, _ in DECLARED if group == "spacy_image_encoders"}
    registry = catalogue.create("spacy", "image_encoders", entry_points=True)
    assert names
    assert names <= set(registry.get_all())


def run(code, *, blocked=True):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", ALONE + (PRELUDE if blocked else "") + code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_works_without_the_optional_packages_and_without_warnings():
    done = run(
        f"""
import spacy_mner
import spacy
nlp = spacy.blank("en")
nlp.add_pipe("mner")
assert nlp.pipe_names == ["mner"]
loaded = set(m.partition(".")[0] for m in sys.modules)
assert not loaded & set({BLOCKED!r})
"""
    )
    assert done.returncode == 0, done.stderr


def test_converts_trains_and_predicts_without_the_optional_packages(tmp_path):
    """With pictures that are in a store; all commands are imported, too."""
    with FeatureStoreWriter(tmp_path / "store", encoder=EncoderInfo("test", 4, {})) as writer:
        for i, name in enumerate("ab"):
            writer.add(name, np.eye(2, 4, dtype="float32")[i])
    post = {"tokens": ["Ann", "met", "Bob"], "tags": ["B-PER", "O", "B-PER"], "image": "a"}
    other = {"tokens": ["in", "Oslo"], "tags": ["O", "B-LOC"], "image": "b"}
    lines = [json.dumps(record) + "\n" for record in (post, other)]
    (tmp_path / "posts.jsonl").write_text("".join(lines), encoding="utf8")
    done = run(
        f"""
import warnings
from pathlib import Path
import spacy
import spacy_mner.cli
from spacy.training import Corpus
from spacy_mner.cli.convert import convert
folder = Path({str(tmp_path)!r})
convert(str(folder / "posts.jsonl"), folder / "posts.spacy", features=folder / "store")
nlp = spacy.blank("en")
nlp.add_pipe("mner")
examples = list(Corpus(folder / "posts.spacy")(nlp))
assert all(eg.reference._.image_vec.shape == (4,) for eg in examples)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # there are no word vectors
    optimizer = nlp.initialize(lambda: examples)
optimizer.learn_rate = 0.003
for _ in range(25):
    nlp.update(examples, sgd=optimizer)
for text, ents in (("Ann met Bob", "PER PER"), ("in Oslo", "LOC")):
    assert " ".join(ent.label_ for ent in nlp(text).ents) == ents
loaded = set(m.partition(".")[0] for m in sys.modules)
assert not loaded & set({BLOCKED!r})
"""
    )
    assert done.returncode == 0, done.stderr


def test_add_pipe_needs_no_import_and_the_optional_packages_stay_unloaded():
    done = run(
        f"""
import sys
import spacy
nlp = spacy.blank("en")
nlp.add_pipe("mner")
loaded = set(m.partition(".")[0] for m in sys.modules)
assert not loaded & set({BLOCKED!r})
""",
        blocked=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_block_blocks():
    assert "blocked: PIL" in run("import PIL").stderr


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ({"@architectures": "spacy_mner.WordVectors.v1", "unknown": "guess"}, "M006"),
        ({"@architectures": "spacy_mner.ImageVectors.v1", "pooling": "max"}, "M006"),
        ({"@architectures": "spacy_mner.ModalityAttention.v1", "squash": "relu"}, "M006"),
        ({"@architectures": "spacy_mner.ModalityAttention.v1", "combine": "relu"}, "M006"),
        ({"@architectures": "spacy_mner.CharCNN.v1", "window": 4}, "M011"),
    ],
)
def test_wrong_settings_are_refused_when_the_pipeline_is_built(block, code):
    with pytest.raises(ValueError, match=rf"\[{code}\]"):
        spacy.registry.resolve({"part": block})
