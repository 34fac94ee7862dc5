"""`python -m spacy mner predict`"""

import contextlib
import json
import sys
from pathlib import Path
from typing import IO, Annotated, Iterator, List, Optional, Union

import spacy
import torch
import typer
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from tqdm import tqdm

from ..errors import Errors, Warnings
from ..extensions import set_extensions
from ..images.store import FeatureStore
from ..pipeline.mner import MultimodalEntityRecognizer
from ..training.converters import Post, read_posts
from ..training.converters.records import OnError
from ._labelling import Summary, label_posts, make_attach, read_stdin
from ._output import atomic_text, fail_on_coded_errors
from ._util import Arg, CodeOption, GpuOption, Opt, mner_cli

_SHOWN = 5


@mner_cli.command("predict")
def predict_cli(
    model: Annotated[str, Arg(help="Model name or path")],
    input_path: Annotated[
        str, Arg(help="Posts: a file, folder or glob, or - for JSONL on stdin", metavar="INPUT")
    ],
    output_path: Annotated[str, Arg(help="JSONL file, or - for stdout", metavar="OUTPUT")],
    images: Annotated[
        Optional[Path],
        Opt(
            "--images",
            "-i",
            help="Folder with the pictures that the posts name (the pipeline needs image_encoder)",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    features: Annotated[
        Optional[Path],
        Opt("--features", help="Feature store with the pictures' vectors (see encode)"),
    ] = None,
    format: Annotated[
        str, Opt("--format", "-f", help="Format of the input: auto, conll, jsonl, csv or parquet")
    ] = "auto",
    weights: Annotated[
        bool, Opt("--weights", help="Write the weight of each modality for each token")
    ] = False,
    batch_size: Annotated[
        Optional[int], Opt("--batch-size", "-b", help="Posts per batch", min=1)
    ] = None,
    n_process: Annotated[int, Opt("--n-process", "-n", help="Processes", min=1)] = 1,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    Find the entities of posts, with their pictures if they have any.

    INPUT holds one post a line, such as {"id": "7", "text": "Daisy at home", "image": "daisy.jpg"};
    `tokens` may stand in place of `text`. OUTPUT gets one line a post in the same order: id, text,
    image, image_used, and entities with start, end (characters of text), label, text and score. A
    post that cannot be read becomes {"id", "source", "error"}; it never stops the run. Posts are
    read, labelled and written as they come, so the input may be of any length.
    """
    import_code(code_path)
    with fail_on_coded_errors():
        summary = predict(
            model,
            input_path,
            output_path,
            images=images,
            features=features,
            format=format,
            weights=weights,
            batch_size=batch_size,
            n_process=n_process,
            use_gpu=use_gpu,
            silent=False,
        )
    _print_summary(summary)


def predict(
    model: str,
    input_path: Union[str, Path],
    output_path: Union[str, Path],
    *,
    images: Optional[Path] = None,
    features: Optional[Path] = None,
    format: str = "auto",
    weights: bool = False,
    batch_size: Optional[int] = None,
    n_process: int = 1,
    use_gpu: int = -1,
    silent: bool = True,
) -> Summary:
    """Label the posts of a file and write them as JSONL.

    model (str): Name or path of the pipeline.
    input_path (Union[str, Path]): What `read_posts` takes, or "-" for JSONL on stdin.
    output_path (Union[str, Path]): The file, written atomically, or "-" for stdout.
    images (Optional[Path]): Folder with the pictures, for the pipeline's `image_encoder`.
    features (Optional[Path]): Feature store with the pictures' vectors. Comes before `images`.
    format (str): Format of the input, see `read_posts`.
    weights (bool): Write the modality weights.
    batch_size (Optional[int]): Posts per batch. Defaults to the pipeline's.
    n_process (int): Processes.
    use_gpu (int): GPU id, or -1 for the CPU.
    silent (bool): Show no progress bar.
    RETURNS (Summary): What was read and found.
    RAISES (ValueError): M064 or M065 if the pipeline lacks the component that an option needs.
    """
    setup_gpu(use_gpu, silent=True)  # what it prints would end up between the records on stdout
    set_extensions()
    nlp = spacy.load(model)
    if images is not None and not _has_factory(nlp, "image_encoder"):
        raise ValueError(Errors.M064.format(model=model, pipes=", ".join(nlp.pipe_names)))
    if weights:
        _store_weights(nlp, model)
    if n_process > 1:
        # A forked process waits for ever for the threads of its parent's torch.
        torch.set_num_threads(1)

    def read(on_error: OnError) -> Iterator[Post]:
        if str(input_path) == "-":
            return read_stdin(on_error)
        return read_posts(input_path, format, on_error=on_error)

    summary = Summary()
    store = None if features is None else FeatureStore.open(features)
    attach = make_attach(store, images, summary)
    records = label_posts(nlp, read, attach, summary, batch_size=batch_size, n_process=n_process)
    with _open_output(output_path) as stream:
        for record in tqdm(records, desc="predict", unit="post", disable=silent):
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    return summary


@contextlib.contextmanager
def _open_output(path: Union[str, Path]) -> Iterator[IO[str]]:
    if str(path) == "-":
        yield sys.stdout
        sys.stdout.flush()
    else:
        with atomic_text(Path(path)) as stream:
            yield stream


def _has_factory(nlp: Language, factory: str) -> bool:
    return any(nlp.get_pipe_meta(name).factory == factory for name in nlp.pipe_names)


def _store_weights(nlp: Language, model: str) -> None:
    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, MultimodalEntityRecognizer)]
    if not pipes:
        raise ValueError(Errors.M065.format(model=model, pipes=", ".join(nlp.pipe_names)))
    for pipe in pipes:
        pipe.store_weights = True


def _print_summary(summary: Summary) -> None:
    """On stderr: stdout may carry the records."""
    report = summary.report
    lines: List[str] = [
        f"{summary.posts:,} posts labelled, {summary.with_picture:,} with their picture: "
        f"{summary.entities:,} entities"
    ]
    if summary.unused_pictures:
        lines.append(Warnings.MW060.format(n=summary.unused_pictures))
    for cases, what in (
        (report.lost_pictures, "pictures were not found"),
        (report.broken_pictures, "vectors are zero or not finite: taken as no picture"),
        (report.bad, "records could not be used"),
    ):
        if cases.count:
            lines.append(f"{cases.count:,} {what}:")
            lines += [f"  {name}" for name in cases.named[:_SHOWN]]
    for line in lines:
        typer.echo(line.encode("utf8", errors="backslashreplace"), err=True)
