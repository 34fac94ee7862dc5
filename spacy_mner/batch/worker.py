"""What labels shards, in this process or another one, on this machine or another one."""

import platform
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Union

import torch
from spacy.util import import_file
from thinc.api import require_gpu

from ..errors import Errors, is_coded
from ..hashing import hash_file
from ..images.store import FeatureStore
from ..training.converters import RecordError
from .folder import JobFolder
from .labelling import label_docs, make_attach
from .pipeline import forget_forms, load_pipeline
from .shards import Shard, read_shard
from .sinks import SINKS
from .summary import Summary

ShardResult = Dict[str, Any]


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker has to know; paths are absolute.

    model (str): Name or path of the pipeline.
    output (str): The job's folder.
    to (str): Format of the output.
    images (Optional[str]): Folder with the pictures.
    features (Optional[str]): Feature store.
    weights (bool): Write the modality weights.
    batch_size (Optional[int]): Posts per batch.
    strict (bool): Fail at the first record that cannot be used.
    use_gpu (int): GPU id, or -1 for the CPU.
    code (Optional[str]): Python file with registered functions.
    """

    model: str
    output: str
    to: str = "jsonl"
    images: Optional[str] = None
    features: Optional[str] = None
    weights: bool = False
    batch_size: Optional[int] = None
    strict: bool = False
    use_gpu: int = -1
    code: Optional[str] = None


class Worker:
    """Loads the pipeline once, and labels shards.

    torch gets one thread: shards are labelled side by side by several workers, and sums that are
    split over threads would round otherwise on a machine with another number of cores.

    settings (WorkerSettings): What to do.
    RAISES (ValueError): The pipeline cannot do it.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.folder = JobFolder(Path(settings.output), settings.to)
        torch.set_num_threads(1)
        if settings.code is not None:
            _import_code(settings.code, hash_file(Path(settings.code)))
        if settings.use_gpu >= 0:
            require_gpu(settings.use_gpu)
        self._images = None if settings.images is None else Path(settings.images)
        self._store = None if settings.features is None else FeatureStore.open(settings.features)
        self.nlp, _ = load_pipeline(
            settings.model, images=self._images, store=self._store, weights=settings.weights
        )

    def run(self, shard: Shard, tick: Optional[Callable[[], Any]] = None) -> ShardResult:
        """Label a shard and write its output, unless that is done already.

        shard (Shard): The shard.
        tick (Optional[Callable[[], Any]]): Called after each record.
        RETURNS (ShardResult): What it came to, see `Summary.to_dict`.
        RAISES (RecordError): A record cannot be used, and the settings are strict.
        """
        # A cluster may send a shard twice: after a worker was lost on its way back.
        done = self.folder.read_mark(shard.number)
        if done is not None:
            return done
        forget_forms(self.nlp)
        summary = Summary()
        count = tick or (lambda: None)
        path = self.folder.output_path(shard.number)
        with SINKS[self.settings.to].open(path) as sink:

            def reject(error: RecordError) -> None:
                sink.add_error(error)
                count()

            labelled = label_docs(
                self.nlp,
                partial(read_shard, shard.slices),
                make_attach(self._store, self._images, summary),
                summary,
                reject,
                batch_size=self.settings.batch_size,
                strict=self.settings.strict,
            )
            for item in labelled:
                sink.add(item)
                count()
        result = summary.to_dict()
        self.folder.finish(shard.number, result)
        return result


class RemoteWorker:
    """A worker whose errors can travel: a message of this package comes back as a result.

    settings (WorkerSettings): What to do. The pipeline is loaded for the first shard.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._worker: Optional[Worker] = None

    def run(self, shard: Shard) -> Union[ShardResult, str]:
        """Label a shard.

        shard (Shard): The shard.
        RETURNS (Union[ShardResult, str]): What it came to, or why it could not be done.
        """
        try:
            self._check_paths(shard)
            if self._worker is None:
                self._worker = Worker(self._settings)
            return self._worker.run(shard)
        except (ValueError, OSError, ImportError) as error:
            if not is_coded(error):
                raise
            return str(error)

    def _check_paths(self, shard: Shard) -> None:
        settings = self._settings
        paths = [settings.output, settings.images, settings.features, settings.code]
        if Path(settings.model).is_absolute():  # no package
            paths.append(settings.model)
        paths += [slice_.file.path for slice_ in shard.slices]
        for path in paths:
            if path is not None and not Path(path).exists():
                raise ValueError(Errors.M156.format(path=path, node=platform.node()))


@cache
def _import_code(path: str, content: str) -> None:
    """Once in a process: what the code registers, such as an extension, may be refused the second time."""
    try:
        import_file("python_code", path)
    except Exception as error:  # whatever is in the file
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(Errors.M160.format(path=path, problem=problem)) from error


def check_result(result: Union[ShardResult, str]) -> ShardResult:
    """Raise what a `RemoteWorker` could not.

    result (Union[ShardResult, str]): What came back.
    RETURNS (ShardResult): The same.
    RAISES (ValueError): It is a message.
    """
    if isinstance(result, str):
        raise ValueError(result)
    return result
