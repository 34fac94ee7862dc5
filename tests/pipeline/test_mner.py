import itertools
from typing import Dict, List

import numpy as np
import pytest
from spacy.cli.evaluate import evaluate
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Adam

from spacy_mner.models.tagger import get_tagger
from spacy_mner.pipeline.mner import MultimodalEntityRecognizer
from spacy_mner.tags import bio_tags, preset_constraints

from .builders import (
    IMAGE_WIDTH,
    LISTENER,
    SENTENCES,
    TOK2VEC,
    VECTOR_WIDTH,
    blank,
    copy_nlp,
    emissions,
    entities,
    make_doc,
    make_example,
    make_examples,
    make_nlp,
    model_config,
    picture,
    set_vectors,
    train,
)

AMBIGUOUS = "we met Rome there"


@pytest.fixture(scope="module")
def trained():
    """A pipeline that knows the four sentences. Tests must not change it."""
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=60)
    return nlp


def ambiguous_examples(nlp) -> List[Example]:
    """Two posts with the same words; what they mean depends on the picture."""
    return [
        make_example(nlp, AMBIGUOUS, f"O O B-{label} O", image=picture(seed))
        for seed, label in ((1, "PER"), (2, "LOC"))
    ]


@pytest.fixture(scope="module")
def ambiguous():
    """A pipeline that has learnt to look at the picture. Tests must not change it."""
    nlp = make_nlp(initialize=False)
    egs = ambiguous_examples(nlp)
    nlp.initialize(lambda: egs)
    train(nlp, egs, steps=80, learn_rate=0.02)
    return nlp


def parameters(nlp) -> Dict[str, np.ndarray]:
    module = nlp.get_pipe("mner").model.shims[0].module
    return {k: v.detach().numpy().copy() for k, v in module.named_parameters()}


# Training


def test_overfits_four_sentences(trained):
    egs = make_examples(trained)
    assert trained.evaluate(egs)["ents_f"] == 1.0
    for eg in egs:
        assert entities(trained(eg.predicted.copy())) == entities(eg.reference)


def test_loss_falls_and_is_always_set():
    nlp = make_nlp()
    losses = train(nlp, make_examples(nlp), steps=15)
    assert losses[-1] < 0.5 * losses[0]
    assert nlp.get_pipe("mner").update([]) == {"mner": 0.0}
    empty = Example(Doc(nlp.vocab), Doc(nlp.vocab))
    assert nlp.get_pipe("mner").update([empty], losses={"other": 1.0}) == {
        "other": 1.0,
        "mner": 0.0,
    }


def test_losses_add_up_over_batches():
    nlp = make_nlp()
    pipe = nlp.get_pipe("mner")
    egs = make_examples(nlp)
    first = pipe.update(egs[:2])["mner"]
    losses: Dict[str, float] = {}
    pipe.update(egs[:2], losses=losses)
    pipe.update(egs[:2], losses=losses)
    assert losses["mner"] == pytest.approx(2 * first, rel=1e-5)


def test_get_loss_agrees_with_update():
    nlp = make_nlp()
    pipe = nlp.get_pipe("mner")
    egs = make_examples(nlp)
    output, _ = pipe.model.begin_update([eg.predicted for eg in egs])
    loss, tensor = pipe.get_loss(egs, output)
    assert loss == pytest.approx(pipe.update(egs)["mner"], rel=1e-5)
    assert tensor.ndim == 0
    assert tensor.requires_grad


@pytest.mark.parametrize("sgd", [None, False])
def test_update_without_optimizer_accumulates_gradients(sgd):
    nlp = make_nlp()
    pipe = nlp.get_pipe("mner")
    egs = make_examples(nlp)
    before = parameters(nlp)
    pipe.update(egs, sgd=sgd)
    after = parameters(nlp)
    assert all(np.array_equal(before[k], after[k]) for k in before)
    pipe.finish_update(nlp.create_optimizer())
    assert any(not np.array_equal(before[k], v) for k, v in parameters(nlp).items())


def test_training_is_deterministic():
    runs = []
    for _ in range(2):
        nlp = make_nlp()
        runs.append(train(nlp, make_examples(nlp), steps=5, drop=0.2))
    assert runs[0] == runs[1]


