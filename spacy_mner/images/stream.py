"""Work through a stream in threads, ahead of whoever takes the results, and in order."""

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Deque, Iterable, Iterator, Optional, Tuple, TypeVar, Union

from .reading import ImageReadError

ItemT = TypeVar("ItemT")
KeyT = TypeVar("KeyT")
ResultT = TypeVar("ResultT")
DEFAULT_WORKERS = min(8, (os.cpu_count() or 1) + 1)


def map_ahead(
    items: Iterable[ItemT],
    function: Callable[[ItemT], ResultT],
    *,
    ahead: int = 64,
    workers: int = DEFAULT_WORKERS,
    initializer: Optional[Callable[[], None]] = None,
) -> Iterator[ResultT]:
    """Apply a function in a thread pool, to at most so many items ahead of whoever takes them.

    items (Iterable[ItemT]): The items; taken from it in the caller's thread.
    function (Callable[[ItemT], ResultT]): The function.
    ahead (int): Results that nobody has taken yet, which bounds the memory.
    workers (int): Threads.
    initializer (Optional[Callable[[], None]]): Called in each thread when it starts.
    YIELDS (ResultT): The results in the order of the items.
    """
    waiting: Deque[Future[ResultT]] = deque()
    with ThreadPoolExecutor(workers, "spacy-mner", initializer) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Whoever stops early must not wait for results that nobody wants.
            for future in waiting:
                future.cancel()


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

    def read_one(pair: Tuple[KeyT, Any]) -> Tuple[KeyT, Any]:
        return pair[0], try_read(read, pair[1])

    return map_ahead(sources, read_one, ahead=ahead, workers=workers)


def try_read(read: Callable[[Any], Any], source: Any) -> Any:
    """Read one source; a picture that cannot be had is a result, too.

    read (Callable[[Any], Any]): Reads one source.
    source (Any): The source.
    RETURNS (Any): What was read, or the ImageReadError.
    """
    try:
        return read(source)
    except ImageReadError as err:
        return err
