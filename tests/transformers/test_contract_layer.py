"""The contract of the component with a transformer as the tagger's own layer: the same test functions."""

import numpy as np

from ..pipeline import test_mner
from ..pipeline.builders import make_doc, make_nlp, picture
from ..pipeline.test_mner import *  # noqa: F403
from ..pipeline.test_mner import ambiguous, trained  # noqa: F401
from .builders import WITHOUT_IT, once, own_layer_for_all  # noqa: F401

for name in WITHOUT_IT.split():
    del globals()[name]

test_all_combinations_learn_and_survive_saving = once(
    test_mner.test_all_combinations_learn_and_survive_saving,
    "Concatenate", "CoupledBiLSTM", "MultitaskCRF", "LabelBias",
)  # fmt: skip
test_add_label_keeps_what_was_learnt = once(
    test_mner.test_add_label_keeps_what_was_learnt, "MultitaskCRF", "LabelBias"
)
test_invalid_labels_are_refused = once(test_mner.test_invalid_labels_are_refused, "")


def test_modality_weights_on_request():
    """There is one modality more than the small model has."""
    nlp = make_nlp(store_weights=True)
    doc = nlp(make_doc(nlp, "Ann met Bob", image=picture()))
    assert doc._.modality_weights.shape == (3, 4)
    np.testing.assert_allclose(doc._.modality_weights.sum(1), 1.0, atol=1e-5)
    assert list(doc[0]._.modality_weights) == ["word", "char", "image", "context"]
    assert 0.1 < doc[1]._.modality_weights["context"] < 0.5
