"""Label shards on this machine: in this process, or in several."""

import multiprocessing
import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_any
from typing import Any, Callable, Iterator, Optional, Sequence, Set, Union

import torch

from ..errors import Errors
from .shards import Shard
from .worker import RemoteWorker, ShardResult, Worker, WorkerSettings, check_result


def run_local(
    settings: WorkerSettings,
    shards: Sequence[Shard],
    workers: int = 1,
    tick: Optional[Callable[[], Any]] = None,
) -> Iterator[ShardResult]:
    """Label shards.

    settings (WorkerSettings): What to do.
    shards (Sequence[Shard]): The shards.
    workers (int): Processes; with one, it is this process.
    tick (Optional[Callable[[], Any]]): Called after each record, if it is this process.
    YIELDS (ShardResult): What each shard came to, in the order in which they are done.
    RAISES (ValueError): The pipeline cannot do it; M155 if a process ended by itself.
    """
    if workers > 1:
        yield from _run_processes(settings, shards, workers)
        return
    n_threads = torch.get_num_threads()
    try:
        worker = Worker(settings)
        for shard in shards:
            yield worker.run(shard, tick)
    finally:
        torch.set_num_threads(n_threads)


def _run_processes(
    settings: WorkerSettings, shards: Sequence[Shard], workers: int
) -> Iterator[ShardResult]:
    # A forked process would wait for ever for the threads of its parent's torch.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start, initargs=(settings,)
    )
    waiting = iter(shards)
    running: Set[Future[Union[ShardResult, str]]] = set()
    try:
        while True:
            while len(running) < 2 * workers and (shard := next(waiting, None)) is not None:
                running.add(pool.submit(_run, shard))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield check_result(future.result())
    except BrokenProcessPool as error:
        raise ValueError(Errors.M155.format(problem=error)) from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker: Optional[RemoteWorker] = None


def _start(settings: WorkerSettings) -> None:
    global _worker
    _worker = RemoteWorker(settings)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's processes wait for work for ever if the one that hands it out is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_any([parent.sentinel])
        os._exit(1)


def _run(shard: Shard) -> Union[ShardResult, str]:
    if _worker is None:
        raise RuntimeError("the process was not started by the pool")
    return _worker.run(shard)