def test_dropout_of_the_training_config_reaches_the_network():
    nlp = make_nlp()
    pipe = nlp.get_pipe("mner")
    egs = make_examples(nlp)

    def losses(drop: float) -> set:
        return {pipe.update(egs, drop=drop)["mner"] for _ in range(3)}

    assert len(losses(0.0)) == 1
    assert len(losses(0.5)) == 3
    # Prediction has none.
    docs = [eg.predicted for eg in egs]
    np.testing.assert_array_equal(emissions(nlp, docs), emissions(nlp, docs))


def test_averages_are_the_optimizers_running_mean():
    nlp = make_nlp()
    egs = make_examples(nlp)
    optimizer = Adam(0.01, use_averages=True)
    expected: Dict[str, np.ndarray] = {}
    for t in range(1, 6):
        train(nlp, egs, steps=1, optimizer=optimizer)
        # Thinc's rule: a running mean whose decay grows to .9999.
        decay = min((1 + t) / (10 + t), 0.9999)
        for name, value in parameters(nlp).items():
            expected[name] = expected.get(name, 0.0) - (1 - decay) * (
                expected.get(name, 0.0) - value
            )
    last = parameters(nlp)
    docs = [eg.predicted for eg in egs]
    plain = emissions(nlp, docs)
    with nlp.use_params(optimizer.averages):
        averaged = parameters(nlp)
        assert not np.allclose(plain, emissions(nlp, docs), atol=1e-4)
    for name, value in expected.items():
        np.testing.assert_allclose(averaged[name], value, atol=1e-5, err_msg=name)
        assert np.array_equal(parameters(nlp)[name], last[name])
    assert any(not np.allclose(averaged[k], last[k], atol=1e-4) for k in last)
    np.testing.assert_array_equal(plain, emissions(nlp, docs))


def test_a_picture_decides_a_label(ambiguous):
    place_first = [make_doc(ambiguous, AMBIGUOUS, image=picture(seed)) for seed in (2, 1)]
    labels = [[ent.label_ for ent in doc.ents] for doc in ambiguous.pipe(place_first)]
    assert labels == [["LOC"], ["PER"]]


@pytest.mark.parametrize("fusion", ["ModalityAttention", "Concatenate"])
@pytest.mark.parametrize("encoder", ["BiLSTM", "CoupledBiLSTM"])
@pytest.mark.parametrize("decoder", ["CRF", "MultitaskCRF"])
@pytest.mark.parametrize("evidence", [None, "LabelBias"])
def test_all_combinations_learn_and_survive_saving(fusion, encoder, decoder, evidence):
    config = model_config(
        fusion={"@architectures": f"spacy_mner.{fusion}.v1"},
        encoder={"@architectures": f"spacy_mner.{encoder}.v1", "hidden_width": 16},
        decoder={"@architectures": f"spacy_mner.{decoder}.v1"},
        evidence=evidence and {"@architectures": f"spacy_mner.{evidence}.v1"},
    )
    nlp = make_nlp(model=config, store_weights=True)
    egs = make_examples(nlp)
    losses = train(nlp, egs, steps=6)
    assert losses[-1] < losses[0]
    texts = [text for text, _ in SENTENCES]
    docs = list(nlp.pipe(make_doc(nlp, t, image=picture()) for t in texts))
    other = make_nlp(model=config, initialize=False).from_bytes(nlp.to_bytes())
    again = list(other.pipe(make_doc(other, t, image=picture()) for t in texts))
    assert [entities(d) for d in docs] == [entities(d) for d in again]
    np.testing.assert_array_equal(emissions(nlp, docs), emissions(other, again))
    assert (docs[0]._.modality_weights is None) == (fusion == "Concatenate")


# Labels


def test_labels_come_sorted_from_the_data():
    nlp = make_nlp()
    pipe = nlp.get_pipe("mner")
    assert pipe.labels == ("LOC", "ORG", "PER")
    assert pipe.label_data == ["LOC", "ORG", "PER"]
    reverse = make_nlp(examples=make_examples(blank())[::-1])
    assert reverse.get_pipe("mner").labels == pipe.labels


def test_labels_of_init_labels_replace_those_of_the_data():
    nlp = make_nlp(initialize=False)
    egs = make_examples(nlp)
    nlp.config["initialize"]["components"]["mner"] = {"labels": ["PER", "LOC", "ORG", "MISC"]}
    nlp.initialize(lambda: egs)
    assert nlp.get_pipe("mner").labels == ("LOC", "MISC", "ORG", "PER")


def test_no_labels_is_an_error():
    nlp = make_nlp(initialize=False)
    egs = [make_example(nlp, "nobody is here", "O O O", image=picture())]
    with pytest.raises(ValueError, match="M002"):
        nlp.initialize(lambda: egs)


