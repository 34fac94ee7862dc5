"""The configs in configs/ work with every command of spaCy's that takes a config or a pipeline."""

import importlib.util
import json
import random
from pathlib import Path

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.cli.package import package
from spacy.cli.train import train
from spacy.tokens import Doc, DocBin
from spacy.util import load_config, load_model_from_config
from typer.testing import CliRunner

from spacy_mner.extensions import set_extensions
from spacy_mner.models.tagger import get_tagger

from .transformers.builders import save_encoder

CONFIGS = Path(__file__).parents[1] / "configs"
HAS_TRANSFORMERS = importlib.util.find_spec("spacy_transformers") is not None
WITHOUT = pytest.mark.skipif(
    not HAS_TRANSFORMERS, reason="the extra `transformers` is not installed"
)
NAMES = ("mner", "paper", pytest.param("transformer", marks=WITHOUT))
TEMPLATES = (("{}", "in", "the", "garden"), ("see", "{}", "!"), ("my", "{}", "is", "back"))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A tiny corpus with pictures, and a table of vectors, as overrides of [paths]."""
    set_extensions()
    folder = tmp_path_factory.mktemp("corpus")
    nlp = spacy.blank("en")
    rng = np.random.default_rng(0)
    for word in ("daisy", "rose", "in", "the", "garden", "see", "my", "is", "back", "!"):
        nlp.vocab.set_vector(word, rng.normal(size=12).astype("float32"))
    nlp.to_disk(folder / "vectors")
    choose = random.Random(0)
    docs = []
    for name in ("Daisy", "Rose", "Robin", "Puma"):
        for template in TEMPLATES:
            for kind in ("PER", "ORG", None):
                words = [word.format(name) for word in template]
                label = "O" if kind is None else f"B-{kind}"
                doc = Doc(nlp.vocab, words=words, ents=[label if w == name else "O" for w in words])
                if choose.random() < 0.8:
                    doc._.image_vec = rng.normal(size=6).astype("float32") + len(label)
                docs.append(doc)
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "data.spacy")
    data = str(folder / "data.spacy")
    found = {"paths.train": data, "paths.dev": data, "paths.vectors": str(folder / "vectors")}
    if HAS_TRANSFORMERS:
        found["paths.transformer"] = str(save_encoder(folder / "encoder"))
    return found


@pytest.fixture(scope="module", params=NAMES)
def config(request):
    return CONFIGS / f"{request.param}.cfg"


@pytest.fixture(scope="module")
def model(config, paths, tmp_path_factory):
    """The folder of a pipeline that was trained for a few steps."""
    output = tmp_path_factory.mktemp(config.stem)
    steps = {"training.max_steps": 3, "training.eval_frequency": 2}
    train(config, output, overrides={**paths, **steps})
    return output / "model-last"


def run(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def as_options(paths):
    return [part for name, value in paths.items() for part in (f"--{name}", value)]


def leaves(config, prefix=()):
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*prefix, key))
        else:
            yield (*prefix, key), value


def test_filling_changes_nothing_that_is_set(config):
    given = load_config(config)
    filled = load_model_from_config(given, auto_fill=True, validate=True).config
    values = dict(leaves(filled.interpolate()))
    for path, value in leaves(given.interpolate()):
        if value != {}:
            assert values[path] == value, ".".join(path)
    again = load_model_from_config(filled, auto_fill=False, validate=True).config
    assert again.to_str() == filled.to_str()


def test_fill_config(config, tmp_path):
    run("init", "fill-config", config, tmp_path / "filled.cfg")
    filled = load_config(tmp_path / "filled.cfg")
    scorer = filled["components"]["mner"]["scorer"]
    assert scorer == {"@scorers": "spacy_mner.mner_scorer.v1"}
    width = 200 if config.stem == "transformer" else 150
    assert filled["components"]["mner"]["model"]["width"] == width


def test_init_labels_and_assemble(config, paths, tmp_path):
    run("init", "labels", config, tmp_path / "labels", *as_options(paths))
    assert json.loads((tmp_path / "labels" / "mner.json").read_text("utf8")) == ["ORG", "PER"]
    with_labels = load_config(config, interpolate=False)
    with_labels["initialize"]["components"] = {
        "mner": {
            "labels": {
                "@readers": "spacy.read_labels.v1",
                "path": str(tmp_path / "labels" / "mner.json"),
            }
        }
    }
    with_labels.to_disk(tmp_path / "config.cfg")
    # An assembled pipeline has seen no pictures.
    with pytest.warns(UserWarning, match="MW002"):
        run("assemble", tmp_path / "config.cfg", tmp_path / "model", *as_options(paths))
    nlp = spacy.load(tmp_path / "model")
    assert nlp.get_pipe("mner").labels == ("ORG", "PER")
    assert nlp("Daisy is back").has_annotation("ENT_IOB")


def test_train_with_pictures(model, config):
    nlp = spacy.load(model)
    tagger = get_tagger(nlp.get_pipe("mner").model)
    context = ["context"] if config.stem == "transformer" else []
    if tagger.evidence is None:
        assert tagger.modality_names == ["word", "char", "image"]
        assert tagger.docs["image"].standardize.mean.shape == (6,)
    else:
        assert tagger.modality_names == ["word", "char", *context]
        # One regression a label for all posts, and one for each of the five folds.
        assert tagger.evidence.scores.fitted.shape == (2, 6, 7)
        assert tagger.evidence.scores.fitted.any()
    doc = nlp.make_doc("Daisy is back")
    doc._.image_vec = np.zeros(6, dtype="float32")
    assert nlp(doc).has_annotation("ENT_IOB")
    # spaCy resolves the optimizer's section alone: it must not refer to values outside of it.
    expected = 0.01 if context else 0.0
    assert expected == nlp.resume_training().L2


def test_evaluate(model, paths, tmp_path):
    run("evaluate", model, paths["paths.dev"], "--output", tmp_path / "scores.json")
    scores = json.loads((tmp_path / "scores.json").read_text("utf8"))
    assert set(scores) >= {"ents_p", "ents_r", "ents_f", "ents_per_type"}
    assert set(scores["ents_per_type"]) >= {"ORG", "PER"}


# spaCy leaves the files that it writes there to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_package(model, config, tmp_path):
    package(model, tmp_path, name="posts", version="0.1.0", create_sdist=False, create_wheel=False)
    (folder,) = tmp_path.iterdir()
    assert folder.name == "en_posts-0.1.0"
    nlp = spacy.load(folder / "en_posts" / "en_posts-0.1.0")
    transformer = ["transformer"] if config.stem == "transformer" else []
    assert nlp.pipe_names == [*transformer, "mner"]
    # Who installs the package gets ours with it: spaCy finds what provides the factory.
    meta = json.loads((folder / "meta.json").read_text("utf8"))
    assert any(line.startswith("spacy-mner") for line in meta["requirements"])


def test_paper_profile():
    """The numbers of §4.3, and the choices the paper's text fixes."""
    given = load_config(CONFIGS / "paper.cfg").interpolate()
    model = given["components"]["mner"]["model"]
    modalities = model["modalities"]
    assert model["width"] == 150
    assert 2 * modalities["char"]["hidden_width"] == 150
    assert modalities["word"]["trainable"] is False
    assert modalities["word"]["shape_width"] == 0
    assert modalities["image"]["rank"] is None
    assert model["fusion"]["squash"] == "sigmoid"
    assert model["encoder"]["@architectures"] == "spacy_mner.CoupledBiLSTM.v1"
    assert model["encoder"]["hidden_width"] == 100
    assert given["training"]["batcher"] == {"@batchers": "spacy.batch_by_sequence.v1", "size": 10}
    optimizer = given["training"]["optimizer"]
    assert (optimizer["learn_rate"], optimizer["eps"], optimizer["L2"]) == (0.02, 1e-8, 0.0)


