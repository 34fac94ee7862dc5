"""`spacy mner convert`: data files of posts to spaCy's training format."""

from pathlib import Path
from typing import Annotated, Any, Dict, Iterable, List, Optional, Union

import spacy
import tqdm
from wasabi import Printer

from ..errors import Errors, Warnings
from ..output import atomic_bytes
from ..training.converters import FORMATS, Report, convert_posts, find_files, read_posts
from ..training.converters.report import Cases
from ._output import check_outputs, fail_on_coded_errors, write_json
from ._util import Arg, Opt, mner_cli

# Of each kind of trouble, so many are shown; the JSON report names more.
_SHOWN = 5


@mner_cli.command("convert")
def convert_cli(
    input_path: Annotated[str, Arg(help="File, folder or glob with the posts", metavar="INPUT")],
    output_path: Annotated[Path, Arg(help="The .spacy file to write", metavar="OUTPUT")],
    features: Annotated[
        Optional[Path], Opt(help="Feature store with the pictures' vectors (see encode)")
    ] = None,
    images: Annotated[Optional[Path], Opt(help="Folder with the pictures themselves")] = None,
    label: Annotated[
        Optional[List[str]],
        Opt(help="OLD=NEW renames an entity type, OLD= leaves it out. Repeatable"),
    ] = None,
    lang: Annotated[
        str, Opt("--lang", "-l", help="Language code: its tokenizer splits posts without tokens")
    ] = "en",
    format: Annotated[
        str, Opt("--format", "-f", help=f"Format of the input: {', '.join(FORMATS)}")
    ] = "auto",
    report: Annotated[
        Optional[Path], Opt(help="JSON file for the figures and the places behind them")
    ] = None,
    strict: Annotated[
        bool, Opt("--strict", help="Stop at the first record that cannot be used")
    ] = False,
    silent: Annotated[bool, Opt("--silent", "-S", help="Print nothing")] = False,
) -> None:
    """Convert posts with their entities and pictures to training data.

    Reads IMGID CoNLL, JSONL (tokens and tags, or text and character spans), CSV and Parquet, and
    says what it found: posts, entities per type, pictures, repaired tags, spans that do not align,
    duplicates, and records that could not be used.
    """
    with fail_on_coded_errors():
        convert(
            input_path,
            output_path,
            features=features,
            images=images,
            labels=parse_labels(label or ()),
            lang=lang,
            format=format,
            report_path=report,
            strict=strict,
            silent=silent,
        )


def convert(
    input_path: Union[str, Path],
    output_path: Path,
    *,
    features: Optional[Path] = None,
    images: Optional[Path] = None,
    labels: Optional[Dict[str, str]] = None,
    lang: str = "en",
    format: str = "auto",
    report_path: Optional[Path] = None,
    strict: bool = False,
    silent: bool = True,
) -> Report:
    """Convert data files to a .spacy file.

    input_path (Union[str, Path]): File, folder or glob.
    output_path (Path): The file to write; its folder is made.
    features (Optional[Path]): A feature store, for `Doc._.image_vec`.
    images (Optional[Path]): A folder of pictures, for `Doc._.image`.
    labels (Optional[Dict[str, str]]): Types to rename, {old: new}; new = "" leaves the type out.
    lang (str): Language of the tokenizer for posts without tokens.
    format (str): One of FORMATS.
    report_path (Optional[Path]): A JSON file for the report.
    strict (bool): Raise the first record that cannot be used, in place of skipping it.
    silent (bool): Print nothing.
    RETURNS (Report): What was read.
    RAISES (ValueError): No post could be used, a file as a whole cannot be read, or M066 if one file would
        be written over another.
    """
    msg = Printer(no_print=silent)
    if images is not None and not images.is_dir():
        raise FileNotFoundError(Errors.M067.format(path=images))
    check_outputs(input_path, format, {"OUTPUT": output_path, "--report": report_path})
    report = Report()
    on_error = None if strict else report.add_bad
    posts = read_posts(input_path, format, on_error=on_error)
    doc_bin = convert_posts(
        tqdm.tqdm(posts, unit=" posts", leave=False, delay=1, disable=silent),
        spacy.blank(lang),
        report=report,
        features=None if features is None else _open_store(features),
        images=images,
        labels=labels,
        on_error=on_error,
    )
    if not report.posts:
        first = f", the first: {report.bad.named[0]}" if report.bad.named else ""
        raise ValueError(Errors.M053.format(path=input_path, bad=report.bad.count, first=first))
    report.unknown_labels = [old for old in labels or {} if old not in report.renamed]
    with atomic_bytes(output_path) as stream:
        stream.write(doc_bin.to_bytes())
    if report_path is not None:
        write_json(report_path, report.to_dict())
    _print_report(report, msg, n_files=len(find_files(input_path, format)))
    msg.good(f"Wrote {report.posts:,} posts to {output_path}")
    return report


