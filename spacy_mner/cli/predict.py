"""`python -m spacy mner predict`"""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import IO, Annotated, ContextManager, Iterator, Optional, Sequence, Union

import torch
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from tqdm import tqdm

from ..batch.labelling import (
    Record,
    describe,
    describe_error,
    label_docs,
    make_attach,
    read_stdin,
)
from ..batch.pipeline import image_encoders, load_pipeline
from ..batch.run import SHARD_SIZE, label_files
from ..batch.summary import Summary
from ..errors import Errors
from ..images.store import FeatureStore
from ..images.types import ImageEncoder
from ..training.converters import Post, read_posts
from ..training.converters.records import OnError
from ..visualization.picture_viewer import PictureViewer
from ..visualization.posts import MAX_POSTS, PostsPage, open_posts_page
from ._output import atomic_text, check_outputs, fail_on_coded_errors, write_json
from ._predicting import check_job, is_folder, print_summary
from ._util import Arg, CodeOption, GpuOption, Opt, mner_cli


@mner_cli.command("predict")
def predict_cli(
    model: Annotated[str, Arg(help="Model name or path")],
    input_path: Annotated[
        str, Arg(help="Posts: a file, folder or glob, or - for JSONL on stdin", metavar="INPUT")
    ],
    output_path: Annotated[
        str,
        Arg(help="JSONL file, - for stdout, or a folder for shards: DIR/", metavar="OUTPUT"),
    ],
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
    html: Annotated[
        Optional[Path],
        Opt(
            "--html",
            help="Also write a page that shows the posts and their pictures",
            dir_okay=False,
        ),
    ] = None,
    html_posts: Annotated[
        int, Opt("--html-posts", help="Posts that the page shows at most", min=1)
    ] = MAX_POSTS,
    batch_size: Annotated[
        Optional[int], Opt("--batch-size", "-b", help="Posts per batch", min=1)
    ] = None,
    n_process: Annotated[
        Optional[int],
        Opt(
            "--n-process",
            "-n",
            help="Processes. Default: 1; with ray, what the cluster holds",
            min=1,
        ),
    ] = None,
    to: Annotated[
        Optional[str], Opt("--to", "-t", help="Format of shards: jsonl, parquet or docbin")
    ] = None,
    shard_size: Annotated[
        Optional[int], Opt("--shard-size", help=f"Posts to a shard. Default: {SHARD_SIZE}", min=1)
    ] = None,
    engine: Annotated[
        str, Opt("--engine", "-e", help="Where shards are labelled: local, or ray (a cluster)")
    ] = "local",
    address: Annotated[
        Optional[str],
        Opt("--address", help="Ray cluster: HOST:PORT, or auto. Default: this machine alone"),
    ] = None,
    num_gpus: Annotated[
        Optional[float],
        Opt("--num-gpus", help="GPUs of each process on a cluster; 0.5: two share one", min=0.0),
    ] = None,
    overwrite: Annotated[
        bool, Opt("--overwrite", "-F", help="Label all shards again; replace those of another job")
    ] = False,
    strict: Annotated[
        bool, Opt("--strict", help="Stop at the first record that cannot be used")
    ] = False,
    report: Annotated[
        Optional[Path], Opt("--report", "-r", help="JSON file for the summary", dir_okay=False)
    ] = None,
    use_gpu: GpuOption = -1,
    code_path: CodeOption = None,
) -> None:
    """
    Find the entities of posts, with their pictures if they have any.

    INPUT holds one post a line, such as {"id": "7", "text": "Daisy at home", "image": "daisy.jpg"};
    `tokens` may stand in place of `text`. OUTPUT gets one line a post in the same order: id, text,
    tokens and image if they were given, image_used, image_errors (why pictures are missing, if any
    are), entities with start, end (characters of text), label, text and score, and weights with
    --weights; in shards, source, too. A post that cannot be read becomes {"id", "source", "error"};
    it stops the run only with --strict. If no post could be read, the exit code is 1. Posts are
    read, labelled and written as they come, so the input may be of any length.

    If OUTPUT is a folder (it exists, ends with a slash, or an option is about shards), the posts are
    written in shards, each of which is complete or absent: a run that was killed goes on where it
    stopped when the same command is given again. docs/scale-out.md says more.

    --html shows each post with a small copy of its picture (from --images), its entities, the
    picture's tags if the pipeline has an image_encoder that knows any, and the weight of each
    modality. The page is one file that needs no network. With --features, --images is for the page,
    and for pictures that the store lacks if the pipeline has an image_encoder.
    """
    about_shards = {
        "--to": to,
        "--shard-size": shard_size,
        "--address": address,
        "--num-gpus": num_gpus,
        "--overwrite": overwrite or None,
    }
    with fail_on_coded_errors():
        check_outputs(
            input_path, format, {"OUTPUT": output_path, "--html": html, "--report": report}
        )
        if (
            is_folder(output_path)
            or engine != "local"
            or any(v is not None for v in about_shards.values())
        ):
            check_job(input_path, output_path, html, engine, about_shards)
            summary = label_files(
                model,
                input_path,
                output_path,
                format=format,
                to=to or "jsonl",
                shard_size=shard_size or SHARD_SIZE,
                images=images,
                features=features,
                weights=weights,
                batch_size=batch_size,
                engine=engine,
                workers=n_process,
                use_gpu=use_gpu,
                num_gpus=num_gpus,
                address=address,
                strict=strict,
                overwrite=overwrite,
                code=code_path,
                silent=False,
            )
        else:
            import_code(code_path)
            summary = predict(
                model,
                input_path,
                output_path,
                images=images,
                features=features,
                format=format,
                weights=weights,
                html=html,
                html_posts=html_posts,
                batch_size=batch_size,
                n_process=n_process or 1,
                strict=strict,
                use_gpu=use_gpu,
                silent=False,
            )
    if report is not None:
        write_json(report, summary.to_dict())
    print_summary(summary)
    bad = summary.report.bad
    if bad.count and not summary.posts:
        first = f", the first: {bad.named[0]}"
        with fail_on_coded_errors():
            raise ValueError(Errors.M053.format(path=input_path, bad=bad.count, first=first))


