import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.training import Corpus

from spacy_mner.training.converters import CharSpan, Post, RecordError, Report, post_to_doc

NLP = spacy.blank("en")
OTHER_VOCAB = spacy.blank("en").vocab


def entities(doc):
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def convert(**fields):
    report = Report()
    labels = fields.pop("labels", None)
    return post_to_doc(NLP, Post("x:1", **fields), labels=labels, report=report), report


TOKEN = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=6)


@given(st.lists(TOKEN, min_size=1, max_size=8), st.data())
def test_tokens_survive_the_way_through_a_file(tokens, data):
    """Also no-break spaces, variation selectors and whatever else tweets are made of."""
    tags = data.draw(
        st.lists(st.sampled_from(["O", "B-X"]), min_size=len(tokens), max_size=len(tokens))
    )
    doc, _ = convert(tokens=tokens, tags=tags)
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    [again] = DocBin().from_bytes(stored).get_docs(OTHER_VOCAB)
    assert [token.text for token in again] == tokens
    assert [
        token.ent_iob_ + "-" + token.ent_type_ if token.ent_type_ else "O" for token in again
    ] == tags


def test_spacys_reader_does_not_split_tokens_again(tmp_path):
    tokens = ["don't", "@user:", "\u00a0", "❤️", "soooo...", "U.S."]
    doc, _ = convert(tokens=tokens, tags=["O"] * 5 + ["B-LOC"])
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    [eg] = Corpus(tmp_path / "a.spacy")(spacy.blank("en"))
    assert [token.text for token in eg.predicted] == tokens
    assert entities(eg.reference) == [(5, 6, "LOC")]


def test_every_token_of_an_annotated_post_is_annotated():
    for fields in ({"tokens": ["a", "b"], "tags": ["O", "O"]}, {"text": "a b", "spans": []}):
        doc, report = convert(**fields)
        assert [token.ent_iob_ for token in doc] == ["O", "O"]
        assert doc.has_annotation("ENT_IOB", require_complete=True)
        assert (report.unlabelled, report.partial) == (0, 0)


@pytest.mark.parametrize("fields", [{"tokens": ["a", "b"]}, {"text": "a b"}])
def test_a_post_without_annotation_has_none(fields):
    doc, report = convert(**fields)
    assert not doc.has_annotation("ENT_IOB")
    assert report.unlabelled == 1


def test_orphans_and_missing_tags():
    doc, report = convert(tokens=list("abcd"), tags=["I-PER", "O", "-", "B-LOC"])
    assert entities(doc) == [(0, 1, "PER"), (3, 4, "LOC")]
    assert [token.ent_iob_ for token in doc] == ["B", "O", "", "B"]
    assert (report.orphans, report.partial) == (1, 1)
    assert report.entities == {"PER": 1, "LOC": 1}


def test_spans_on_text():
    doc, report = convert(
        text="Daisy is in New York!", spans=[CharSpan(12, 20, "LOC"), CharSpan(0, 5, "PER")]
    )
    assert entities(doc) == [(0, 1, "PER"), (3, 5, "LOC")]
    assert report.misaligned.count == 0


def test_a_span_inside_of_a_token_makes_it_missing():
    doc, report = convert(text="Daisy saw New Yorkers", spans=[CharSpan(10, 18, "LOC")])
    assert entities(doc) == []
    assert [token.ent_iob_ for token in doc] == ["O", "O", "", ""]
    assert report.misaligned.named == ["x:1: 'New York' (10-18, LOC)"]
    assert report.partial == 1


def test_an_aligned_span_wins_over_one_that_does_not_align():
    spans = [CharSpan(0, 7, "X"), CharSpan(0, 5, "PER")]
    doc, report = convert(text="Daisy saw", spans=spans)
    assert entities(doc) == [(0, 1, "PER")]
    assert [token.ent_iob_ for token in doc] == ["B", ""]
    assert report.misaligned.count == 1


def test_blanks_at_the_ends_of_a_span_are_cut_off():
    doc, report = convert(text="in New York now", spans=[CharSpan(2, 12, "LOC")])
    assert entities(doc) == [(1, 3, "LOC")]
    assert report.trimmed == 1


@pytest.mark.parametrize("turn", [1, -1])
def test_of_overlapping_spans_the_longest_stays(turn):
    spans = [
        CharSpan(0, 8, "LOC"),
        CharSpan(0, 8, "LOC"),
        CharSpan(4, 8, "ORG"),
        CharSpan(4, 13, "X"),
    ]
    doc, report = convert(text="New York City", spans=spans[::turn])
    assert entities(doc) == [(0, 2, "LOC")]  # of the same length: the first
    assert [token.ent_iob_ for token in doc] == ["B", "I", ""]
    assert report.overlapping.count == 2


def test_labels_are_renamed_and_left_out():
    doc, report = convert(
        tokens=list("abc"), tags=["B-OTHER", "B-PER", "B-X"], labels={"OTHER": "MISC", "X": ""}
    )
    assert entities(doc) == [(0, 1, "MISC"), (1, 2, "PER")]
    assert doc[2].ent_iob_ == "O"
    assert report.renamed == {"OTHER": 1, "X": 1}
    assert report.entities == {"MISC": 1, "PER": 1}


@pytest.mark.parametrize(
    ("text", "spaces"),
    [
        ("Hi, Daisy ", [False, True, True]),
        ("Hi, Daisy", [False, True, False]),
        ("Hi,  Daisy", None),
        (" Hi, Daisy", None),
        ("something else", None),
    ],
)
def test_spaces_are_known_where_the_text_is(text, spaces):
    doc, _ = convert(tokens=["Hi", ",", "Daisy"], text=text)
    assert [token.text for token in doc] == ["Hi", ",", "Daisy"]
    assert doc.has_unknown_spaces == (spaces is None)
    if spaces is not None:
        assert [bool(token.whitespace_) for token in doc] == spaces


def test_character_spans_on_given_tokens():
    doc, _ = convert(
        tokens=["Hi", ",", "Daisy", "May"], text="Hi,  Daisy May", spans=[CharSpan(5, 14, "PER")]
    )
    assert entities(doc) == [(2, 4, "PER")]
    with pytest.raises(RecordError, match=r"\[M049\] x:1"):
        convert(tokens=["Hi"], text="Hello", spans=[CharSpan(0, 5, "PER")])


def test_a_text_that_is_too_long():
    with pytest.raises(RecordError, match=r"\[M054\] x:1"):
        convert(text="x" * (NLP.max_length + 1))


@given(st.text(st.sampled_from("ab .'-\u00a0❤"), min_size=1, max_size=20), st.data())
def test_spans_cover_exactly_their_text(text, data):
    """Of one span, either the entity is the same characters, or nothing of it is left as O."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    doc, report = convert(text=text, spans=[CharSpan(start, end, "X")])
    if report.misaligned.count:
        assert not doc.ents
        touched = [t for t in doc if t.idx < end and t.idx + len(t) > start and t.text.strip()]
        assert all(t.ent_iob_ == "" for t in touched)
    else:
        [ent] = doc.ents
        assert ent.text.strip() == text[start:end].strip()