def test_uninitialized_is_an_error():
    nlp = make_nlp(initialize=False)
    with pytest.raises(ValueError, match="M001"):
        nlp("Ann met Bob")


def test_errors_name_the_component():
    nlp = blank()
    nlp.add_pipe("mner", name="people", config={"model": model_config()})
    egs = make_examples(nlp)
    pipe = nlp.get_pipe("people")
    for call in (
        lambda: nlp("Ann met Bob"),
        lambda: list(nlp.pipe(["Ann met Bob"])),
        lambda: pipe.update(egs),
        lambda: pipe.score([*egs, Example(nlp.make_doc("Ann met Bob"), egs[0].reference)]),
    ):
        with pytest.raises(ValueError, match=r"M001.*'people'"):
            call()
    without = [make_example(nlp, "nobody is here", "O O O", image=picture())]
    with pytest.raises(ValueError, match=r"M002.*'people'.*components\.people"):
        nlp.initialize(lambda: without)


def test_add_label_before_initialize():
    nlp = make_nlp(initialize=False)
    pipe = nlp.get_pipe("mner")
    assert pipe.add_label("MISC") == 1
    assert pipe.add_label("MISC") == 0
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    assert pipe.labels == ("LOC", "MISC", "ORG", "PER")


@pytest.mark.parametrize("label", ["", None, 3])
def test_invalid_labels_are_refused(label):
    with pytest.raises(ValueError, match="M007"):
        make_nlp(initialize=False).get_pipe("mner").add_label(label)


@pytest.mark.parametrize("decoder", ["CRF", "MultitaskCRF"])
@pytest.mark.parametrize("evidence", [None, "LabelBias"])
def test_add_label_keeps_what_was_learnt(decoder, evidence):
    nlp = make_nlp(
        model=model_config(
            decoder={"@architectures": f"spacy_mner.{decoder}.v1"},
            evidence=evidence and {"@architectures": f"spacy_mner.{evidence}.v1"},
        )
    )
    egs = make_examples(nlp)
    train(nlp, egs, steps=10)
    pipe = nlp.get_pipe("mner")
    docs = [eg.predicted for eg in egs]
    old_tags, old = bio_tags(pipe.labels), emissions(nlp, docs)
    # In the middle of the alphabet, so that the old labels move.
    assert pipe.add_label("MISC") == 1
    new_tags, new = bio_tags(pipe.labels), emissions(nlp, docs)
    assert pipe.labels == ("LOC", "MISC", "ORG", "PER")
    columns = [new_tags.index(tag) for tag in old_tags]
    np.testing.assert_allclose(new[..., columns], old[..., : len(old_tags)], atol=1e-5)
    # And it goes on learning.
    losses = train(nlp, egs, steps=5)
    assert losses[-1] < losses[0]


def test_new_label_in_update():
    nlp = make_nlp()
    egs = make_examples(nlp)
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.01
    train(nlp, egs, steps=20, optimizer=optimizer)
    egs.append(make_example(nlp, "a java cup", "O B-DRINK O"))
    train(nlp, egs, steps=60, optimizer=optimizer)
    assert nlp.get_pipe("mner").labels == ("DRINK", "LOC", "ORG", "PER")
    assert nlp.evaluate(egs)["ents_f"] == 1.0


# Annotation that is there already


def test_preset_entities_are_kept(trained):
    doc = make_doc(trained, "Ann met Bob in Oslo")
    doc.set_ents([Span(doc, 1, 3, "EVENT")], default="missing")
    doc = trained(doc)
    assert entities(doc) == [("Ann", "PER"), ("met Bob", "EVENT"), ("Oslo", "LOC")]
    assert [t.ent_iob_ for t in doc] == ["B", "B", "I", "O", "B"]


def test_preset_entity_with_the_rest_outside(trained):
    """What an entity ruler leaves behind: everything else is O, but not forbidden."""
    doc = make_doc(trained, "Ann met Bob in Oslo")
    doc.ents = [Span(doc, 2, 3, "DOG")]
    assert entities(trained(doc)) == [("Ann", "PER"), ("Bob", "DOG"), ("Oslo", "LOC")]


