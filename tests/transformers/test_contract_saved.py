"""Saved, loaded, pickled, sourced: the same test functions, with a transformer as the tagger's own layer."""

from ..pipeline.test_serialization import *  # noqa: F403
from ..pipeline.test_serialization import trained  # noqa: F401
from .builders import own_layer_for_all  # noqa: F401

# spacy-transformers' own: its layer loses the tokenizer in Thinc's `Model.copy`, and reads its weights with
# `torch.load`.
for name in ("test_a_copy_has_its_own_weights", "test_nothing_is_unpickled"):
    del globals()[name]
