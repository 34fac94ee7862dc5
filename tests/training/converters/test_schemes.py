import itertools
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from spacy_mner.training.converters.records import RecordError
from spacy_mner.training.converters.schemes import read_tags

LABELS = ["PER", "LOC", "a-b"]
TAGS = st.lists(
    st.one_of(
        st.just("O"), st.builds("{}-{}".format, st.sampled_from("BIESLU"), st.sampled_from(LABELS))
    ),
    max_size=12,
)


@given(TAGS)
def test_spans_are_those_of_conlleval(tags):
    """seqeval's default mode is a port of conlleval; it knows L and U as E and S."""
    renamed = [t.replace("L-", "E-", 1).replace("U-", "S-", 1) if t[0] in "LU" else t for t in tags]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [(start, end + 1, label) for label, start, end in get_entities(renamed)]
    assert [tuple(span) for span in read_tags(tags, "x").spans] == expected


def _spans_to_tags(length, spans, scheme):
    tags = ["O"] * length
    previous = None
    for start, end, label in spans:
        for i in range(start, end):
            prefix = "B" if i == start else "I"
            if scheme in ("BIOES", "BILUO"):
                last = i == end - 1
                prefix = {("B", True): "S", ("B", False): "B", ("I", True): "E"}.get(
                    (prefix, last), "I"
                )
            if scheme == "IOB1" and i == start and previous != (start, label):
                prefix = "I"
            if scheme == "BILUO":
                prefix = {"E": "L", "S": "U"}.get(prefix, prefix)
            tags[i] = f"{prefix}-{label}"
        previous = (end, label)
    return tags


@st.composite
def spans(draw):
    bounds = sorted(draw(st.sets(st.integers(0, 15), max_size=8)))
    found = []
    for start, end in itertools.pairwise(bounds):
        if draw(st.booleans()):
            found.append((start, end, draw(st.sampled_from(LABELS))))
    return found


@given(spans(), st.sampled_from(["IOB1", "BIO", "BIOES", "BILUO"]))
def test_every_scheme_gives_its_spans_back(spans, scheme):
    reading = read_tags(_spans_to_tags(15, spans, scheme), "x")
    assert [tuple(span) for span in reading.spans] == spans
    assert reading.missing == []
    assert reading.orphans == 0 or scheme == "IOB1"


@pytest.mark.parametrize(
    ("tags", "spans", "orphans"),
    [
        ("I-PER", [(0, 1, "PER")], 1),
        ("O I-PER I-PER", [(1, 3, "PER")], 1),
        ("B-PER I-LOC", [(0, 1, "PER"), (1, 2, "LOC")], 1),
        ("B-PER - I-PER", [(0, 1, "PER"), (2, 3, "PER")], 1),
        ("B-PER I-PER B-PER", [(0, 2, "PER"), (2, 3, "PER")], 0),
        ("S-PER E-PER", [(0, 1, "PER"), (1, 2, "PER")], 1),
        ("O O", [], 0),
        ("", [], 0),
    ],
)
def test_orphans_begin_an_entity_and_are_counted(tags, spans, orphans):
    reading = read_tags(tags.split(), "x")
    assert [tuple(span) for span in reading.spans] == spans
    assert reading.orphans == orphans


def test_hyphen_is_missing():
    assert read_tags(["-", "B-PER", "-"], "x").missing == [0, 2]


@pytest.mark.parametrize(
    "tag", ["", "B", "B-", "B- ", "X-PER", "PER", "b-PER", "O-PER", "BPER", "0"]
)
def test_unknown_tags_are_named(tag):
    with pytest.raises(RecordError, match=r"\[M043\] file:7: tag .* \(token 1\)"):
        read_tags(["O", tag], "file:7")
