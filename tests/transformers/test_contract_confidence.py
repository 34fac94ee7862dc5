"""Marginals, n-best, threshold: the same test functions, with a transformer as the tagger's own layer."""

from ..pipeline.test_confidence import *  # noqa: F403
from ..pipeline.test_confidence import trained  # noqa: F401
from .builders import own_layer_for_all  # noqa: F401
