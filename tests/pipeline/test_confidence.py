"""Marginals, n-best sequences, log-probabilities, temperature and threshold of the component."""

import itertools
import json
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, Span

from spacy_mner.models.pytorch.decoder import CRFDecoder
from spacy_mner.models.tagger import get_decoder
from spacy_mner.pipeline.confidence import TagSequence

from .builders import (
    MODEL,
    WORDS,
    entities,
    make_doc,
    make_examples,
    make_nlp,
    model_config,
    picture,
    train,
)

TEXTS = ["Ann met Bob in Oslo", "Acme Corp works for Carl", "the table in Rome", "java"]


def pipeline(decoder):
    """The same as `nlp`, for tests that hypothesis calls many times: built once for each small model."""
    return build_once(decoder, json.dumps(MODEL))


@cache
def build_once(decoder, small_model):
    return build(decoder)


def build(decoder):
    nlp = make_nlp(model=model_config(decoder={"@architectures": f"spacy_mner.{decoder}.v1"}))
    generator = torch.Generator().manual_seed(1)
    for parameter in get_decoder(nlp.get_pipe("mner").model).parameters():
        parameter.data = 1.5 * torch.randn(parameter.shape, generator=generator)
    return nlp


@pytest.fixture(scope="module", params=["CRF", "MultitaskCRF"])
def nlp(request):
    """Both decoders, with weights that are worth a look. Tests must not change it."""
    return build(request.param)


@pytest.fixture
def mner(nlp):
    component = nlp.get_pipe("mner")
    yield component
    component.temperature = 1.0


@pytest.fixture(scope="module")
def trained():
    """Tests may change the settings through `settable` alone."""
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=20)
    return nlp


@pytest.fixture
def settable(trained):
    """The component of `trained`, whose settings are put back after the test."""
    component = trained.get_pipe("mner")
    before = component.temperature, component.threshold, component.scores
    yield component
    component.temperature, component.threshold, component.scores = before


posts = st.lists(
    st.lists(
        st.tuples(st.sampled_from([*WORDS[:6], " "]), st.sampled_from(["", "", "O", "B", "I"])),
        min_size=0,
        max_size=3,
    ),
    min_size=1,
    max_size=3,
)


def docs_of(nlp, rows):
    """Docs with tokens that are open ("-"), blocked, or in an entity of another component."""
    docs = []
    for row in rows:
        doc = Doc(nlp.vocab, words=[word for word, _ in row])
        doc._.image_vec = picture(len(row))
        marked = [i for i, (_, mark) in enumerate(row) if mark in ("B", "I")]
        blocked = [doc[i : i + 1] for i, (_, mark) in enumerate(row) if mark == "O"]
        doc.set_ents(
            [Span(doc, i, i + 1, "LOC") for i in marked], blocked=blocked, default="missing"
        )
        docs.append(doc)
    return docs


def is_legal(doc, names):
    """What prediction can choose, written anew."""
    for i, (token, name) in enumerate(zip(doc, names, strict=True)):
        held = token.ent_iob == 3 or token.ent_iob == 1
        before = "O" if i == 0 else names[i - 1]
        if held and name != "O":
            return False
        if name.startswith("B-") and token.is_space:
            return False
        if name.startswith("I-") and before not in (f"B-{name[2:]}", name):
            return False
    return True


def enumerate_sequences(nlp, doc, temperature):
    """Every legal sequence and its probability, from the raw scores."""
    mner = nlp.get_pipe("mner")
    if not len(doc):
        return {(): 1.0}
    scores = mner.model.predict([doc]).emissions[0].double().detach() / temperature
    decoder = get_decoder(mner.model)
    crf = getattr(decoder, "typed", decoder).crf.crf
    start, step, end = (
        p.double().detach() / temperature
        for p in (crf.start_transitions, crf.transitions, crf.end_transitions)
    )
    found = {}
    for ids in itertools.product(range(len(mner.tags)), repeat=len(doc)):
        names = tuple(mner.tags[i] for i in ids)
        if is_legal(doc, names):
            score = start[ids[0]] + end[ids[-1]] + sum(scores[t, i] for t, i in enumerate(ids))
            found[names] = float(score + sum(step[a, b] for a, b in itertools.pairwise(ids)))
    values = np.array(list(found.values()))
    values = np.exp(values - values.max())
    return dict(zip(found, (values / values.sum()).tolist(), strict=True))


