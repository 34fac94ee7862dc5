"""Load a pipeline for labelling, and check that it can do what is asked."""

from pathlib import Path
from typing import List, NamedTuple, Optional

import spacy
from spacy.language import Language

from ..errors import Errors
from ..extensions import set_extensions
from ..images.store import FeatureStore
from ..models.tagger import get_tagger
from ..pipeline.find import find_mners
from ..pipeline.image_encoder import ImageEncoderPipe


class Loaded(NamedTuple):
    """nlp (Language): The pipeline. weights (bool): Whether records hold the modality weights."""

    nlp: Language
    weights: bool


def load_pipeline(
    model: str,
    *,
    images: Optional[Path] = None,
    store: Optional[FeatureStore] = None,
    weights: bool = False,
    for_page: bool = False,
) -> Loaded:
    """Load a pipeline.

    model (str): Its name or path.
    images (Optional[Path]): Folder with pictures that the pipeline will have to encode.
    store (Optional[FeatureStore]): Vectors of pictures that the posts will have.
    weights (bool): The modality weights are to be written.
    for_page (bool): They are to be shown on a page.
    RETURNS (Loaded): The pipeline, and whether the weights belong into the records: asked for here
        or in the pipeline's config.
    RAISES (ValueError): M064 or M065 if the pipeline lacks the component that an option needs; M190 if
        its `image_encoder` takes no pictures; M028 if the store is of another encoder.
    """
    set_extensions()
    nlp = spacy.load(model)
    encoders = image_encoders(nlp)
    if images is not None and not encoders:
        raise ValueError(Errors.M064.format(model=model, pipes=", ".join(nlp.pipe_names)))
    for pipe in encoders:
        if images is not None and pipe.encoder.reads == "caption":
            raise ValueError(Errors.M190.format(name=pipe.name, encoder=pipe.encoder.name))
        if store is not None:
            pipe.check_store(store)
    pipes = find_mners(nlp).values()
    if weights and not pipes:
        raise ValueError(Errors.M065.format(model=model, pipes=", ".join(nlp.pipe_names)))
    kept = weights or any(pipe.store_weights for pipe in pipes)
    if weights or for_page:
        for pipe in pipes:
            pipe.store_weights = True
    return Loaded(nlp, kept)


def image_encoders(nlp: Language) -> List[ImageEncoderPipe]:
    """RETURNS (List[ImageEncoderPipe]): The components of a pipeline that encode pictures."""
    return [pipe for _, pipe in nlp.pipeline if isinstance(pipe, ImageEncoderPipe)]


def forget_forms(nlp: Language) -> None:
    """Empty the caches of word forms.

    What was computed in a batch of other posts may differ in the last bit: a shard's output would
    depend on the shards that were labelled before it.

    nlp (Language): The pipeline.
    """
    for pipe in find_mners(nlp).values():
        get_tagger(pipe.model).cache.clear()