def test_entity_ruler_before_mner(trained):
    nlp = copy_nlp(trained)
    nlp.add_pipe("entity_ruler", before="mner").add_patterns([{"label": "DOG", "pattern": "Bob"}])
    assert entities(nlp("Ann met Bob in Oslo")) == [("Ann", "PER"), ("Bob", "DOG"), ("Oslo", "LOC")]
    # Also where the scorer predicts again with the picture.
    eg = make_example(nlp, "Ann met Bob in Oslo", "B-PER O B-DOG O B-LOC", image=picture())
    eg.predicted._.image_vec = None
    assert nlp.evaluate([eg])["ents_f"] == 1.0


def test_blocked_tokens_stay_outside(trained):
    doc = make_doc(trained, "Ann met Bob in Oslo")
    doc.set_ents([], blocked=[doc[0:1]], default="missing")
    assert entities(trained(doc)) == [("Bob", "PER"), ("Oslo", "LOC")]
    assert doc[0].ent_iob == 3
    assert doc[0].ent_type_ == ""


def test_every_token_is_annotated_afterwards(trained):
    doc = make_doc(trained, "the table in Rome")
    assert not doc.has_annotation("ENT_IOB")
    trained(doc)
    assert [t.ent_iob_ for t in doc] == ["O", "O", "O", "B"]


def test_a_second_run_changes_nothing(trained):
    doc = trained(make_doc(trained, "Ann met Bob in Oslo"))
    before = entities(doc)
    assert entities(trained(doc)) == before


def test_entities_do_not_cross_sentences(trained):
    text = "Acme Corp works for Carl"
    doc = Doc(trained.vocab, words=text.split(), sent_starts=[True, True, False, False, False])
    ends = {(ent.start, ent.end) for ent in trained(doc).ents}
    assert (0, 2) not in ends


def prefer_inside(nlp, label: str) -> None:
    """Make the model want to go on with every entity of a type."""
    pipe = nlp.get_pipe("mner")
    tag = 2 + 2 * pipe.labels.index(label)
    decoder = pipe.model.shims[0].module.decoder
    decoder.emissions.bias.data[tag] += 20.0


def test_no_entity_begins_or_ends_on_white_space(trained):
    nlp = copy_nlp(trained)
    prefer_inside(nlp, "PER")
    doc = nlp(Doc(nlp.vocab, words=["\n", "Ann", "  ", "Bob", "\t", "  "]))
    assert entities(doc) == [("Ann    Bob", "PER")]
    assert [token.ent_iob_ for token in doc] == ["O", "B", "I", "I", "O", "O"]
    assert doc.spans["mner"][0].end == 4


@pytest.mark.parametrize("boundary", [None, 3])
def test_score_of_an_entity_before_white_space_counts_every_reading(boundary):
    """That the CRF ends it before, on, or after the white space comes to the same entity."""
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=12)
    nlp.get_pipe("mner").model.shims[0].module.decoder.emissions.bias.data[2::2] += 3.0

    def make() -> Doc:
        doc = Doc(nlp.vocab, words=["Ann", "\t", "  ", "\n", "in"])
        if boundary is not None:
            doc[boundary].is_sent_start = True
        return doc

    doc = nlp(make())
    (ent,) = [ent for ent in doc.ents if ent.start == 0]
    assert ent.text == "Ann"
    pipe = nlp.get_pipe("mner")
    expected = sum(
        brute_force_span_probability(pipe, make(), Span(doc, 0, end, ent.label_))
        for end in range(1, 5)
    )
    alone = brute_force_span_probability(pipe, make(), Span(doc, 0, 1, ent.label_))
    assert ent._.score == pytest.approx(expected, abs=1e-4)
    assert ent._.score > alone + 0.01


def test_entities_with_white_space_at_their_borders_are_learnt():
    """spaCy's `ner` refuses them (E024): the name without the white space is what is learnt."""
    nlp = make_nlp()
    words = ["hi", "  ", "Ann", "\n", "there"]
    predicted = Doc(nlp.vocab, words=words)
    reference = Doc(nlp.vocab, words=words, ents=["O", "B-PER", "I-PER", "I-PER", "O"])
    losses = train(nlp, [Example(predicted, reference)], steps=30)
    assert losses[-1] < 0.1
    assert entities(nlp(predicted.copy())) == [("Ann", "PER")]


def test_the_loss_of_an_unknown_label_is_an_error(trained):
    eg = make_example(trained, "Ann met Bob", "B-PER O B-DOG")
    pipe = trained.get_pipe("mner")
    with pytest.raises(ValueError, match=r"M012.*'DOG'.*LOC, ORG, PER"):
        pipe.get_loss([eg], pipe.model.predict([eg.predicted]))


