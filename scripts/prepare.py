"""The first steps of the project: from a data set's folder to pictures, features and `.spacy` files.

A data set's folder holds `train`, `valid` and optionally `test` (`.jsonl`, `.csv`, `.parquet` or IMGID
`.txt`), and its pictures: crops of photographs (the embedded sample), a folder `images`, or captions
(`captions.*.json`).
"""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional

import typer
from sample_pictures import write_pictures
from wasabi import msg

from spacy_mner.cli._options import parse_options
from spacy_mner.cli._output import fail_on_coded_errors
from spacy_mner.cli.convert import convert
from spacy_mner.cli.encode import encode_images

SPLIT_SUFFIXES = (".jsonl", ".txt", ".csv", ".parquet")

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

DataDir = Annotated[
    Path, typer.Argument(exists=True, file_okay=False, help="The data set's folder")
]
WorkDir = Annotated[Path, typer.Argument(help="Folder for what is made from it")]
CaptionsFile = Annotated[
    Optional[str],
    typer.Option("--captions", help="Name of the captions file, if there are several"),
]


@app.command()
def features(
    data_dir: DataDir,
    work_dir: WorkDir,
    encoder: Annotated[str, typer.Option(help="Image encoder for pictures")] = "efficientnet_lite0",
    caption_encoder: Annotated[
        str, typer.Option(help="Image encoder for captions, e.g. sentences")
    ] = "captions",
    options: Annotated[
        Optional[List[str]],
        typer.Option(
            "--set",
            help="Option of the encoder that is used as NAME=VALUE, e.g. --set model=FOLDER; may be "
            "repeated",
        ),
    ] = None,
    vectors: Annotated[
        Optional[str], typer.Option(help="Pipeline whose vectors the caption encoder captions uses")
    ] = None,
    captions: CaptionsFile = None,
    regions: Annotated[
        bool,
        typer.Option(
            "--regions", help="Several vectors a picture: its parts, or a caption's words"
        ),
    ] = False,
    gpu_id: Annotated[int, typer.Option(help="GPU ID or -1 for CPU")] = -1,
) -> None:
    """Encode the data set's pictures, or their captions, into WORK_DIR/features."""
    pictures = data_dir / "images"
    if is_sample(data_dir):
        written, present = write_pictures(data_dir, work_dir)
        msg.good(f"Pictures of the sample: {written} cut, {present} were there", str(work_dir))
        pictures = work_dir / "pictures"
    source = find_captions(data_dir, captions)
    if source is None and not pictures.is_dir():
        msg.warn(
            f"{data_dir} has no folder 'images' and no captions.*.json: posts without pictures"
        )
        return
    if source is not None:
        others = " and not the pictures in 'images'" if pictures.is_dir() else ""
        msg.info(f"The captions in {source.name} are encoded{others}")
    name = encoder if source is None else caption_encoder
    # The project always names its word vectors; a table of them needs no GPU.
    own: Dict[str, Any] = {"vectors": vectors} if name == "captions" else {"use_gpu": gpu_id}
    with fail_on_coded_errors():
        encode_images(
            source or pictures,
            work_dir / "features",
            name,
            regions=regions,
            options=parse_options(options or []),
            silent=False,
            **own,
        )


@app.command()
def corpus(data_dir: DataDir, work_dir: WorkDir) -> None:
    """Convert the splits to WORK_DIR/train.spacy, dev.spacy and test.spacy."""
    store = work_dir / "features"
    for split, required in (("train", True), ("valid", True), ("test", False)):
        source = find_split(data_dir, split)
        target = "dev" if split == "valid" else split
        if source is None and required:
            names = ", ".join(f"{split}{suffix}" for suffix in SPLIT_SUFFIXES)
            msg.fail(f"{data_dir} has none of {names}", exits=1)
        if source is None:
            # Nothing is selected on the scored posts: the project scores the last weights.
            msg.warn("There is no test split: the valid split is scored")
            source = find_split(data_dir, "valid")
        msg.divider(f"{split} -> {target}.spacy")
        convert(
            str(source),
            work_dir / f"{target}.spacy",
            features=store if store.exists() else None,
            silent=False,
        )


def is_sample(data_dir: Path) -> bool:
    """Whether the posts of this folder say how their pictures are cut from photographs."""
    train = data_dir / "train.jsonl"
    if not train.exists():
        return False
    with train.open(encoding="utf8") as file:
        return '"crop":' in file.readline()


def find_split(data_dir: Path, split: str) -> Optional[Path]:
    """The file with a split's posts, if there is one."""
    paths = [data_dir / f"{split}{suffix}" for suffix in SPLIT_SUFFIXES]
    return next((path for path in paths if path.exists()), None)


def find_captions(data_dir: Path, name: Optional[str] = None) -> Optional[Path]:
    """The captions file: the one named, or the first of `captions.*.json` by name."""
    if name:
        return data_dir / name
    return next(iter(sorted(data_dir.glob("captions*.json"))), None)


if __name__ == "__main__":
    app()
