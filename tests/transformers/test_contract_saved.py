"""Saved, loaded, pickled, sourced: the same test functions, with a transformer as the tagger's own layer."""

import pytest

from ..pipeline import builders
from ..pipeline.test_serialization import *  # noqa: F403
from ..pipeline.test_serialization import trained  # noqa: F401
from .builders import own_layer

# spacy-transformers' own: its layer loses the tokenizer in Thinc's `Model.copy`, and writes other bytes each
# time.
for name in ("test_a_copy_has_its_own_weights", "test_a_cfg_of_an_earlier_version"):
    del globals()[name]


@pytest.fixture(autouse=True, scope="module")
def _transformer(encoder_dir):
    """Every small tagger gets a context."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(builders.MODEL, "tok2vec", own_layer(encoder_dir))
        yield
