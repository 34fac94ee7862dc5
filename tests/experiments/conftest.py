"""The embedded sample with vectors of its own words, so that a run takes seconds."""

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_mner.experiments.runs import Data
from spacy_mner.images.store import FeatureStoreWriter
from spacy_mner.images.types import EncoderInfo

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
    # The lemma of a word says more than its letters: half of the words have a vector.
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
def trained(sample, tmp_path_factory):
    """Two pipelines, with pictures and without, trained on the sample; and the results of their runs."""
    from thinc.api import Config

    from spacy_mner.experiments.rows import ROWS
    from spacy_mner.experiments.runs import Trial, run_trial
    from spacy_mner.experiments.settings import change

    folder = tmp_path_factory.mktemp("trained")
    base = Config().from_disk(CONFIGS / "mner.cfg", interpolate=False)
    base = change(base, {"components.mner.model.width": 40})
    results = {}
    for name in ("recommended", "recommended-text"):
        row = ROWS[name]
        trial = Trial(name, change(base, row.settings), 0, row.images, steps=120)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results[name] = run_trial(
                trial,
                sample.data,
                folder / "runs" / name / "seed-0.json",
                model_dir=folder / "models" / name / "seed-0",
            )
    return SimpleNamespace(
        folder=folder,
        results=results,
        seeing=folder / "models" / "recommended" / "seed-0",
        blind=folder / "models" / "recommended-text" / "seed-0",
    )
