"""Compute the vectors of a stream of pictures, decoding side by side with the network."""

import threading
from contextvars import copy_context
from functools import partial
from itertools import chain, islice
from typing import (
    Any,
    Callable,
    Generator,
    Iterable,
    Iterator,
    List,
    Optional,
    Tuple,
    TypeVar,
    Union,
)

import numpy as np
import torch

from .reading import ImageReadError
from .stream import DEFAULT_WORKERS, map_ahead, read_ahead, try_read
from .types import ImageEncoder

KeyT = TypeVar("KeyT")
Found = Union[np.ndarray, ImageReadError]
Encode = Callable[[List[Any]], List[np.ndarray]]

# A GPU wants large batches. On a CPU the layers' outputs should stay small enough for the C
# library's allocator to keep them: above 32 MB it gives them back to the system each time, and the
# page faults took two fifths of the time of batches of 32.
BATCH, SMALL_BATCH = 32, 4
MAX_COPIES = 4  # batches in the network at the same time, however many cores there are


def compute_vectors(
    sources: Iterable[Tuple[KeyT, Any]],
    encoder: ImageEncoder,
    *,
    read: Optional[Callable[[Any], Any]] = None,
    batch_size: Optional[int] = None,
    workers: int = DEFAULT_WORKERS,
) -> Generator[Tuple[KeyT, Found], None, None]:
    """Read sources and compute their vectors, a bounded number of them at a time.

    An encoder that is `parallel` gets several batches at the same time, each in a thread of its own
    that reads the batch's pictures first: no core waits for another one. Any other encoder gets one
    batch after the other in the caller's thread, while other threads read ahead.

    sources (Iterable[Tuple[KeyT, Any]]): Keys and sources, as many as you like.
    encoder (ImageEncoder): The encoder.
    read (Optional[Callable[[Any], Any]]): Used in place of `encoder.read`.
    batch_size (Optional[int]): Pictures to a batch. None: 4 if the encoder is parallel, else 32.
    workers (int): Threads that read for an encoder that is not parallel.
    YIELDS (Tuple[KeyT, Union[ndarray, ImageReadError]]): Each key with its vectors (D,) or (R, D), or
        with the reason why there are none; in the order of the sources.
    """
    read = encoder.read if read is None else read
    copies = min(torch.get_num_threads(), MAX_COPIES)
    parallel = bool(getattr(encoder, "parallel", False))
    if batch_size is None:
        batch_size = SMALL_BATCH if parallel else BATCH
    stream = iter(sources)
    if parallel and copies > 1:
        # A batch or two are done sooner by one copy of the network with all cores.
        head = list(islice(stream, copies * batch_size))
        stream = chain(head, stream)
        if len(head) == copies * batch_size:
            return _in_threads(stream, read, encoder.encode, batch_size, copies)
    return _one_by_one(stream, read, encoder.encode, batch_size, workers)


def _one_by_one(
    sources: Iterable[Tuple[KeyT, Any]],
    read: Callable[[Any], Any],
    encode: Encode,
    batch_size: int,
    workers: int,
) -> Generator[Tuple[KeyT, Found], None, None]:
    batch: List[Tuple[KeyT, Any]] = []
    good = 0
    for key, item in read_ahead(sources, read, ahead=4 * batch_size, workers=workers):
        batch.append((key, item))
        good += not isinstance(item, ImageReadError)
        if good == batch_size or len(batch) == 4 * batch_size:
            yield from _encode(batch, encode)
            batch, good = [], 0
    yield from _encode(batch, encode)


def _in_threads(
    sources: Iterable[Tuple[KeyT, Any]],
    read: Callable[[Any], Any],
    encode: Encode,
    batch_size: int,
    copies: int,
) -> Generator[Tuple[KeyT, Found], None, None]:
    encode = _first_alone(encode)
    context = copy_context()  # Thinc's current ops

    def work(batch: List[Tuple[KeyT, Any]]) -> List[Tuple[KeyT, Found]]:
        items = [(key, try_read(read, source)) for key, source in batch]
        return context.copy().run(_encode, items, encode)

    n_threads = torch.get_num_threads()
    # One thread more than cores: it computes while another one waits for the disk.
    results = map_ahead(
        _batches(sources, batch_size),
        work,
        ahead=2 * copies + 1,
        workers=copies + 1,
        initializer=partial(torch.set_num_threads, max(1, n_threads // copies)),
    )
    try:
        for found in results:
            yield from found
    finally:
        # torch remembers the last number, from whichever thread, for threads that are yet to start.
        torch.set_num_threads(n_threads)


def _encode(batch: List[Tuple[KeyT, Any]], encode: Encode) -> List[Tuple[KeyT, Found]]:
    """Replace what was read by its vectors; errors stay what they are."""
    good = [i for i, (_, item) in enumerate(batch) if not isinstance(item, ImageReadError)]
    vectors = encode([batch[i][1] for i in good]) if good else []
    found = dict(zip(good, vectors, strict=True))
    return [(key, found.get(i, item)) for i, (key, item) in enumerate(batch)]


def _first_alone(encode: Encode) -> Encode:
    """Let the other threads wait for the first batch, during which encoders load their network."""
    lock = threading.Lock()
    loaded = threading.Event()

    def encode_batch(batch: List[Any]) -> List[np.ndarray]:
        if not loaded.is_set():
            with lock:
                if not loaded.is_set():
                    vectors = encode(batch)
                    loaded.set()
                    return vectors
        return encode(batch)

    return encode_batch


def _batches(items: Iterable[Any], size: int) -> Iterator[List[Any]]:
    stream = iter(items)
    while batch := list(islice(stream, size)):
        yield batch
