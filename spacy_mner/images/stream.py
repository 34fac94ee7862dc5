"""Read pictures in threads, ahead of the network and in order."""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Deque, Iterable, Iterator, Tuple, TypeVar, Union

from .reading import ImageReadError

KeyT = TypeVar("KeyT")
DEFAULT_WORKERS = min(8, (os.cpu_count() or 1) + 1)


def read_ahead(
    sources: Iterable[Tuple[KeyT, Any]],
    read: Callable[[Any], Any],
    *,
    ahead: int = 64,
    workers: int = DEFAULT_WORKERS,
) -> Iterator[Tuple[KeyT, Union[Any, ImageReadError]]]:
    """Read sources in a thread pool, at most so many ahead of whoever takes them.

    sources (Iterable[Tuple[KeyT, Any]]): Keys and sources.
    read (Callable[[Any], Any]): Reads one source, e.g. `encoder.read`.
    ahead (int): Sources read but not taken yet, which bounds the memory.
    workers (int): Threads.
    YIELDS (Tuple[KeyT, Any]): Each key with what was read, or with the ImageReadError that says why
        there is no picture; in the order of the sources.
    """
    waiting: Deque[Tuple[KeyT, Future[Any]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="read-pictures") as pool:
        try:
            for key, source in sources:
                waiting.append((key, pool.submit(_try, read, source)))
                if len(waiting) >= ahead:
                    key, future = waiting.popleft()
                    yield key, future.result()
            while waiting:
                key, future = waiting.popleft()
                yield key, future.result()
        finally:
            # Whoever stops early must not wait for pictures that nobody wants.
            for _, future in waiting:
                future.cancel()


def _try(read: Callable[[Any], Any], source: Any) -> Any:
    try:
        return read(source)
    except ImageReadError as err:
        return err
