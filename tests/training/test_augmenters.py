"""Augmenters: words change, entities and pictures stay."""

import random

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import registry

from spacy_mner.extensions import set_extensions
from spacy_mner.training.respelling import respell, respell_words

WORDS = ["Thousands", "cheer", "in", "London", "@user1", "#London", "https://x.example", "❤", "so"]


@pytest.fixture
def example():
    set_extensions()
    nlp = spacy.blank("en")
    ents = ["O", "O", "O", "B-LOC", "O", "O", "O", "O", None]
    doc = Doc(nlp.vocab, words=WORDS, spaces=[True] * 8 + [False], ents=ents)
    doc[1].pos_ = "VERB"
    doc._.image_vec = np.ones(3, dtype="float32")
    doc._.image_id = "a"
    return nlp, Example(Doc(nlp.vocab, words=WORDS), doc)


def test_respell_keeps_tags_spaces_and_picture(example):
    nlp, eg = example
    augment = registry.augmenters.get("spacy_mner.respell.v1")(1.0, typos=1.0, elongations=0.5)
    (changed,) = augment(nlp, eg)
    reference = changed.reference
    words = [token.text for token in reference]
    assert words[0] != "Thousands"
    assert words[3] != "London"
    assert words[2] == "in"
    assert words[4:8] == WORDS[4:8]
    assert [(ent.text, ent.label_) for ent in reference.ents] == [(words[3], "LOC")]
    assert [token.ent_iob_ for token in reference] == [token.ent_iob_ for token in eg.reference]
    assert reference[1].pos_ == "VERB"
    assert reference[8].whitespace_ == ""
    assert reference[7].whitespace_ == " "
    assert reference._.image_id == "a"
    assert [token.text for token in changed.predicted] == words
    assert not changed.predicted.ents
    assert changed.predicted._.image_vec is not None
    # The original is as it was.
    assert [token.text for token in eg.reference] == WORDS


def test_level_and_seed(example):
    nlp, eg = example
    make = registry.augmenters.get("spacy_mner.respell.v1")
    never = make(0.0)
    assert next(iter(never(nlp, eg))) is eg
    halves = [make(0.5, typos=1.0, seed=3) for _ in range(2)]
    texts = [[next(iter(a(nlp, eg))).reference.text for _ in range(200)] for a in halves]
    assert texts[0] == texts[1]
    unchanged = sum(text == eg.reference.text for text in texts[0])
    assert 70 < unchanged < 130
    with pytest.raises(ValueError, match=r"M011.*typos"):
        make(0.5, typos=1.5)


def test_rates_are_kept():
    words = ["garden"] * 4000
    typos = respell_words(words, random.Random(0), typos=0.25, elongations=0.0)
    assert sum(w != "garden" for w in typos) / 4000 == pytest.approx(0.25, abs=0.02)
    stretched = respell_words(words, random.Random(0), typos=0.0, elongations=0.1)
    assert sum(w != "garden" for w in stretched) / 4000 == pytest.approx(0.1, abs=0.02)
    assert set(stretched) == {"garden", "gardeeen", "gardeeeen", "gardeeeeen"}


@given(st.lists(st.text(min_size=1, max_size=12), max_size=8), st.integers(0, 9))
def test_never_loses_a_word(words, seed):
    changed = respell_words(words, random.Random(seed), typos=1.0, elongations=1.0)
    assert len(changed) == len(words)
    assert all(changed)
    assert [w for w in words if not w.isalpha()] == [
        c for w, c in zip(words, changed, strict=True) if not w.isalpha()
    ]


def test_respell_keeps_unannotated_docs_unannotated():
    doc = Doc(spacy.blank("en").vocab, words=["a", "b"])
    assert not respell(doc, ["c", "d"]).has_annotation("ENT_IOB")