def parse_labels(values: Iterable[str]) -> Dict[str, str]:
    """Read the values of --label.

    values (Iterable[str]): "OLD=NEW" or "OLD=" each.
    RETURNS (Dict[str, str]): From old to new type.
    RAISES (ValueError): A value has no "=", or nothing before it.
    """
    labels = {}
    for value in values:
        old, equals, new = value.partition("=")
        if not equals or not old.strip():
            raise ValueError(Errors.M052.format(value=value))
        labels[old.strip()] = new.strip()
    return labels


def _open_store(path: Path) -> Any:
    from ..images.store import FeatureStore

    return FeatureStore.open(path)


def _print_report(report: Report, msg: Printer, *, n_files: int) -> None:
    pictures = {
        "features": ("Posts with a picture's vector", "Posts without"),
        "images": ("Posts with a picture file", "Posts without"),
        "names": ("Posts that name a picture", "Posts that name none"),
    }[report.pictures]
    rows = [
        ("Files", n_files),
        ("Posts", report.posts),
        ("Tokens", report.tokens),
        ("Entities", sum(report.entities.values())),
        *((f"  {label}", count) for label, count in sorted(report.entities.items())),
        (pictures[0], report.with_picture),
        (pictures[1], report.without_picture),
        ("Posts without annotation", report.unlabelled),
        ("Posts annotated in part", report.partial),
        ("Orphan I- tags repaired", 0 if report.scheme else report.orphans),
        ("Spans that do not align", report.misaligned.count),
        ("Duplicate ids", report.duplicate_ids.count),
        ("Duplicate texts", report.duplicate_texts.count),
        ("Bad records skipped", report.bad.count),
    ]
    msg.table([(name, f"{count:,}") for name, count in rows], aligns=("l", "r"))
    if report.scheme:
        msg.info(f"The tags are {report.scheme}: entities begin with I-. Nothing was repaired.")
    for old, count in sorted(report.renamed.items()):
        msg.info(f"{count:,} entities of the type {old} were renamed or left out")
    for old in report.unknown_labels:
        found = ", ".join(sorted(report.entities)) or "none"
        msg.warn(Warnings.MW040.format(old=old, found=found))
    if report.rejected:
        msg.info(f"{report.rejected:,} posts that the annotator rejected were skipped")
    if report.trimmed:
        msg.info(f"{report.trimmed:,} spans had blanks at an end, which were cut off")
    _print_cases(
        msg,
        report.misaligned,
        "spans end inside of a token: the tokens they touch are not annotated",
    )
    _print_cases(msg, report.overlapping, "spans overlap a longer one and were left out")
    _print_cases(msg, report.lost_pictures, "pictures were not found")
    _print_cases(msg, report.broken_pictures, "vectors are zero or not finite: taken as no picture")
    _print_cases(msg, report.bad, "records could not be used")


def _print_cases(msg: Printer, cases: Cases, what: str) -> None:
    if not cases.count:
        return
    more = cases.count - len(cases.named[:_SHOWN])
    lines = cases.named[:_SHOWN] + ([f"and {more:,} more"] if more else [])
    msg.warn(f"{cases.count:,} {what}")
    for line in lines:
        msg.text(f"  {line}")