# Partial annotation


def test_a_post_without_annotation_has_no_loss():
    nlp = make_nlp()
    doc = make_doc(nlp, "Ann met Bob", image=picture())
    loss = nlp.get_pipe("mner").update([Example(doc, doc.copy())])["mner"]
    assert loss == pytest.approx(0.0, abs=1e-5)


def test_missing_tokens_get_no_gradient():
    nlp = make_nlp()
    pipe = nlp.get_pipe("mner")
    predicted, reference = make_doc(nlp, "Ann met Bob"), make_doc(nlp, "Ann met Bob")
    # Only the last token is unknown; transitions off, so that tokens are independent.
    crf = pipe.model.shims[0].module.decoder.crf
    for parameter in crf.parameters():
        parameter.data.zero_()
    reference.set_ents([Span(reference, 0, 1, "PER")], missing=[reference[2:3]], default="outside")
    output, _ = pipe.model.begin_update([predicted])
    output.emissions.retain_grad()
    _, loss = pipe.get_loss([Example(predicted, reference)], output)
    loss.backward()
    gradient = output.emissions.grad[0].abs().sum(-1).numpy()
    assert gradient[0] > 0.01
    assert gradient[1] > 0.01
    assert gradient[2] == pytest.approx(0.0, abs=1e-6)


def test_partial_annotation_is_learnt():
    nlp = make_nlp()
    reference = make_doc(nlp, "Ann met Bob in Oslo")
    reference.set_ents([Span(reference, 4, 5, "LOC")], default="missing")
    egs = [*make_examples(nlp)[1:], Example(make_doc(nlp, reference.text), reference)]
    train(nlp, egs, steps=40)
    assert ("Oslo", "LOC") in entities(nlp(make_doc(nlp, reference.text)))


def test_other_tokenization_in_the_reference():
    nlp = make_nlp()
    predicted = Doc(
        nlp.vocab,
        words=["Ann's", "visit", "to", "New", "York"],
        spaces=[True, True, True, True, False],
    )
    reference = Doc(
        nlp.vocab,
        words=["Ann", "'s", "visit", "to", "New York"],
        spaces=[False, True, True, True, False],
        ents=["B-PER", "O", "O", "O", "B-LOC"],
    )
    assert predicted.text == reference.text
    train(nlp, [Example(predicted, reference)], steps=30)
    assert ("New York", "LOC") in entities(nlp(predicted.copy()))


# Empty things


def test_empty_docs_and_batches(trained):
    pipe = trained.get_pipe("mner")
    assert pipe.predict([]) == []
    pipe.set_annotations([], [])
    docs = [Doc(trained.vocab), make_doc(trained, "Ann met Bob in Oslo"), Doc(trained.vocab)]
    docs = list(trained.pipe(docs))
    assert [len(doc.ents) for doc in docs] == [0, 3, 0]
    assert all(doc.spans["mner"] is not None for doc in docs)
    assert entities(trained("")) == []
    assert trained.evaluate([])["ents_f"] is None


def test_empty_docs_in_training():
    nlp = make_nlp()
    egs = make_examples(nlp)
    empty = Example(Doc(nlp.vocab), Doc(nlp.vocab))
    pipe = nlp.get_pipe("mner")
    with_empty = pipe.update([egs[0], empty, egs[1]])["mner"]
    assert with_empty == pytest.approx(pipe.update(egs[:2])["mner"], rel=1e-5)
    nlp.initialize(lambda: [empty, *egs])
    assert pipe.labels == ("LOC", "ORG", "PER")


@pytest.mark.filterwarnings("ignore:.*MW00[24]")  # no picture in an empty post: none is used later
def test_initialize_on_empty_docs_alone():
    nlp = blank()
    pipe = nlp.add_pipe("mner")
    empty = Example(Doc(nlp.vocab), Doc(nlp.vocab))
    pipe.initialize(lambda: [empty], nlp=nlp, labels=["PER"])
    assert pipe.labels == ("PER",)
    assert np.isfinite(pipe.update(make_examples(nlp)[:2])["mner"])


# Streams


