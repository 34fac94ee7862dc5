"""Judgement on the counts: what makes training impossible, what to look at, and what to do next."""

from dataclasses import dataclass
from typing import Iterator, List, Optional

from spacy.language import Language

from ..errors import Errors, Warnings
from .data import N_QUOTED, DataReport, PartReport
from .model import TrialReport
from .pictures import PictureReport
from .vectors import CoverageReport

ERROR, WARNING = "error", "warning"

# As in `spacy debug data`: fewer posts, or fewer entities of a type, are too few to train on.
FEW_POSTS = 100
FEW_ENTITIES = 50
# Below this share of known tokens the vectors come from another kind of text.
LOW_COVERAGE = 0.8
# Shares of posts with an entity type differ "a lot": by so much, and by more than chance would.
TRAP_DIFFERENCE, TRAP_Z = 0.15, 3.0
# One picture in so many posts is a placeholder rather than a picture.
REPEATED_POSTS, REPEATED_SHARE = 10, 0.05


@dataclass
class Finding:
    """Something to act on.

    level (str): "error" where training is impossible, "warning" otherwise.
    message (str): with its code, and what to do next.
    """

    level: str
    message: str


def judge_data(report: DataReport) -> List[Finding]:
    """Findings about posts, entities and pictures."""
    findings: List[Finding] = []
    for name, part in (("training", report.train), ("dev", report.dev)):
        findings += _judge_part(name, part)
        findings += _judge_pictures(name, part.pictures)
    findings += _judge_labels(report)
    widths = sorted({*report.train.pictures.widths, *report.dev.pictures.widths})
    if len(widths) > 1:
        findings.append(Finding(ERROR, Errors.M083.format(widths=", ".join(map(str, widths)))))
    if report.overlap:
        where = "of the dev data are in the training data too, with the same picture"
        then = "Their scores say nothing about new posts: take them out of one of the two."
        findings.append(_warn_posts(report.overlap, where, then))
    return findings


def judge_coverage(part: str, coverage: Optional[CoverageReport]) -> List[Finding]:
    """Findings about word vectors; none where there is no table."""
    if coverage is None:
        return []
    share = 1 - coverage.tokens["unknown"]
    if share >= LOW_COVERAGE:
        return []
    words = ", ".join(form for form, _ in coverage.unknown)
    return [_warn(Warnings.MW087.format(share=share, part=part, words=words))]


def judge_trial(name: str, trial: TrialReport, *, pictures: bool) -> List[Finding]:
    """Findings about the updates.

    name (str): of the component.
    trial (TrialReport): what happened.
    pictures (bool): whether the training data has pictures; without, their part cannot be reached.
    """
    steps = len(trial.losses)
    if trial.failed:
        what = _quoted(trial.not_finite) or f"the loss of '{name}'"
        return [Finding(ERROR, Errors.M085.format(what=what, steps=steps))]
    findings = []
    for part, parameters in trial.unreached.items():
        reads_pictures = part in trial.picture_parts
        if reads_pictures and not pictures:
            continue
        findings.append(
            _warn(
                Warnings.MW081.format(
                    n=len(parameters),
                    name=part,
                    steps=steps,
                    parameters=_quoted(parameters),
                    hint="Doc._.image_vec" if reads_pictures else "words with entities",
                )
            )
        )
    return findings


def judge_scorers(nlp: Language, name: str) -> List[Finding]:
    """Findings about components whose figures take the place of the component's own.

    spaCy's `Scorer` asks one component after the other; the last that says `ents_f` is believed.

    nlp (Language): the pipeline.
    name (str): of the component.
    """
    after = nlp.pipe_names[nlp.pipe_names.index(name) + 1 :]
    return [
        _warn(Warnings.MW090.format(name=name, other=other))
        for other in after
        if "ents_f" in nlp.get_pipe_meta(other).scores
        and getattr(nlp.get_pipe(other), "scorer", None) is not None
        and nlp.get_pipe_meta(other).factory != nlp.get_pipe_meta(name).factory
    ]


