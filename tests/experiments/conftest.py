"""The embedded sample with vectors of its own words, so that a run takes seconds."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin
from thinc.api import Config

from spacy_mner.experiments.rows import ROWS
from spacy_mner.experiments.runs import Data, Trial, run_trial
from spacy_mner.experiments.settings import change
from spacy_mner.extensions import set_extensions
from spacy_mner.images.store import FeatureStoreWriter
from spacy_mner.images.types import EncoderInfo

from ..pipelines import make_doc, make_posts

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Posts of the sample. A picture's vector tells which photograph it is from, with some noise."""
    from spacy_mner.cli.convert import convert

    folder = tmp_path_factory.mktemp("sample")
    rng = np.random.default_rng(0)
    photographs, words = {}, set()
    with FeatureStoreWriter(folder / "features", encoder=EncoderInfo("test", 24, {})) as writer:
        for split in ("train", "test"):
            for line in (ROOT / f"assets/sample/{split}.jsonl").read_text("utf8").splitlines():
                post = json.loads(line)
                words.update(word.lower() for word in post["tokens"])
                if post["crop"]:
                    photo = post["crop"]["photo"]
                    mean = photographs.setdefault(photo, rng.normal(size=24))
                    vector = (mean + 0.3 * rng.normal(size=24)).astype("float32")
                    writer.add(post["image"].removesuffix(".jpg"), vector)
    for split in ("train", "test"):
        convert(
            str(ROOT / f"assets/sample/{split}.jsonl"),
            folder / f"{split}.spacy",
            features=folder / "features",
        )
    # Half of the words have a vector.
    nlp = spacy.blank("en")
    for word in sorted(words)[::2]:
        nlp.vocab.set_vector(word, rng.normal(size=20).astype("float32"))
    nlp.to_disk(folder / "vectors")
    return SimpleNamespace(
        folder=folder,
        train=folder / "train.spacy",
        test=folder / "test.spacy",
        vectors=str(folder / "vectors"),
        data=Data(folder / "train.spacy", folder / "test.spacy", str(folder / "vectors")),
    )


@pytest.fixture(scope="session")
def small(sample):
    """The same with 60 posts to train on and 40 to score."""
    vocab = spacy.blank("en").vocab
    paths = []
    for split, n in (("train", 60), ("test", 40)):
        docs = list(DocBin().from_disk(sample.folder / f"{split}.spacy").get_docs(vocab))[:n]
        path = sample.folder / "small" / f"{split}.spacy"
        path.parent.mkdir(exist_ok=True)
        DocBin(docs=docs, store_user_data=True).to_disk(path)
        paths.append(path)
    return Data(*paths, sample.vectors)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Two pipelines, with pictures and without, and the results of their runs.

    Whether a name is a person stands in the picture alone. In the scored posts, the gold of some is wrong on
    purpose: there the pipeline that believes its pictures errs.
    """
    set_extensions()
    folder = tmp_path_factory.mktemp("trained")
    vocab = spacy.blank("en").vocab
    paths = {}
    for split in ("train", "test"):
        docs = []
        for i, (words, place, person, noise) in enumerate(make_posts()):
            gold = not person if split == "test" and i % 7 == 3 else person
            doc = make_doc(SimpleNamespace(vocab=vocab), words, place, gold, noise)
            if person is not None:
                doc._.image_vec = make_doc(
                    SimpleNamespace(vocab=vocab), words, place, person, noise
                )._.image_vec
                doc._.image_id = f"pictures/{i}"
            else:
                doc._.image_vec = None
            docs.append(doc)
        paths[split] = folder / f"{split}.spacy"
        DocBin(docs=docs, store_user_data=True).to_disk(paths[split])
    base = Config().from_disk(CONFIGS / "mner.cfg", interpolate=False)
    narrow = {
        "components.mner.model.width": 24,
        "components.mner.model.encoder.hidden_width": 16,
        "components.mner.model.modalities.char.hidden_width": 8,
        "components.mner.model.modalities.word.min_freq": 1,
        # The picture as a modality, so that there is a weight to look at.
        "components.mner.model.modalities.image": {
            "@architectures": "spacy_mner.ImageVectors.v1",
            "rank": 32,
            "dropout": 0.25,
        },
        "components.mner.model.evidence": None,
        "training.dropout": 0.35,
        "training.optimizer.learn_rate.initial_rate": 0.02,
    }
    results = {}
    for name in ("recommended", "recommended-text"):
        row = ROWS[name]
        trial = Trial(name, change(change(base, narrow), row.settings), 0, row.images, steps=60)
        results[name] = run_trial(
            trial,
            Data(paths["train"], paths["test"]),
            folder / "runs" / name / "seed-0.json",
            model_dir=folder / "models" / name / "seed-0",
        )
    return SimpleNamespace(
        folder=folder,
        test=paths["test"],
        results=results,
        seeing=folder / "models" / "recommended" / "seed-0",
        blind=folder / "models" / "recommended-text" / "seed-0",
    )
