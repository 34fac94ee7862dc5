"""Kinds of words, and the mean weight of each modality on them."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_mner.experiments.attention import Attended
from spacy_mner.experiments.attention_groups import is_marked, is_odd, weights_table
from spacy_mner.extensions import set_extensions


@pytest.mark.parametrize("text", ["sooo", "LOOOL", "gr8", "2nite", "b4", "наааадо"])
def test_odd(text):
    assert is_odd(text)
    assert not is_marked(text)


@pytest.mark.parametrize("text", ["too", "1000", "1999", "...", "!!!", "", "Paris", "7", "ww"])
def test_not_odd(text):
    assert not is_odd(text)
    assert not is_marked(text)


@pytest.mark.parametrize("text", ["@so0o", "#wooow", "https://t.co/a1b", "www.x2y.org", "HTTP://x"])
def test_marked(text):
    assert is_marked(text)
    assert not is_odd(text)


def make_post(vocab, words, weights, ents=None):
    set_extensions()
    doc = Doc(vocab, words=words)
    doc._.modality_names = ["word", "char"]
    doc._.modality_weights = np.array(weights, dtype="float32")
    return Attended(0, doc, Doc(vocab, words=words, ents=ents), True, 0.0)


def test_means_by_hand():
    vocab = spacy.blank("en").vocab
    for word in ("lives", "in"):
        vocab.set_vector(word, np.ones(3, dtype="float32"))
    posts = [
        make_post(vocab, ["@ann", "lives"], [[0.0, 1.0], [0.6, 0.4]], ["B-PER", "O"]),
        make_post(vocab, ["in", "Parisss"], [[0.8, 0.2], [0.1, 0.9]], ["O", "B-LOC"]),
    ]
    rows = {row[0]: row[1:] for row in weights_table(posts).rows}
    figures = {
        name: (n, *(cell and round(cell.mean, 4) for cell in cells))
        for name, (n, *cells) in rows.items()
    }
    assert figures == {
        "all": (4, 0.375, 0.625),
        "with a word vector": (2, 0.7, 0.3),
        "without a word vector": (2, 0.05, 0.95),
        "oddly spelled (stretched, digits among letters)": (1, 0.1, 0.9),
        "mentions, hashtags, links": (1, 0.0, 1.0),
        "in entities": (2, 0.05, 0.95),
        "in entities, without a word vector": (2, 0.05, 0.95),
    }
    assert rows["with a word vector"][1].sd == pytest.approx(0.1)


def test_a_kind_without_tokens_has_no_mean():
    vocab = spacy.blank("en").vocab
    table = weights_table([make_post(vocab, ["a"], [[0.5, 0.5]])])
    assert {row[0]: row[1:] for row in table.rows}["in entities"] == [0, None, None]