def _judge_part(name: str, part: PartReport) -> Iterator[Finding]:
    if not part.posts:
        yield Finding(ERROR, Errors.M080.format(part=name))
        return
    if part.unannotated and part.entities:
        yield _warn(Warnings.MW083.format(n=part.unannotated, part=name))
    for found, what, then in (
        (
            part.space,
            "white space",
            "It is left out in training, and no entity is predicted with it.",
        ),
        (part.punct, "punctuation", "That is right where it belongs to the name (Yahoo!)."),
    ):
        if found:
            texts = _quoted(found)
            yield _warn(
                Warnings.MW084.format(n=len(found), part=name, what=what, texts=texts, then=then)
            )
    if part.misaligned:
        texts = _quoted(part.misaligned_texts)
        yield _warn(
            Warnings.MW085.format(n=part.misaligned, part=name, lost=part.lost, texts=texts)
        )
    if part.contradictions:
        where = f"of the {name} data repeat another one (text and picture) with other entities"
        then = "No model can be right on both: decide on one annotation."
        yield _warn_posts(part.contradictions, where, then)
    equal = list(part.duplicates)
    for text in part.contradictions:
        equal.remove(text)
    if equal:
        where = f"of the {name} data repeat another one (text, picture and entities)"
        then = "They count twice: leave them out unless that is meant."
        yield _warn_posts(equal, where, then)


def _judge_pictures(name: str, pictures: PictureReport) -> Iterator[Finding]:
    for shape, n in pictures.bad_shapes.items():
        yield Finding(ERROR, Errors.M088.format(n=n, part=name, shape=shape))
    if pictures.not_encoded:
        yield _warn_picture(
            name,
            f"{pictures.not_encoded} posts have a picture (Doc._.image) but no vector. Convert with "
            "--features STORE, or put 'image_encoder' before 'mner' and under annotating_components.",
        )
    if pictures.zero:
        yield _warn_picture(
            name,
            f"{pictures.zero} vectors are all zero. They tell nothing about a picture: look at these "
            "pictures, and encode them again.",
        )
    if pictures.not_finite:
        yield _warn_picture(
            name,
            f"{pictures.not_finite} vectors hold NaN or infinite values and count as missing. Encode "
            "these pictures again.",
        )
    most, total = pictures.most_repeated, pictures.with_picture
    if most >= REPEATED_POSTS and most > REPEATED_SHARE * total:
        yield _warn_picture(
            name,
            f"{most} of {total} posts share one picture. If it stands for 'no picture', leave it "
            "out: posts without a picture are fine.",
        )
    for label, share in pictures.by_type.items():
        difference = abs(share.with_picture - share.without_picture)
        if difference >= TRAP_DIFFERENCE and share.z >= TRAP_Z:
            yield _warn(
                Warnings.MW089.format(
                    part=name,
                    label=label,
                    with_picture=share.with_picture,
                    without=share.without_picture,
                )
            )


def _judge_labels(report: DataReport) -> Iterator[Finding]:
    train, dev = report.train, report.dev
    if train.posts and not train.entities:
        yield Finding(ERROR, Errors.M081.format(n=train.posts, unannotated=train.unannotated))
        return
    if 0 < train.posts < FEW_POSTS:
        yield _warn(Warnings.MW080.format(n=train.posts, what="posts", needed=FEW_POSTS))
    for label, n in train.labels.items():
        if n < FEW_ENTITIES:
            what = f"entities of the type '{label}'"
            yield _warn(Warnings.MW080.format(n=n, what=what, needed=FEW_ENTITIES))
    for there, here, part, other, then in (
        ("training", "dev", train, dev, "Its scores cannot be measured."),
        ("dev", "training", dev, train, "It cannot be learnt."),
    ):
        for label, n in part.labels.items():
            if other.posts and label not in other.labels:
                yield _warn(
                    Warnings.MW082.format(label=label, n=n, there=there, here=here, then=then)
                )


def _quoted(texts: List[str]) -> str:
    more = "" if len(texts) <= N_QUOTED else ", …"
    return ", ".join(texts[:N_QUOTED]) + more


def _warn(message: str) -> Finding:
    return Finding(WARNING, message)


def _warn_posts(texts: List[str], where: str, then: str) -> Finding:
    message = Warnings.MW086.format(n=len(texts), where=where, texts=_quoted(texts), then=then)
    return _warn(message)


def _warn_picture(part: str, problem: str) -> Finding:
    return _warn(Warnings.MW088.format(part=part, problem=problem))
