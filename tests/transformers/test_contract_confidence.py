"""Marginals, n-best, threshold: the same test functions, with a transformer as the tagger's own layer."""

from spacy_mner.models.tagger import get_tagger

from ..pipeline.test_confidence import *  # noqa: F403
from ..pipeline.test_confidence import pipeline, trained  # noqa: F401
from .builders import own_layer_for_all  # noqa: F401


def test_every_pipeline_has_the_transformer(nlp, trained):  # noqa: F811
    """Also after the same tests have run without it."""
    for built in (nlp, trained, pipeline("CRF"), pipeline("MultitaskCRF")):
        assert "context" in get_tagger(built.get_pipe("mner").model).modality_names