def predict(
    model: str,
    input_path: Union[str, Path],
    output_path: Union[str, Path],
    *,
    images: Optional[Path] = None,
    features: Optional[Path] = None,
    format: str = "auto",
    weights: bool = False,
    html: Optional[Path] = None,
    html_posts: int = MAX_POSTS,
    batch_size: Optional[int] = None,
    n_process: int = 1,
    strict: bool = False,
    use_gpu: int = -1,
    silent: bool = True,
) -> Summary:
    """Label the posts of a file and write them as JSONL. For a folder of shards: `label_files`.

    model (str): Name or path of the pipeline.
    input_path (Union[str, Path]): What `read_posts` takes, or "-" for JSONL on stdin.
    output_path (Union[str, Path]): The file, written atomically, or "-" for stdout.
    images (Optional[Path]): Folder with the pictures, for the pipeline's `image_encoder`.
    features (Optional[Path]): Feature store with the pictures' vectors. Comes before `images`.
    format (str): Format of the input, see `read_posts`.
    weights (bool): Write the modality weights.
    html (Optional[Path]): Also write a page that shows the posts.
    html_posts (int): Posts that the page shows at most; the others are counted.
    batch_size (Optional[int]): Posts per batch. Defaults to the pipeline's.
    n_process (int): Processes.
    strict (bool): Stop at the first record that cannot be used.
    use_gpu (int): GPU id, or -1 for the CPU.
    silent (bool): Show no progress bar.
    RETURNS (Summary): What was read and found.
    RAISES (ValueError): M028, M064, M065, M153 or M190 if the pipeline cannot do what an option needs,
        M066 if one file would be written over another.
    RAISES (RecordError): A record cannot be used, and it is strict.
    """
    check_outputs(input_path, format, {"OUTPUT": output_path, "--html": html})
    from_stdin = str(input_path) == "-"
    if from_stdin and format not in ("auto", "jsonl"):
        problem = "it is read as JSONL. Give a file"
        raise ValueError(
            Errors.M153.format(option=f"--format {format}", where="on stdin", problem=problem)
        )
    if use_gpu >= 0 and n_process > 1:
        problem = "CUDA does not survive a fork. Give one process, or a folder as OUTPUT (shards)"
        option = f"--n-process {n_process}"
        raise ValueError(Errors.M153.format(option=option, where="on a GPU", problem=problem))
    setup_gpu(use_gpu, silent=True)  # what it prints would end up between the records on stdout
    # Beside vectors from a store, the files may be there for the page alone.
    encoded = None if html is not None and features is not None else images
    store = None if features is None else FeatureStore.open(features)
    nlp, keep_weights = load_pipeline(
        model, images=encoded, store=store, weights=weights, for_page=html is not None
    )
    if n_process > 1:
        # A forked process waits for ever for the threads of its parent's torch.
        torch.set_num_threads(1)

    def read(on_error: OnError) -> Iterator[Post]:
        if from_stdin:
            return read_stdin(on_error)
        return read_posts(input_path, format, on_error=on_error)

    summary = Summary()
    encoders = image_encoders(nlp)
    # To any other pipeline, a file is no picture.
    reads_files = encoders and all(pipe.encoder.reads != "caption" for pipe in encoders)
    attach = make_attach(store, images if reads_files else None, summary)
    facts = [f"pipeline {model}", f"posts from {input_path}"]
    with (
        _open_page(html, nlp, images, facts, html_posts) as page,
        _open_output(output_path) as stream,
        tqdm(desc="predict", unit="post", disable=silent) as bar,
    ):

        def write(record: Record) -> None:
            if page is not None:
                page.add(record)
            kept = {k: v for k, v in record.items() if k != "weights" or keep_weights}
            stream.write(json.dumps(kept, ensure_ascii=False) + "\n")
            bar.update()

        labelled = label_docs(
            nlp,
            read,
            attach,
            summary,
            lambda error: write(describe_error(error)),
            batch_size=batch_size,
            n_process=n_process,
            strict=strict,
        )
        for item in labelled:
            write(describe(item))
    return summary


def _open_page(
    path: Optional[Path],
    nlp: Language,
    images: Optional[Path],
    facts: Sequence[str],
    max_posts: int,
) -> ContextManager[Optional[PostsPage]]:
    if path is None:
        return contextlib.nullcontext()
    encoder: Optional[ImageEncoder] = None
    for pipe in image_encoders(nlp):
        encoder = pipe.encoder
    return open_posts_page(
        path,
        PictureViewer(images, encoder),
        facts=facts,
        direction=nlp.vocab.writing_system["direction"],
        max_posts=max_posts,
    )


@contextlib.contextmanager
def _open_output(path: Union[str, Path]) -> Iterator[IO[str]]:
    if str(path) == "-" and not hasattr(sys.stdout, "buffer"):
        yield sys.stdout  # a notebook's
    elif str(path) == "-":
        # JSONL is UTF-8, whatever the terminal's encoding. A line that is written can be read at once.
        lines = io.TextIOWrapper(
            sys.stdout.buffer, encoding="utf8", newline="\n", line_buffering=True
        )
        try:
            yield lines
        finally:
            lines.detach()  # or it would close stdout
    else:
        with atomic_text(Path(path)) as stream:
            yield stream
