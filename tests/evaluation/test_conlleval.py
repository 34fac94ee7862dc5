"""From tags to scores: as seqeval counts, and as conlleval's rule says, also for tags that BIO forbids."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_mner.evaluation.counts import post_counts, total_fscores
from spacy_mner.evaluation.scorer import score_entities
from spacy_mner.training.converters.schemes import read_tags

from .strategies import VOCAB

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
TYPES = ("PER", "LOC", "ORG")
TAGS = ("O", *(f"{prefix}-{label}" for label in TYPES for prefix in "BI"))

Pairs = st.lists(
    st.integers(1, 9).flatmap(
        lambda n: st.tuples(*(st.lists(st.sampled_from(TAGS), min_size=n, max_size=n),) * 2)
    ),
    min_size=1,
    max_size=6,
)


def read(pairs):
    """Examples, as the converter makes them from rows of tags."""
    examples = []
    for rows in pairs:
        docs = []
        for tags in rows:
            doc = Doc(VOCAB, words=["w"] * len(tags))
            spans = [Span(doc, s.start, s.end, s.label) for s in read_tags(tags, "x").spans]
            doc.set_ents(spans, default="outside")
            docs.append(doc)
        examples.append(Example(docs[1], docs[0]))
    return examples


def conlleval(pairs):
    """Counts by the rules of conlleval.pl: a state machine over both rows at once.

    RETURNS: correct, gold and predicted chunks.
    """
    correct = gold = predicted = 0
    for gold_tags, predicted_tags in pairs:
        in_correct = False
        last_gold = last_predicted = "O"
        for g, p in [*zip(gold_tags, predicted_tags, strict=True), ("O", "O")]:
            ends = _ends(last_gold, g), _ends(last_predicted, p)
            if in_correct:
                if all(ends):
                    in_correct = False
                    correct += 1
                elif any(ends) or g[2:] != p[2:]:
                    in_correct = False
            starts = _starts(last_gold, g), _starts(last_predicted, p)
            if all(starts) and g[2:] == p[2:]:
                in_correct = True
            gold += starts[0]
            predicted += starts[1]
            last_gold, last_predicted = g, p
    return correct, gold, predicted


def _starts(last, tag):
    return tag != "O" and (tag[0] == "B" or last == "O" or last[2:] != tag[2:])


def _ends(last, tag):
    return last != "O" and (tag[0] in "BO" or last[2:] != tag[2:])


def untyped(pairs):
    """The same boundaries with one type."""
    rows = []
    for pair in pairs:
        row = []
        for tags in pair:
            bio = ["O"] * len(tags)
            for span in read_tags(tags, "x").spans:
                bio[span.start : span.end] = ["B-X", *["I-X"] * (span.end - span.start - 1)]
            row.append(bio)
        rows.append(tuple(row))
    return rows


def check(pairs):
    examples = read(pairs)
    scores = score_entities(examples)
    for prefix, given_pairs in (("ents", pairs), ("ents_seg", untyped(pairs))):
        gold = [list(tags) for tags, _ in given_pairs]
        predicted = [list(tags) for _, tags in given_pairs]
        measures = (("p", precision_score), ("r", recall_score), ("f", f1_score))
        for figure, measure in measures:
            expected = measure(gold, predicted, zero_division=0)
            assert (scores[f"{prefix}_{figure}"] or 0.0) == pytest.approx(expected)
        correct, n_gold, n_predicted = conlleval(given_pairs)
        p, r = correct / max(1, n_predicted), correct / max(1, n_gold)
        assert (scores[f"{prefix}_p"] or 0.0) == pytest.approx(p)
        assert (scores[f"{prefix}_r"] or 0.0) == pytest.approx(r)
    if scores["ents_r"] is not None:
        assert scores["ents_r"] <= scores["ents_seg_r"] + 1e-12
    typed, segmentation = total_fscores(post_counts(examples))
    assert typed == pytest.approx(scores["ents_f"] or 0.0)
    assert segmentation == pytest.approx(scores["ents_seg_f"] or 0.0)


@given(Pairs)
def test_random_tags(pairs):
    check(pairs)


@pytest.mark.parametrize(
    ("gold", "predicted", "counts"),
    [
        # An orphan I- begins an entity, of the gold and of the prediction alike.
        ("O I-PER I-PER", "O B-PER I-PER", (1, 1, 1)),
        ("I-PER O", "I-PER O", (1, 1, 1)),
        # Another type after B- or I- begins a new one.
        ("B-PER I-LOC", "B-PER O", (1, 2, 1)),
        ("B-PER I-LOC", "B-PER B-LOC", (2, 2, 2)),
        # B- next to B- of the same type: two entities.
        ("B-PER B-PER", "B-PER I-PER", (0, 2, 1)),
        ("I-LOC I-LOC", "B-LOC B-LOC", (0, 1, 2)),
    ],
)
def test_orphans(gold, predicted, counts):
    pair = (gold.split(), predicted.split())
    assert conlleval([pair]) == counts
    check([pair])


def read_conll_tags(path):
    """The tags of each post, without our reader."""
    posts, tags = [], []
    for line in path.read_text("utf8").split("\n"):
        if line.startswith("IMGID:") or not line.strip(" \t\r"):
            if tags:
                posts.append(tags)
            tags = []
        else:
            tags.append(line.rstrip("\r").split("\t")[-1])
    return [*posts, tags] if tags else posts


def read_jsonl_tags(path):
    return [json.loads(line)["tags"] for line in path.read_text("utf8").splitlines()]


FILES = [
    *sorted(ROOT.glob("assets/sample/*.jsonl")),
    *(
        DATA / f"twitter{year}" / f"{split}.txt"
        for year in (2015, 2017)
        for split in ("train", "valid")
    ),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files(path):
    """Gold tags of real files, predictions that are the gold with errors of all kinds."""
    if not path.exists():
        pytest.skip("the data set is not here")
    posts = read_jsonl_tags(path) if path.suffix == ".jsonl" else read_conll_tags(path)
    tags_of_file = sorted({tag for tags in posts for tag in tags})
    rng = random.Random(0)
    pairs = []
    for tags in posts:
        wrong = [rng.choice(tags_of_file) if rng.random() < 0.15 else tag for tag in tags]
        pairs.append((tags, wrong))
    check(pairs)


def test_macro_figures_may_exceed_segmentation():
    """Micro-averaged typed recall cannot be above that of segmentation; the macro average can (Table 1)."""
    gold = ["B-PER", "O", "B-LOC", "O", "B-LOC", "O", "B-LOC"]
    predicted = ["B-PER", "O", "O", "O", "O", "O", "O"]
    scores = score_entities(read([(gold, predicted)]))
    assert scores["ents_r"] == scores["ents_seg_r"] == 0.25
    assert scores["ents_macro_r"] == 0.5
