"""Run a job: label the posts of many files into a folder of shards, and go on where it stopped."""

import os
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence, Union

from tqdm import tqdm

from ..errors import Errors, check_choice
from .engine_local import run_local
from .engine_ray import run_ray
from .fingerprint import fingerprint_job
from .folder import JobFolder
from .shards import Shard, cut_shards, list_files
from .sinks import SINKS
from .summary import Summary
from .worker import ShardResult, WorkerSettings

SHARD_SIZE = 10_000
ENGINES = ("local", "ray")

PathLike = Union[str, Path]


def label_files(
    model: PathLike,
    input_path: PathLike,
    output: PathLike,
    *,
    format: str = "auto",
    to: str = "jsonl",
    shard_size: int = SHARD_SIZE,
    images: Optional[PathLike] = None,
    features: Optional[PathLike] = None,
    weights: bool = False,
    batch_size: Optional[int] = None,
    engine: str = "local",
    workers: Optional[int] = None,
    use_gpu: int = -1,
    num_gpus: Optional[float] = None,
    address: Optional[str] = None,
    strict: bool = False,
    overwrite: bool = False,
    code: Optional[PathLike] = None,
    silent: bool = True,
) -> Summary:
    """Label the posts of data files, and write them as shards into a folder.

    The output does not depend on the engine or on the number of workers. A job that was stopped, also
    by a kill, goes on where it stopped when it is run again.

    model (PathLike): Name or path of the pipeline.
    input_path (PathLike): A file, folder or glob.
    output (PathLike): The folder.
    format (str): Format of the input, see `read_posts`.
    to (str): Format of the output: "jsonl", "parquet" or "docbin".
    shard_size (int): Posts to a shard.
    images (Optional[PathLike]): Folder with the pictures, for the pipeline's `image_encoder`.
    features (Optional[PathLike]): Feature store with the pictures' vectors. Comes before `images`.
    weights (bool): Write the modality weights.
    batch_size (Optional[int]): Posts per batch. Defaults to the pipeline's.
    engine (str): "local" or "ray".
    workers (Optional[int]): Processes. None: one; on a cluster, as many as it has CPUs or GPUs for.
    use_gpu (int): GPU id, or -1 for the CPU.
    num_gpus (Optional[float]): GPUs of each worker on a cluster. None: 1 if `use_gpu` says GPU.
    address (Optional[str]): The cluster's, see `run_ray`.
    strict (bool): Stop at the first record that cannot be used.
    overwrite (bool): Start from nothing, also where another job's shards are.
    code (Optional[PathLike]): Python file with registered functions, imported in every worker.
    silent (bool): Show no progress bar.
    RETURNS (Summary): What all shards came to, those of earlier runs included.
    RAISES (ValueError): M006, M011, M028, M064, M065, M066 or M190 for options that cannot be; M150 to M160,
        see there.
    RAISES (RecordError): A record cannot be used, and it is strict.
    """
    for value, setting, options in ((engine, "engine", ENGINES), (to, "format", tuple(SINKS))):
        check_choice(setting, value, options)
    for setting, number in (
        ("batch_size", batch_size),
        ("shard_size", shard_size),
        ("workers", workers),
    ):
        if number is not None and number < 1:
            raise ValueError(Errors.M011.format(setting=setting, value=number, range="1 or more"))
    if code is not None and not Path(code).is_file():
        raise ValueError(Errors.M160.format(path=code, problem="there is no such file"))
    files = list_files(input_path, format, Path(output))
    job = fingerprint_job(
        files,
        str(model),
        images=None if images is None else Path(images),
        features=None if features is None else Path(features),
        code=None if code is None else Path(code),
        **{"modality weights": weights, "format of the output": to, "posts to a shard": shard_size},
    )
    if engine == "ray" and num_gpus is None:
        num_gpus = 1.0 if use_gpu >= 0 else 0.0
    settings = WorkerSettings(
        # The name of a package stays one.
        model=os.path.abspath(model) if Path(model).exists() else str(model),
        output=os.path.abspath(output),
        to=to,
        images=None if images is None else os.path.abspath(images),
        features=None if features is None else os.path.abspath(features),
        weights=weights,
        batch_size=batch_size,
        strict=strict,
        # Ray shows each actor its own GPU as the first.
        use_gpu=use_gpu if engine == "local" else (0 if num_gpus else -1),
        code=None if code is None else os.path.abspath(code),
    )

    def run(shards: Sequence[Shard], tick: Callable[[], object]) -> Iterator[ShardResult]:
        if engine == "ray":
            return run_ray(settings, shards, workers, num_gpus=num_gpus or 0.0, address=address)
        return run_local(settings, shards, workers or 1, tick)

    folder = JobFolder(Path(output), to)
    with folder.open(job, overwrite=overwrite):
        shards = folder.load_shards(job, cut_shards(files, shard_size))
        return _run_shards(folder, shards, run, strict=strict, silent=silent)


def _run_shards(
    folder: JobFolder,
    shards: List[Shard],
    run: Callable[[Sequence[Shard], Callable[[], object]], Iterator[ShardResult]],
    *,
    strict: bool,
    silent: bool,
) -> Summary:
    done = Summary()
    todo = []
    for shard in shards:
        mark = folder.read_mark(shard.number)
        if mark is None:
            todo.append(shard)
        else:
            done.add(mark)
    bad = done.report.bad
    if strict and bad.count:
        raise ValueError(Errors.M157.format(n=bad.count, first=bad.named[0]))
    n_total, n_todo = (sum(shard.n for shard in part) for part in (shards, todo))
    n_ticks = 0
    with tqdm(
        total=n_total, initial=n_total - n_todo, desc="predict", unit="post", disable=silent
    ) as bar:

        def tick() -> None:
            nonlocal n_ticks
            n_ticks += 1
            bar.update()

        for result in run(todo, tick):
            # Workers elsewhere are heard of when a shard is done.
            bar.update(0 if n_ticks else result["posts"] + result["bad"]["count"])
    # In the order of the posts, whatever order the shards were done in.
    summary = Summary()
    for shard in shards:
        mark = folder.read_mark(shard.number)
        if mark is None:
            raise ValueError(Errors.M158.format(path=folder.output_path(shard.number)))
        summary.add(mark)
    folder.write_summary(summary.to_dict())
    return summary
