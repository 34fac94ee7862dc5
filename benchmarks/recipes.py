"""Pipelines whose config holds the recipe that they are usually trained by."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.util import load_config, load_model, load_model_from_config
from spacy_pipelines import NER_SIZES, ner_config
from thinc.api import Config

from spacy_mner.experiments.settings import change


def make_recipe(name: str, config: Path) -> Config:
    """A training config without data.

    name (str): "mner", or one of spaCy's `ner` in `NER_SIZES`. Their recipe is what `spacy init config`
        writes, whatever the size.
    config (Path): the training config of `mner`.
    """
    if name not in NER_SIZES:
        return load_config(config)
    component = {"factory": "ner", **ner_config(*NER_SIZES[name])}
    settings = {"components": {"ner": component}, "nlp.pipeline": ["ner"]}
    return change(init_config(lang="en", pipeline=["ner"]), settings)


def make_with_recipe(
    name: str, config: Path, vectors: str, settings: Mapping[str, Any] | None = None
) -> Language:
    """A pipeline that is not initialized yet but has its word vectors. What is to be timed need not read
    them.

    settings (Mapping[str, Any] | None): changes of the recipe: dotted path -> value.
    """
    recipe = change(make_recipe(name, config), {"initialize.vectors": None, **(settings or {})})
    nlp = load_model_from_config(recipe, auto_fill=True)
    nlp.vocab.vectors = load_model(vectors).vocab.vectors
    return nlp
