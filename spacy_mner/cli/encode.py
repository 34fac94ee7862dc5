"""`python -m spacy mner encode`"""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, List, Mapping, Optional

from spacy.cli._util import import_code, setup_gpu
from wasabi import Printer

from ..images.encode import EncodeSummary, create_encoder, encode
from ..images.reading import printable
from ._options import parse_options
from ._output import atomic_text, fail_on_coded_errors
from ._util import Arg, CodeOption, GpuOption, Opt, mner_cli


@mner_cli.command("encode")
def encode_cli(
    source: Annotated[
        Path,
        Arg(
            help='Folder of pictures, or JSON file with captions: {"image id": "caption"}; for the '
            "encoder precomputed, a folder or the file of vectors"
        ),
    ],
    store: Annotated[Path, Arg(help="Feature store (a folder) to make or to go on with")],
    encoder: Annotated[
        str, Opt("--encoder", "-e", help="Registered name of the image encoder")
    ] = "efficientnet_lite0",
    vectors: Annotated[
        Optional[str],
        Opt(
            "--vectors",
            "-v",
            help="Name or path of the pipeline whose word vectors the captions encoder uses; or file "
            "of vectors, for the encoder precomputed",
        ),
    ] = None,
    regions: Annotated[
        bool,
        Opt(
            "--regions",
            "-R",
            help="Several vectors per picture in place of one: parts of the picture, or words of "
            "the caption",
        ),
    ] = False,
    options: Annotated[
        Optional[List[str]],
        Opt(
            "--set",
            help="Option of the encoder as NAME=VALUE, e.g. --set model=resnet50 or "
            "--set download=true; may be repeated",
        ),
    ] = None,
    batch_size: Annotated[
        Optional[int],
        Opt(
            "--batch-size",
            "-b",
            help="Pictures to a batch. Default: 4 for networks on the CPU, else 32",
            min=1,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        Opt("--overwrite", "-F", help="Start from nothing where the store is there already"),
    ] = False,
    report: Annotated[
        Optional[Path],
        Opt(
            "--report",
            "-r",
            help="JSON file for the summary, with every missing picture",
            dir_okay=False,
        ),
    ] = None,
    strict: Annotated[
        bool,
        Opt("--strict", help="Exit with 1 if a picture cannot be encoded, or a folder not be read"),
    ] = False,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
    silent: Annotated[bool, Opt("--silent", "-S", help="Print errors only")] = False,
) -> None:
    """
    Turn pictures, or captions of pictures, into vectors and keep them in a feature store.

    A picture's id is its path in the folder without the suffix: "a/b.jpg" has the id "a/b".
    Pictures that are in the store already are not computed again, so that a run that was stopped
    can be started again. Pictures that cannot be read are named at the end, with the reason, and in
    STORE/missing.json; they stop nothing.

    Encoders that come with the package: efficientnet_lite0, googlenet, inception_v3, torchvision,
    timm, open_clip (pictures), captions, sentences (captions), precomputed (ids of pictures).
    """
    import_code(code_path)
    with fail_on_coded_errors():
        summary = encode_images(
            source,
            store,
            encoder,
            vectors=vectors,
            regions=regions,
            options=parse_options(options or []),
            batch_size=batch_size,
            overwrite=overwrite,
            use_gpu=use_gpu,
            silent=silent,
        )
    if report is not None:
        with atomic_text(report) as stream:
            json.dump(summary.to_json(), stream, indent=2)
            stream.write("\n")
    if strict and not summary.complete:
        n = len(summary.missing) + len(summary.folders)
        Printer().fail(f"{n} could not be encoded (--strict)", exits=1)


def encode_images(
    source: Path,
    store: Path,
    encoder: str = "efficientnet_lite0",
    *,
    vectors: Optional[str] = None,
    regions: bool = False,
    options: Optional[Mapping[str, Any]] = None,
    batch_size: Optional[int] = None,
    overwrite: bool = False,
    use_gpu: int = -1,
    silent: bool = True,
) -> EncodeSummary:
    """Encode a folder of pictures or a file of captions into a feature store.

    source (Path): The folder or file.
    store (Path): The feature store.
    encoder (str): Registered name of the image encoder.
    vectors (Optional[str]): Pipeline with word vectors, for captions.
    regions (bool): Several vectors per picture.
    options (Optional[Mapping[str, Any]]): Options of the encoder.
    batch_size (Optional[int]): Pictures to a batch. None: as is best for the encoder.
    overwrite (bool): Start from nothing.
    use_gpu (int): GPU, or -1 for the CPU.
    silent (bool): Neither print a summary nor show a progress bar.
    RETURNS (EncodeSummary): What became of the pictures.
    RAISES (ValueError): If the source, the store or the encoder cannot be used.
    """
    msg = Printer(no_print=silent)
    setup_gpu(use_gpu, silent=silent)
    network = create_encoder(encoder, vectors=vectors, regions=regions, options=options)
    summary = encode(
        source,
        store,
        network,
        batch_size=batch_size,
        overwrite=overwrite,
        progress=not silent,
    )
    _print_summary(msg, summary, store, f"{network.reads}s")
    return summary


def _print_summary(msg: Printer, summary: EncodeSummary, store: Path, what: str) -> None:
    found = summary.encoded + summary.present
    if summary.total and not found:
        msg.warn(f"None of {summary.total} {what} could be encoded: {store} got no vector")
    else:
        msg.good(f"{found} of {summary.total} {what} are in {store}")
    rows = [
        (f"{what.capitalize()} found", summary.total),
        ("Already in the store", summary.present),
        ("Encoded", summary.encoded),
        ("Missing", len(summary.missing)),
        ("Same id as another", len(summary.duplicates)),
        ("Other files, ignored", summary.ignored),
    ]
    msg.table([row for row in rows if row[1] or row[0] in ("Encoded", "Missing")])
    if summary.missing:
        codes = Counter(reason.partition(" ")[0] for reason in summary.missing.values())
        counts = ", ".join(f"{n} x {code}" for code, n in codes.most_common())
        msg.warn(f"{len(summary.missing)} could not be encoded ({counts}):")
        for id_, reason in summary.missing.items():
            msg.text(f"{printable(summary.files.get(id_, id_))}: {printable(reason)}")
    if summary.folders:
        msg.warn(f"{len(summary.folders)} folders were not looked into:")
        for folder, reason in summary.folders.items():
            msg.text(f"{printable(folder)}: {reason}")
    for kind, ids in summary.doubtful.items():
        msg.warn(f"{len(ids)} vectors are {kind}:")
        msg.text(printable(", ".join(ids)))