def test_pipe_equals_call_in_order(trained):
    texts = [text for text, _ in SENTENCES] * 3 + ["Ann", "", "Rome in the table with Bob"]
    images = [picture(i) if i % 3 else None for i in range(len(texts))]
    one_by_one = [
        trained(make_doc(trained, t, image=i)) for t, i in zip(texts, images, strict=True)
    ]
    stream = (make_doc(trained, t, image=i) for t, i in zip(texts, images, strict=True))
    together = list(trained.pipe(stream, batch_size=4))
    for a, b in zip(one_by_one, together, strict=True):
        assert a.text == b.text
        assert entities(a) == entities(b)
        np.testing.assert_allclose(
            a.spans["mner"].attrs["scores"], b.spans["mner"].attrs["scores"], atol=1e-5
        )


def test_select_pipes(trained):
    with trained.select_pipes(disable="mner"):
        assert not trained("Ann met Bob in Oslo").ents
    assert trained("Ann met Bob in Oslo").ents


def test_predict_changes_no_doc(trained):
    doc = make_doc(trained, "Ann met Bob in Oslo", image=picture())
    before = doc.to_bytes()
    trained.get_pipe("mner").predict([doc])
    assert doc.to_bytes() == before


# Scores and weights


def brute_force_span_probability(pipe: MultimodalEntityRecognizer, doc: Doc, span: Span) -> float:
    """The share of all legal and allowed tag sequences that hold exactly this entity."""
    output = pipe.model.predict([doc])
    scores = output.emissions[0].detach().numpy().astype("float64")
    crf = pipe.model.shims[0].module.decoder.crf.crf
    state = {k: v.detach().numpy().astype("float64") for k, v in crf.named_parameters()}
    start, end = state["start_transitions"], state["end_transitions"]
    moves = state["transitions"]
    tags = bio_tags(pipe.labels)
    begin = tags.index(f"B-{span.label_}")
    allowed = preset_constraints([doc], len(doc), len(tags))
    total = wanted = 0.0
    for path in itertools.product(range(len(tags)), repeat=len(doc)):
        legal = all(
            t % 2 == 1 or t == 0 or (i > 0 and path[i - 1] in (t, t - 1))
            for i, t in enumerate(path)
        )
        if not legal or (allowed is not None and not allowed[0, range(len(doc)), path].all()):
            continue
        score = start[path[0]] + end[path[-1]] + sum(scores[i, t] for i, t in enumerate(path))
        score += sum(moves[a, b] for a, b in itertools.pairwise(path))
        weight = np.exp(score)
        total += weight
        inside = [begin] + [begin + 1] * (len(span) - 1)
        closed = span.end == len(doc) or path[span.end] != begin + 1
        if list(path[span.start : span.end]) == inside and closed:
            wanted += weight
    return wanted / total


def test_score_is_the_probability_of_exactly_this_entity():
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=12)
    doc = nlp(make_doc(nlp, "Acme Corp in Rome"))
    assert doc.ents
    pipe = nlp.get_pipe("mner")
    for ent in doc.ents:
        expected = brute_force_span_probability(pipe, make_doc(nlp, doc.text), ent)
        assert ent._.score == pytest.approx(expected, abs=1e-4)
        assert 0.0 < ent._.score < 1.0


def test_scores_stand_in_the_span_group(trained):
    doc = trained("Ann met Bob in Oslo")
    group = doc.spans["mner"]
    assert [(s.start, s.end, s.label_) for s in group] == [
        (e.start, e.end, e.label_) for e in doc.ents
    ]
    scores = group.attrs["scores"]
    assert scores.shape == (3,)
    assert [ent._.score for ent in doc.ents] == pytest.approx(scores.tolist())
    assert doc[1:2]._.score is None


def test_scores_can_be_switched_off_and_renamed(trained):
    nlp = copy_nlp(trained, scores=False)
    doc = nlp("Ann met Bob in Oslo")
    assert list(doc.spans["mner"]) == list(doc.ents)
    assert "scores" not in doc.spans["mner"].attrs
    assert [ent._.score for ent in doc.ents] == [None] * 3
    nlp = make_nlp(spans_key="entities")
    assert "entities" in nlp("Ann met Bob in Oslo").spans


def test_modality_weights_on_request(trained):
    assert trained("Ann met Bob")._.modality_weights is None
    nlp = make_nlp(store_weights=True)
    without, with_ = nlp.pipe([make_doc(nlp, "Ann met Bob", image=i) for i in (None, picture())])
    for doc in (without, with_):
        assert doc._.modality_weights.shape == (3, 3)
        assert doc._.modality_weights.dtype == np.float32
        np.testing.assert_allclose(doc._.modality_weights.sum(1), 1.0, atol=1e-5)
        assert list(doc[0]._.modality_weights) == ["word", "char", "image"]
    assert without[1]._.modality_weights["image"] == 0.0
    assert 0.155 < with_[1]._.modality_weights["image"] < 0.576


