"""Label shards on a Ray cluster, through Ray Data.

A row of the data set is a shard's description, so that no post travels through the cluster: actors read
the data files and write the output themselves. All nodes must see the same files.
"""

import contextlib
import json
import logging
import os
import socket
import warnings
from typing import Any, Dict, Iterator, List, Optional, Sequence

from ..errors import Errors, Warnings, missing_package
from .shards import Shard
from .worker import RemoteWorker, ShardResult, WorkerSettings, check_result

# A block is what Ray hands to an actor, and does again if the actor is lost.
_MAX_BLOCKS = 4096


def run_ray(
    settings: WorkerSettings,
    shards: Sequence[Shard],
    workers: Optional[int] = None,
    *,
    num_gpus: float = 0.0,
    address: Optional[str] = None,
) -> Iterator[ShardResult]:
    """Label shards.

    settings (WorkerSettings): What to do.
    shards (Sequence[Shard]): The shards.
    workers (Optional[int]): Actors. None: as many as the cluster's CPUs, or its GPUs, can hold now.
    num_gpus (float): GPUs of each actor; 0.5 lets two share one, 0 is the CPU.
    address (Optional[str]): The cluster's, "auto" for the one that this machine is part of. None:
        that in RAY_ADDRESS, or else a cluster of this machine alone, which ends with the job.
    YIELDS (ShardResult): What each shard came to, in the order in which they are done.
    RAISES (ImportError): Ray is missing.
    RAISES (ValueError): M154 there is no such cluster, M156 a node does not see the files.
    """
    if not shards:
        return
    with _connected(address) as ray:
        resources = ray.cluster_resources()
        if num_gpus > resources.get("GPU", 0.0):
            # Not an error: a cluster that grows on demand may have none yet.
            warnings.warn(Warnings.MW050.format(found=resources.get("GPU", 0.0)), stacklevel=2)
        if workers is None:
            workers = _count_workers(resources, num_gpus)
        workers = min(workers, len(shards))
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        rows = [{"shard": shard.to_json()} for shard in shards]
        data = ray.data.from_items(rows, override_num_blocks=min(len(rows), _MAX_BLOCKS))
        results = data.map_batches(
            _Actor,
            fn_constructor_args=(settings,),
            # One at a time: what an actor has done is known sooner, and little is lost with it.
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
            num_gpus=num_gpus or None,
        )
        for row in results.iter_rows():
            yield check_result(json.loads(row["result"]))


class _Actor:
    """Lives on a node, and labels the shards that Ray hands to it."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._worker = RemoteWorker(settings)

    def __call__(self, batch: Dict[str, Any]) -> Dict[str, List[str]]:
        shards = [Shard.from_json(str(text)) for text in batch["shard"]]
        return {"result": [json.dumps(self._worker.run(shard)) for shard in shards]}


@contextlib.contextmanager
def _connected(address: Optional[str]) -> Iterator[Any]:
    """A connection to the cluster, which is closed if it was not there before."""
    # Read when Ray is imported or starts: it would report its use to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise missing_package("The engine 'ray'", "ray", "ray") from None
    try:
        _knock(address)
    except OSError as error:
        raise ValueError(Errors.M154.format(where=f" '{address}'", problem=error)) from None
    if ray.is_initialized():
        yield ray
        return
    # A cluster that is there has its dashboard already, or not.
    own = address is None and "RAY_ADDRESS" not in os.environ
    options: Dict[str, Any] = {"include_dashboard": False} if own else {}
    try:
        ray.init(address=address, logging_level=logging.WARNING, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = "" if address is None else f" '{address}'"
        raise ValueError(Errors.M154.format(where=where, problem=error)) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: Optional[str]) -> None:
    """Ray itself tries for minutes before it says that nobody is there."""
    host, _, port = (address or "").rpartition(":")
    if host and "/" not in host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _count_workers(resources: Dict[str, float], num_gpus: float) -> int:
    workers = resources.get("CPU", 1.0)
    if num_gpus:
        workers = min(workers, resources.get("GPU", 0.0) / num_gpus)
    return max(1, int(workers))
