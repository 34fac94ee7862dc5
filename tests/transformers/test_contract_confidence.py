"""Marginals, n-best, threshold: the same test functions, with a transformer as the tagger's own layer."""

import pytest

from ..pipeline import builders
from ..pipeline.test_confidence import *  # noqa: F403
from ..pipeline.test_confidence import trained  # noqa: F401
from .builders import own_layer


@pytest.fixture(autouse=True, scope="module")
def _transformer(encoder_dir):
    """Every small tagger gets a context."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(builders.MODEL, "tok2vec", own_layer(encoder_dir))
        yield
