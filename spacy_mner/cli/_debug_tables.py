"""What `spacy debug mner` prints."""

from typing import Dict, List, Optional

from spacy.vectors import Vectors
from wasabi import Printer

from ..inspection.data import DataReport
from ..inspection.findings import ERROR, Finding
from ..inspection.model import PartSize, TrialReport
from ..inspection.pictures import region_summary
from ..inspection.vectors import FOUND, CoverageReport

HOW_FOUND = {
    "exact": "as written",
    "ladder": "in another spelling",
    "kind": "URL, user name, number",
    "unknown": "not found",
}


def print_data(msg: Printer, data: DataReport) -> None:
    """Posts, tokens and entities."""
    msg.divider("Data")
    train, dev = data.train, data.dev
    rows = [
        ("posts", train.posts, dev.posts),
        ("tokens", train.tokens, dev.tokens),
        ("entities", train.entities, dev.entities),
        ("posts without annotation", train.unannotated, dev.unannotated),
        ("tokens without annotation", train.missing_tokens, dev.missing_tokens),
        ("empty posts", train.empty, dev.empty),
        ("misaligned tokens", train.misaligned, dev.misaligned),
        ("repeated posts", len(train.duplicates), len(dev.duplicates)),
    ]
    msg.table(rows, header=("", "train", "dev"), aligns=tuple("lrr"))
    labels = sorted({*train.labels, *dev.labels}, key=lambda x: (-train.labels.get(x, 0), x))
    if labels:
        rows = [(label, train.labels.get(label, 0), dev.labels.get(label, 0)) for label in labels]
        msg.table(rows, header=("type", "train", "dev"), aligns=tuple("lrr"))
    msg.text(
        f"Dev posts that occur in the training data: {data.same_text} by their text, "
        f"{data.same_picture} by their picture, {len(data.overlap)} by both"
    )


def print_pictures(msg: Printer, data: DataReport) -> None:
    """Pictures, and how they go together with the entity types."""
    msg.divider("Pictures")
    parts = (data.train.pictures, data.dev.pictures)
    rows = [
        ("posts with a picture", *(p.with_picture for p in parts)),
        ("posts without", *(p.without_picture for p in parts)),
        ("not encoded yet", *(p.not_encoded for p in parts)),
        ("width", *(", ".join(map(str, p.widths)) or "-" for p in parts)),
        ("regions", *(_regions(p.regions) for p in parts)),
        ("all zero", *(p.zero for p in parts)),
        ("NaN or infinite", *(p.not_finite for p in parts)),
        ("different pictures", *(p.distinct for p in parts)),
        ("posts with the most frequent one", *(p.most_repeated for p in parts)),
    ]
    msg.table(rows, header=("", "train", "dev"), aligns=tuple("lrr"))
    for name, part in (("training", parts[0]), ("dev", parts[1])):
        if part.by_type:
            shares = [
                (label, f"{x.with_picture:.1%}", f"{x.without_picture:.1%}", f"{x.z:.1f}")
                for label, x in part.by_type.items()
            ]
            msg.table(
                shares,
                header=("posts that hold", "with picture", "without", "z"),
                aligns=tuple("lrrr"),
                title=f"Entity types in {name} posts with and without a picture",
            )


def print_coverage(
    msg: Printer, vectors: Vectors, coverage: Dict[str, Optional[CoverageReport]]
) -> None:
    """Words found in the table of vectors."""
    msg.divider("Word vectors")
    if not vectors.shape[1]:
        msg.text("No word vectors ([initialize] vectors)")
        return
    msg.text(f"{vectors.shape[0]:,} vectors of width {vectors.shape[1]} ({vectors.mode})")
    reports = [report for report in coverage.values() if report is not None]
    rows = [
        (HOW_FOUND[how], *(f"{x[how]:.1%}" for r in reports for x in (r.tokens, r.forms)))
        for how in FOUND
    ]
    names = [name for name, report in coverage.items() if report is not None]
    header = ("", *(f"{name} {unit}" for name in names for unit in ("tokens", "forms")))
    msg.table(rows, header=header, aligns=("l", *"rr" * len(reports)))
    for name, report in coverage.items():
        if report is not None and report.unknown:
            words = ", ".join(f"{form} ({n})" for form, n in report.unknown)
            msg.text(f"Most frequent of {name} that are not found: {words}")


def print_dimensions(msg: Printer, name: str, sizes: List[PartSize]) -> None:
    """The parts of the model."""
    msg.divider(f"Model of '{name}'")
    rows = [
        (
            size.name,
            size.kind if size.kind != size.name else "",
            ", ".join(f"{key} {value:,}" for key, value in size.learnt.items()),
            f"{size.parameters:,}",
        )
        for size in sizes
    ]
    total = sum(size.parameters for size in sizes)
    msg.table(
        rows,
        header=("part", "", "sizes", "parameters"),
        footer=("total", "", "", f"{total:,}"),
        aligns=tuple("lllr"),
        divider=True,
    )


def print_trial(msg: Printer, trial: TrialReport) -> None:
    """A few updates."""
    losses = " → ".join(f"{loss:.2f}" for loss in trial.losses)
    msg.text(
        f"{len(trial.losses)} updates with {trial.examples} posts and a prediction took "
        f"{trial.seconds:.1f} s. Loss: {losses}"
    )
    if not trial.failed and not trial.unreached:
        msg.good("Gradients are finite and reach every parameter")


def print_findings(msg: Printer, findings: List[Finding]) -> None:
    """What to act on, errors last."""
    msg.divider("Findings")
    errors = [finding for finding in findings if finding.level == ERROR]
    for finding in findings:
        if finding.level != ERROR:
            msg.warn(finding.message)
    for finding in errors:
        msg.fail(finding.message)
    n_warnings = len(findings) - len(errors)
    summary = f"{n_warnings} warnings, {len(errors)} errors"
    if errors:
        msg.fail(f"Training is impossible: {summary}")
    else:
        msg.good(f"Ready to train: {summary}")


def _regions(regions: Dict[int, int]) -> str:
    least, mean, greatest = region_summary(regions)
    if not greatest:
        return "-"
    return f"{least:g}" if least == greatest else f"{least:g} to {greatest:g} (mean {mean:.1f})"