@settings(max_examples=40)
@given(posts, st.sampled_from([0.7, 1.0, 2.5]))
@pytest.mark.parametrize("decoder", ["CRF", "MultitaskCRF"])
def test_equal_to_enumeration(decoder, rows, temperature):
    nlp = pipeline(decoder)
    mner = nlp.get_pipe("mner")
    mner.temperature = temperature
    docs = docs_of(nlp, rows)
    tables, ranked, best = mner.marginals(docs), mner.n_best(docs, 4), mner.log_probability(docs)
    predicted = mner.predict(docs)
    for doc, table, sequences, log_prob, made in zip(
        docs, tables, ranked, best, predicted, strict=True
    ):
        expected = enumerate_sequences(nlp, doc, temperature)
        wanted = np.zeros((len(doc), len(mner.tags)))
        for names, prob in expected.items():
            for t, name in enumerate(names):
                wanted[t, mner.tags.index(name)] += prob
        assert table.shape == wanted.shape
        np.testing.assert_allclose(table, wanted, atol=1e-4)
        order = sorted(expected.values(), reverse=True)
        assert len(sequences) == min(4, len(order))
        for sequence, prob in zip(sequences, order, strict=False):
            assert expected[tuple(sequence.tags)] == pytest.approx(sequence.probability, abs=1e-5)
            assert sequence.probability == pytest.approx(prob, abs=1e-5)
        assert np.exp(log_prob) == pytest.approx(order[0], abs=1e-5)
        best_ents = [(e.start, e.end, mner.labels[e.label]) for e in made.entities]
        assert [(e.start, e.end, e.label_) for e in sequences[0].ents] == best_ents
        # The score of an entity: the sequences that have it, up to white space at its end.
        for (start, end, label), score in zip(best_ents, made.scores, strict=True):
            total = 0.0
            for names, prob in expected.items():
                last = start + 1
                while last < len(doc) and names[last] == f"I-{label}":
                    last += 1
                whole = names[start] == f"B-{label}" and last >= end
                if whole and all(token.is_space for token in doc[end:last]):
                    total += prob
            assert score == pytest.approx(total, abs=1e-4)
    mner.temperature = 1.0


def test_given_sequences(nlp, mner):
    docs = [make_doc(nlp, TEXTS[0]), make_doc(nlp, ""), make_doc(nlp, TEXTS[3])]
    ranked = mner.n_best(docs, 3)
    for i in range(3):
        tags = [row[min(i, len(row) - 1)] for row in ranked]
        found = mner.log_probability(docs, [sequence.tags for sequence in tags])
        np.testing.assert_allclose(found, [s.log_probability for s in tags], atol=1e-6)
    # Where any tag will do, all sequences count; one token's tag alone has its marginal probability.
    anything = [["-"] * len(doc) for doc in docs]
    np.testing.assert_allclose(mner.log_probability(docs, anything), 0.0, atol=1e-6)
    anything[0][2] = "B-PER"
    expected = mner.marginals(docs)[0][2, mner.tags.index("B-PER")]
    assert np.exp(mner.log_probability(docs, anything)[0]) == pytest.approx(expected, rel=1e-3)
    # What cannot be: I- at the start.
    assert mner.log_probability(docs[2:], [["I-PER"]]).tolist() == [-np.inf]
    docs[2].set_ents([], blocked=[docs[2][0:1]], default="missing")
    assert mner.log_probability(docs[2:], [["B-PER"]]).tolist() == [-np.inf]
    assert mner.log_probability(docs[2:], [["O"]]).tolist() == [0.0]


def test_wrong_questions(nlp, mner):
    doc = make_doc(nlp, "Ann met")
    for tags in ([], [["O"]], [["O", "B-DOG"]]):
        with pytest.raises(ValueError, match=r"\[M141\]"):
            mner.log_probability([doc], tags)
    with pytest.raises(ValueError, match=r"\[M011\]"):
        mner.n_best([doc], 0)
    for value in (0.0, 0.009, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"\[M011\]"):
            mner.temperature = value
    blank = make_nlp(initialize=False).get_pipe("mner")
    for ask in (blank.marginals, blank.log_probability, lambda docs: blank.n_best(docs, 1)):
        with pytest.raises(ValueError, match=r"\[M001\] .*'mner'"):
            ask([doc])


