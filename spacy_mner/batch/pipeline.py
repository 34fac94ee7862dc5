"""Load a pipeline for labelling, and check that it can do what is asked."""

from pathlib import Path
from typing import NamedTuple, Optional

import spacy
from spacy.language import Language

from ..errors import Errors
from ..extensions import set_extensions
from ..models.tagger import get_tagger
from ..pipeline.mner import MultimodalEntityRecognizer


class Loaded(NamedTuple):
    """nlp (Language): The pipeline. weights (bool): Whether records hold the modality weights."""

    nlp: Language
    weights: bool


def load_pipeline(
    model: str, *, images: Optional[Path] = None, weights: bool = False, for_page: bool = False
) -> Loaded:
    """Load a pipeline.

    model (str): Its name or path.
    images (Optional[Path]): Folder with pictures that the pipeline will have to encode.
    weights (bool): The modality weights are to be written.
    for_page (bool): They are to be shown on a page.
    RETURNS (Loaded): The pipeline, and whether the weights belong into the records: asked for here
        or in the pipeline's config.
    RAISES (ValueError): M064 or M065 if the pipeline lacks the component that an option needs.
    """
    set_extensions()
    nlp = spacy.load(model)
    if images is not None and not _has_factory(nlp, "image_encoder"):
        raise ValueError(Errors.M064.format(model=model, pipes=", ".join(nlp.pipe_names)))
    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, MultimodalEntityRecognizer)]
    if weights and not pipes:
        raise ValueError(Errors.M065.format(model=model, pipes=", ".join(nlp.pipe_names)))
    kept = weights or any(pipe.store_weights for pipe in pipes)
    if weights or for_page:
        for pipe in pipes:
            pipe.store_weights = True
    return Loaded(nlp, kept)


def forget_forms(nlp: Language) -> None:
    """Empty the caches of word forms.

    What was computed in a batch of other posts may differ in the last bit: a shard's output would
    depend on the shards that were labelled before it.

    nlp (Language): The pipeline.
    """
    for _, pipe in nlp.pipeline:
        if isinstance(pipe, MultimodalEntityRecognizer):
            get_tagger(pipe.model).cache.clear()


def _has_factory(nlp: Language, factory: str) -> bool:
    return any(nlp.get_pipe_meta(name).factory == factory for name in nlp.pipe_names)
