"""`python -m spacy mner predict`"""

import contextlib
import json
import sys
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any, Callable, Deque, Dict, Iterator, List, Optional, Union

import spacy
import torch
import typer
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from ..errors import Errors, Warnings
from ..extensions import set_extensions
from ..images.store import FeatureStore
from ..training.converters import Post, RecordError, Report, post_to_doc, read_posts
from ..training.converters.fields import post_from_fields
from ..training.converters.pictures import attach_features, attach_files
from ..training.converters.records import OnError
from ._output import atomic_text, fail_on_coded_errors
from ._util import Arg, Opt, mner_cli

# Words met for the first time are forgotten after so many posts, or a stream would fill the memory.
POSTS_PER_ZONE = 10_000
_SHOWN = 5

Reader = Callable[[OnError], Iterator[Post]]
Record = Dict[str, Any]


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
    use_gpu: Annotated[int, Opt("--gpu-id", "-g", help="GPU ID or -1 for CPU")] = -1,
    code_path: Annotated[
        Optional[Path],
        Opt(
            "--code",
            "-c",
            help="Path to Python file with additional code (registered functions) to be imported",
        ),
    ] = None,
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


@dataclass
class Summary:
    """What a run of `predict` did.

    posts (int): Posts labelled.
    entities (int): Entities found.
    with_picture (int): Posts whose picture was used.
    unused_pictures (int): Posts that name a picture where no source of pictures was given.
    report (Report): Records that could not be used, pictures that were not found or are broken.
    """

    posts: int = 0
    entities: int = 0
    with_picture: int = 0
    unused_pictures: int = 0
    report: Report = field(default_factory=Report)


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
            return _read_stdin(on_error)
        return read_posts(input_path, format, on_error=on_error)

    summary = Summary()
    store = None if features is None else FeatureStore.open(features)
    attach = _make_attach(store, images, summary)
    records = label_posts(nlp, read, attach, summary, batch_size=batch_size, n_process=n_process)
    with _open_output(output_path) as stream:
        for record in tqdm(records, desc="predict", unit="post", disable=silent):
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    return summary


def label_posts(
    nlp: Language,
    read: Reader,
    attach: Callable[[Doc, Post], None],
    summary: Summary,
    *,
    batch_size: Optional[int] = None,
    n_process: int = 1,
) -> Iterator[Record]:
    """Label a stream of posts; memory does not grow with it.

    nlp (Language): The pipeline.
    read (Reader): Called once with a function for bad records; yields posts.
    attach (Callable): Gives a doc the picture of its post.
    summary (Summary): Counts what happens.
    batch_size (Optional[int]): Posts per batch.
    n_process (int): Processes.
    YIELDS (Record): One JSON object a post or bad record, in the order of the input.
    """
    # The pipeline reads ahead: what has been read and not been written waits here, in order.
    waiting: Deque[Union[Post, Record]] = deque()

    def reject(error: RecordError, id_: Optional[str] = None) -> None:
        summary.report.add_bad(error)
        waiting.append({"id": id_, "source": error.source, "error": str(error)})

    def make_docs() -> Iterator[Doc]:
        for post in read(reject):
            try:
                # Entities that stand in the input would count as given, and be kept.
                doc = post_to_doc(nlp, replace(post, tags=None, spans=None))
            except RecordError as error:
                reject(error, post.id)
                continue
            attach(doc, post)
            waiting.append(post)
            yield doc

    docs = make_docs()
    done = False
    while not done:
        done = True
        # Processes keep words of their own, and a zone cannot reach into them.
        zone = nlp.memory_zone() if n_process == 1 else contextlib.nullcontext()
        with zone:
            part = islice(docs, POSTS_PER_ZONE) if n_process == 1 else docs
            for doc in nlp.pipe(part, batch_size=batch_size, n_process=n_process):
                done = n_process > 1
                while isinstance(item := waiting.popleft(), dict):
                    yield item
                summary.posts += 1
                summary.entities += len(doc.ents)
                summary.with_picture += doc._.image_vec is not None
                yield _describe(doc, item)
    # Only bad records can be left.
    yield from (item for item in waiting if isinstance(item, dict))


def _describe(doc: Doc, post: Post) -> Record:
    record: Record = {"id": post.id, "text": doc.text}
    if post.tokens is not None:
        record["tokens"] = post.tokens
    if post.image is not None:
        record["image"] = post.image
    record["image_used"] = doc._.image_vec is not None
    record["entities"] = [
        {
            "start": ent.start_char,
            "end": ent.end_char,
            "label": ent.label_,
            "text": ent.text,
            "score": None if ent._.score is None else round(ent._.score, 4),
        }
        for ent in doc.ents
    ]
    if doc._.modality_weights is not None:
        record["weights"] = {
            "tokens": [token.text for token in doc],
            "modalities": list(doc._.modality_names),
            "values": [[round(w, 4) for w in row] for row in doc._.modality_weights.tolist()],
        }
    return record


def _make_attach(
    store: Optional[FeatureStore], images: Optional[Path], summary: Summary
) -> Callable[[Doc, Post], None]:
    def attach(doc: Doc, post: Post) -> None:
        if store is not None and attach_features(doc, post, store, summary.report):
            return
        if images is not None:
            attach_files(doc, post, images, summary.report)
        elif store is None and post.images:
            summary.unused_pictures += 1

    return attach


def _read_stdin(on_error: OnError) -> Iterator[Post]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        source = f"stdin:{number}"
        try:
            if line.strip():
                yield post_from_fields(json.loads(line.decode("utf8")), source)
        except RecordError as error:
            on_error(error)
        except (ValueError, RecursionError) as error:
            on_error(RecordError("M046", source, problem=str(error)))


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
    if not _has_factory(nlp, "mner"):
        raise ValueError(Errors.M065.format(model=model, pipes=", ".join(nlp.pipe_names)))
    for name in nlp.pipe_names:
        if nlp.get_pipe_meta(name).factory == "mner":
            nlp.get_pipe(name).cfg["store_weights"] = True  # type: ignore[attr-defined]


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