@WITHOUT
def test_transformer_profile():
    """What docs/transformer.md says of it: two rates with warm-up and linear decay, frozen embeddings."""
    given = load_config(CONFIGS / "transformer.cfg").interpolate()
    model = given["components"]["mner"]["model"]
    assert model["tok2vec"]["@architectures"] == "spacy-transformers.TransformerListener.v1"
    assert model["tok2vec"]["pooling"] == {"@layers": "reduce_mean.v1"}
    assert model["learn_rate_factor"] == 10
    optimizer = given["training"]["optimizer"]
    assert optimizer["L2"] == 0.01
    assert optimizer["L2_is_weight_decay"] is True
    assert optimizer["use_averages"] is False
    rate = optimizer["learn_rate"]
    assert rate["@schedules"] == "warmup_linear.v1"
    assert rate["initial_rate"] == 1.5e-4
    assert rate["warmup_steps"] * 10 == rate["total_steps"] == given["training"]["max_steps"]
    assert given["initialize"]["after_init"] == {
        "@callbacks": "spacy_mner.prepare_transformer.v1",
        "url": "http",
        "mention": "@user",
        "split_words": True,
        "drop_last_layers": 1,
        "freeze_embeddings": True,
        "cpu_bfloat16": False,
    }


def test_project_passes_the_encoder_to_every_command():
    """`--vars.config transformer --vars.train_args " --paths.transformer FOLDER"` reaches them all."""
    project = srsly.read_yaml(CONFIGS.parent / "project.yml")
    scripts = [script for command in project["commands"] for script in command["script"]]
    configured = [script for script in scripts if "configs/${vars.config}.cfg" in script]
    assert len(configured) >= 3
    assert all("${vars.train_args}" in script for script in configured)


def test_paper_model_takes_a_googlenet_vector(paths):
    """1,024 values a picture; every tensor has the paper's size, and only the vectors are frozen."""
    nlp = load_model_from_config(
        load_config(CONFIGS / "paper.cfg", overrides=paths), auto_fill=True
    )
    examples = []
    for doc in DocBin().from_disk(paths["paths.train"]).get_docs(nlp.vocab):
        doc._.image_vec = np.ones(1024, dtype="float32")
        examples.append(spacy.training.Example(nlp.make_doc(doc.text), doc))
    nlp.initialize(lambda: examples)
    tagger = get_tagger(nlp.get_pipe("mner").model)
    shapes = {name: tuple(value.shape) for name, value in tagger.named_parameters()}
    assert shapes["forms.word.transform.linear.weight"] == (150, 12)
    assert shapes["forms.char.transform.linear.weight"] == (150, 150)
    assert shapes["docs.image.transform.linear.weight"] == (150, 1024)
    assert not any(name.startswith("forms.word.residual") for name in shapes)
    assert tagger.encoder.nO == 200