# Pictures


def test_a_modality_of_the_default_config_can_be_left_out():
    """spaCy merges the default config's modalities into the user's: null takes one away."""
    nlp = blank()
    nlp.add_pipe("mner", config={"model": {"modalities": {"image": None, "char": None}}})
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    assert get_tagger(nlp.get_pipe("mner").model).modality_names == ["word"]
    losses = train(nlp, egs, steps=3)
    assert losses[-1] < losses[0]


def test_wrong_width_of_a_picture(trained):
    doc = make_doc(trained, "Ann met Bob", image=np.ones(IMAGE_WIDTH + 1, dtype="float32"))
    with pytest.raises(ValueError, match=rf"M005.*{IMAGE_WIDTH + 1}.*{IMAGE_WIDTH}"):
        trained(doc)


@pytest.mark.parametrize(
    "image", [np.ones((2, 3, IMAGE_WIDTH)), np.float32(1), np.ones(0), "x.jpg", [[1.0], [1.0, 2.0]]]
)
def test_wrong_shape_of_a_picture(trained, image):
    with pytest.raises(ValueError, match="M004"):
        trained(make_doc(trained, "Ann met Bob", image=image))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_picture_with_nan_counts_as_missing(trained, value):
    image = picture()
    image[2] = value
    doc = make_doc(trained, "Ann met Bob", image=image)
    with pytest.warns(UserWarning, match="MW003"):
        found = emissions(trained, [doc])
    np.testing.assert_array_equal(found, emissions(trained, [make_doc(trained, "Ann met Bob")]))


def test_read_only_and_other_arrays(trained):
    image = picture()
    expected = emissions(trained, [make_doc(trained, "Ann met Bob", image=image)])
    read_only = image.copy()
    read_only.flags.writeable = False
    for other in (read_only, image.astype("float64"), image[None], image.tolist()):
        doc = make_doc(trained, "Ann met Bob", image=other)
        np.testing.assert_allclose(emissions(trained, [doc]), expected, atol=1e-6)


def test_training_with_read_only_pictures():
    nlp = make_nlp()
    image = picture()
    image.flags.writeable = False
    eg = make_example(nlp, "Ann met Bob", "B-PER O B-PER", image=image)
    losses = train(nlp, [eg], steps=3)
    assert losses[-1] < losses[0]


def test_no_picture_in_training_warns():
    nlp = make_nlp(initialize=False)
    egs = [make_example(nlp, text, tags) for text, tags in SENTENCES]
    with pytest.warns(UserWarning, match="MW002"):
        nlp.initialize(lambda: egs)
    assert nlp.get_pipe("mner").labels == ("LOC", "ORG", "PER")


def without_pictures(examples: List[Example]) -> List[Example]:
    """What `spacy.Corpus.v1` reads: the predicted doc is made anew from the words."""
    return [
        Example(Doc(eg.reference.vocab, words=[t.text for t in eg.reference]), eg.reference)
        for eg in examples
    ]


def illustrated_examples(nlp) -> List[Example]:
    return [
        make_example(nlp, text, tags, image=picture(i)) for i, (text, tags) in enumerate(SENTENCES)
    ]


def test_evaluate_sees_the_references_pictures(ambiguous):
    plain = without_pictures(ambiguous_examples(ambiguous))
    scores = ambiguous.evaluate(plain)
    assert scores["ents_f"] == 1.0
    full = ambiguous.evaluate(ambiguous_examples(ambiguous))
    assert {k: v for k, v in scores.items() if k != "speed"} == {
        k: v for k, v in full.items() if k != "speed"
    }


def test_spacys_evaluate_command_sees_the_pictures(ambiguous, tmp_path):
    ambiguous.to_disk(tmp_path / "model")
    data = DocBin(store_user_data=True)
    for eg in ambiguous_examples(ambiguous):
        data.add(eg.reference)
    data.to_disk(tmp_path / "data.spacy")
    scores = evaluate(str(tmp_path / "model"), tmp_path / "data.spacy", silent=True)
    assert scores["ents_f"] == 1.0