def test_the_temperature_is_that_of_the_model_that_is_read(nlp, mner, tmp_path):
    plain = mner.to_bytes()
    mner.to_disk(tmp_path / "plain")
    mner.temperature = 2.5
    calibrated = mner.to_bytes()
    other = build(
        "CRF" if type(get_decoder(mner.model)) is CRFDecoder else "MultitaskCRF"
    ).get_pipe("mner")
    assert other.from_bytes(calibrated).temperature == 2.5
    assert other.from_bytes(plain).temperature == 1.0
    other.temperature = 3.0
    assert other.from_bytes(calibrated, exclude=["cfg"]).temperature == 3.0
    assert other.from_disk(tmp_path / "plain").temperature == 1.0


def test_a_decoder_that_knows_no_sequences(monkeypatch):
    nlp = build("CRF")
    monkeypatch.delattr(CRFDecoder, "n_best")
    mner = nlp.get_pipe("mner")
    with pytest.raises(ValueError, match=r"\[M140\] .*CRFDecoder"):
        mner.marginals([make_doc(nlp, "Ann")])
    assert mner.predict([make_doc(nlp, "Ann")])[0].scores is not None


def test_docs_are_left_alone_and_empty_ones_are_fine(nlp, mner):
    docs = [make_doc(nlp, text) for text in (*TEXTS, "")]
    before = [doc.to_bytes() for doc in docs]
    ranked = mner.n_best(iter(docs), 2)
    mner.marginals(iter(docs))
    mner.log_probability(iter(docs))
    assert [doc.to_bytes() for doc in docs] == before
    assert ranked[-1] == [TagSequence([], [], 0.0)]
    assert mner.marginals([]) == []
    assert mner.n_best([], 3) == []


def test_temperature_moves_scores_and_no_entity(trained, settable):
    found = {}
    for temperature in (0.3, 1.0, 4.0):
        settable.temperature = temperature
        docs = [trained(make_doc(trained, text)) for text in TEXTS]
        found[temperature] = (
            [entities(doc) for doc in docs],
            [e._.score for d in docs for e in d.ents],
        )
    assert found[0.3][0] == found[1.0][0] == found[4.0][0]
    assert len(found[1.0][1]) > 1
    assert np.mean(found[0.3][1]) > np.mean(found[1.0][1]) > np.mean(found[4.0][1])


def test_threshold_takes_away_the_less_probable(trained, settable):
    every = [trained(make_doc(trained, text)) for text in TEXTS]
    scored = [{(e.start, e.end, e.label_): e._.score for e in doc.ents} for doc in every]
    scores = sorted(score for row in scored for score in row.values())
    counts = []
    for threshold in (0.0, *scores, 1.0):
        settable.threshold = threshold
        docs = [trained(make_doc(trained, text)) for text in TEXTS]
        for doc, row in zip(docs, scored, strict=True):
            kept = {key: score for key, score in row.items() if score >= threshold}
            assert {(e.start, e.end, e.label_): e._.score for e in doc.ents} == kept
            assert len(doc.spans["mner"]) == len(kept)
            inside = {i for start, end, _ in kept for i in range(start, end)}
            assert all(token.ent_iob_ == "O" for token in doc if token.i not in inside)
        counts.append(sum(len(doc.ents) for doc in docs))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(scores) > counts[-1]


def test_threshold_without_scores(trained, settable):
    """The probabilities are computed, not written."""
    docs = [trained(make_doc(trained, text)) for text in TEXTS]
    scores = sorted(e._.score for doc in docs for e in doc.ents)
    settable.scores, settable.threshold = False, scores[1]
    docs = [trained(make_doc(trained, text)) for text in TEXTS]
    assert sum(len(doc.ents) for doc in docs) == len(scores) - 1
    assert all("scores" not in doc.spans["mner"].attrs for doc in docs)


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_impossible_thresholds(threshold):
    with pytest.raises(ValueError, match=r"\[M011\]"):
        make_nlp(initialize=False, threshold=threshold)
