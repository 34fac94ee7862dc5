"""The contract of the component with a `transformer` that it listens to: the same test functions."""

import numpy as np
import pytest

from ..pipeline import builders, test_mner
from ..pipeline.builders import make_doc, make_nlp, picture
from ..pipeline.test_mner import *  # noqa: F403
from ..pipeline.test_mner import ambiguous, trained  # noqa: F401
from .builders import LISTENER, WITHOUT_IT, once, transformer_config

# They call the component by itself, or compare it with a sum over the model's own output for docs that no
# pipeline has seen: a listener has nothing to listen to then (spaCy's E203). test_contract_layer.py has them.
ALONE = """
    test_losses_add_up_over_batches test_get_loss_agrees_with_update
    test_update_without_optimizer_accumulates_gradients
    test_dropout_of_the_training_config_reaches_the_network
    test_errors_name_the_component test_uninitialized_is_an_error
    test_score_of_an_entity_before_white_space_counts_every_reading
    test_a_post_without_annotation_has_no_loss test_missing_tokens_get_no_gradient
    test_empty_docs_in_training test_score_is_the_probability_of_exactly_this_entity
    test_reference_pictures_can_be_ignored test_what_is_annotated_in_training_sees_the_pictures
    test_other_width_of_the_word_vectors
"""
for name in (ALONE + WITHOUT_IT).split():
    del globals()[name]

test_all_combinations_learn_and_survive_saving = once(
    test_mner.test_all_combinations_learn_and_survive_saving,
    "ModalityAttention", "CoupledBiLSTM", "MultitaskCRF", "LabelBias",
)  # fmt: skip
test_add_label_keeps_what_was_learnt = once(
    test_mner.test_add_label_keeps_what_was_learnt, "MultitaskCRF", "LabelBias"
)
test_invalid_labels_are_refused = once(test_mner.test_invalid_labels_are_refused, "")


@pytest.fixture(autouse=True, scope="module")
def _transformer(encoder_dir):
    """Every pipeline begins with a transformer, and every small tagger listens to it."""
    blank, emissions = builders.blank, builders.emissions

    def blank_with_transformer(**kwargs):
        nlp = blank(**kwargs)
        nlp.add_pipe("transformer", config=transformer_config(encoder_dir))
        return nlp

    def emissions_in_pipeline(nlp, docs):
        return emissions(nlp, list(nlp.get_pipe("transformer").pipe(docs)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(builders.MODEL, "tok2vec", LISTENER)
        for module in (builders, test_mner):
            patch.setattr(module, "blank", blank_with_transformer)
            patch.setattr(module, "emissions", emissions_in_pipeline)
        yield


def test_modality_weights_on_request():
    """There is one modality more than the small model has."""
    nlp = make_nlp(store_weights=True)
    doc = nlp(make_doc(nlp, "Ann met Bob", image=picture()))
    assert doc._.modality_weights.shape == (3, 4)
    np.testing.assert_allclose(doc._.modality_weights.sum(1), 1.0, atol=1e-5)
    assert list(doc[0]._.modality_weights) == ["word", "char", "image", "context"]
    assert 0.1 < doc[1]._.modality_weights["context"] < 0.5