def test_evaluate_leaves_the_docs_untouched(ambiguous):
    plain = without_pictures(ambiguous_examples(ambiguous))
    for eg in plain:
        eg.predicted = ambiguous(eg.predicted)
    before = [(eg.predicted.to_bytes(), eg.reference.to_bytes()) for eg in plain]
    assert ambiguous.get_pipe("mner").score(plain)["ents_f"] == 1.0
    assert [(eg.predicted.to_bytes(), eg.reference.to_bytes()) for eg in plain] == before
    assert all(eg.predicted._.image_vec is None for eg in plain)


def test_reference_pictures_can_be_ignored(ambiguous):
    nlp = make_nlp(initialize=False, use_reference_images=False)
    nlp.get_pipe("mner").from_bytes(ambiguous.get_pipe("mner").to_bytes())
    assert nlp.evaluate(without_pictures(ambiguous_examples(nlp)))["ents_f"] == 0.5


def test_update_and_initialize_see_the_references_pictures():
    nlp = make_nlp(initialize=False)
    egs = without_pictures(ambiguous_examples(nlp))
    nlp.initialize(lambda: egs)
    train(nlp, egs, steps=80, learn_rate=0.02)
    assert nlp.evaluate(ambiguous_examples(nlp))["ents_f"] == 1.0
    assert all(eg.predicted._.image_vec is None for eg in egs)


def test_what_is_annotated_in_training_sees_the_pictures(ambiguous):
    """Components after this one may be trained on its predictions."""
    nlp = copy_nlp(ambiguous)
    egs = without_pictures(ambiguous_examples(nlp))
    nlp.get_pipe("mner").update(egs)
    assert [entities(nlp(eg.predicted)) for eg in egs] == [
        [(ent.text, ent.label_) for ent in eg.reference.ents] for eg in egs
    ]


@Language.component("start_sentences")
def start_sentences(doc):
    for token in doc:
        token.is_sent_start = True
    return doc


def test_sentences_that_came_later_do_not_change_the_score():
    nlp = make_nlp()
    train(nlp, make_examples(nlp), steps=40)
    nlp.add_pipe("start_sentences")
    assert ("Acme Corp", "ORG") in entities(nlp(SENTENCES[1][0]))

    def scores():
        examples = illustrated_examples(nlp)
        return [nlp.evaluate(egs)["ents_f"] for egs in (examples, without_pictures(examples))]

    given, shared = scores()
    assert given == shared
    # Those that were there before are obeyed both times.
    nlp.remove_pipe("start_sentences")
    nlp.add_pipe("start_sentences", first=True)
    given_before, shared_before = scores()
    assert given_before == shared_before < given


@pytest.mark.parametrize("cleaner", ["merge_entities", "doc_cleaner"])
def test_a_doc_of_which_too_little_is_left_for_the_score(cleaner):
    nlp = blank()
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    nlp.add_pipe("mner", config={"model": model_config(tok2vec=LISTENER)})
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    train(nlp, egs, steps=40)
    nlp.add_pipe(cleaner)
    assert nlp.evaluate(illustrated_examples(nlp))["ents_f"] > 0.9
    with pytest.raises(ValueError, match=r"\[M015\].*'mner'.*spacy_mner.Corpus.v1"):
        nlp.evaluate(without_pictures(illustrated_examples(nlp)))


def test_docs_of_two_vocabs():
    nlp, other = make_nlp(), make_nlp()
    docs = [make_doc(nlp, "Ann met Bob"), make_doc(other, "a very strange herring")]
    with pytest.raises(ValueError, match=r"\[M014\]"):
        nlp.get_pipe("mner").predict(docs)


# Word vectors


def test_other_width_of_the_word_vectors():
    nlp = make_nlp()
    other = make_nlp(initialize=False)
    other.get_pipe("mner").from_bytes(nlp.get_pipe("mner").to_bytes())
    set_vectors(other, VECTOR_WIDTH + 1)
    with pytest.raises(ValueError, match=rf"M003.*{VECTOR_WIDTH + 1}.*{VECTOR_WIDTH}"):
        other("Ann met Bob")


def test_learns_without_word_vectors():
    nlp = make_nlp(vectors=False, initialize=False)
    egs = make_examples(nlp)
    with pytest.warns(UserWarning, match="MW001"):
        nlp.initialize(lambda: egs)
    train(nlp, egs, steps=60)
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0


def test_the_default_config_learns():
    nlp = blank()
    nlp.add_pipe("mner")
    egs = make_examples(nlp)
    nlp.initialize(lambda: egs)
    train(nlp, egs, steps=25, learn_rate=0.003)
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
