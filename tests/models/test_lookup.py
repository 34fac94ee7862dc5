"""The ladder by which a noisy form is found in a table of word vectors."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_mner.models.modalities.lookup import (
    KINDS,
    NUMBER,
    SHAPES,
    URL,
    USER,
    candidates,
    find_row,
    kind_of,
    shape_class,
)

from ..util import make_vocab

TABLE = ["rose", "Paris", "paris", "nyc", "00", "0000", "soo", "so", "obama", "wow", "good", "god"]


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ("rose", "rose"),
        ("Paris", "Paris"),  # exact before lower case
        ("PARIS", "paris"),
        ("ROSE", "rose"),
        ("#NYC", "nyc"),
        ("@Obama", "obama"),
        ("24", "00"),
        ("2024", "0000"),
        ("Obama's", "obama"),
        ("Obama’s", "obama"),
        ("sooooo", "soo"),
        ("wooow", "wow"),
        ("goooood", "good"),  # two letters before one
        ('"Rose!"', "rose"),
        ("...rose...", "rose"),
        ("#rosesss", None),
        ("zyx", None),
        ("", None),
        ("#", None),
        ("???", None),
    ],
)
def test_ladder(form, found):
    vectors = make_vocab(TABLE).vectors
    spelling, row = find_row(form, vectors)
    assert spelling == found
    if found is None:
        assert row == -1
    else:
        assert row == vectors.find(key=found)


def test_a_row_of_zeros_is_none():
    vocab = make_vocab(TABLE)
    vocab.set_vector("Rose", np.zeros(vocab.vectors.shape[1], dtype="float32"))
    spelling, row = find_row("Rose", vocab.vectors)
    assert (spelling, row) == ("rose", vocab.vectors.find(key="rose"))


def test_rungs_are_in_order():
    assert list(candidates("#Coooool99's!")) == [
        "#Coooool99's!",
        "#coooool99's!",
        "coooool99's!",
        "coooool00's!",
        # The possessive ending is no ending before a mark.
        "coooool99's!",
        "cool99's!",
        "col99's!",
        "coooool99's",
        "col99's",
    ]


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_string_has_candidates_a_kind_and_a_shape(form):
    rungs = list(candidates(form))
    assert rungs[0] == form
    assert rungs[1] == form.lower()
    assert kind_of(form) in (None, *KINDS)
    assert 0 <= shape_class(form) < len(SHAPES)


@pytest.mark.parametrize(
    "unit", ["1.", "a.", "#", ".", "!", "!1", "o", "http://", "'s", "@", ".com"]
)
def test_long_forms_take_no_time(unit):
    """Ten times the length, ten times the time; where an expression walks back, a hundred times."""

    def seconds(form):
        start = time.process_time()
        kind_of(form)
        list(candidates(form))
        return time.process_time() - start

    for first, last in (("", ""), ("a", "b"), ("1", "a")):
        short, long = (first + n * unit + last for n in (2000, 20_000))
        seconds(short)  # whatever is done once
        assert seconds(long) < 30 * seconds(short) + 0.1


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("http://t.co/x", URL),
        ("https://a.b/c?d=e", URL),
        ("www.example.com", URL),
        ("bit.ly/abc", URL),
        ("@obama", USER),
        ("24", NUMBER),
        ("1,234.5", NUMBER),
        ("$10", NUMBER),
        ("3rd", NUMBER),
        ("50%", NUMBER),
        ("1.5m!!", NUMBER),
        ("7/10", NUMBER),
        ("5pmx", None),
        ("rose", None),
        ("B2B", None),
        ("@", None),
        ("#nyc", None),
        ("", None),
    ],
)
def test_kinds(form, kind):
    assert kind_of(form) == kind


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("rose", "lower"),
        ("Rose", "Title"),
        ("NYC", "UPPER"),
        ("I", "Upper1"),
        ("iPhone", "camelCase"),
        ("#nyc", "#lower"),
        ("#NYC", "#Upper"),
        ("@Ann", "@user"),
        ("24", "digits"),
        ("b2b", "alnum"),
        ("?!", "punct"),
        ("#", "punct"),
        ("寿司", "other"),
        ("can't", "other"),
    ],
)
def test_shapes(form, shape):
    assert SHAPES[shape_class(form)] == shape
