"""Write a feature store, or go on with one."""

import json
import os
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Dict, List, Optional, Set, Tuple, Type, Union

import numpy as np

from ..errors import Errors, Warnings, listed
from ..output import locked, sync
from .judge import CONSTANT, NOT_FINITE, ZERO, judge_vector
from .reading import printable
from .store_format import (
    DTYPE,
    FORMAT,
    INDEX,
    META,
    MISSING,
    VECTORS,
    VERSION,
    check_size,
    is_store,
    read_index,
    read_info,
    read_missing,
    write_json,
)
from .types import Described, EncoderInfo


class FeatureStoreWriter:
    """Adds vectors to a feature store; use it in a `with` statement.

    A store that is there already is continued, if the same encoder made it. A new one begins with the
    first vectors that are written; until then, whatever it replaces is there.

    path (Union[str, Path]): The folder; made if it does not exist.
    encoder (Described): The encoder, or an `EncoderInfo`.
    overwrite (bool): Put a new store in place of one that is there, also of another encoder.
    chunk (int): Pictures written at a time: what a killed run has to compute again at most.
    seconds (float): What was added is written after this time, also where it is less than a chunk.
    RAISES (ValueError): If the folder holds other things, or vectors of another encoder, if the
        encoder has no vectors to give (M180), or if another process is writing to it.
    """

    def __init__(
        self,
        path: Union[str, Path],
        *,
        encoder: Described,
        overwrite: bool = False,
        chunk: int = 256,
        seconds: float = 10.0,
    ) -> None:
        self.path = Path(path)
        self.info = EncoderInfo.of(encoder)
        if self.info.width < 1:
            raise ValueError(Errors.M180.format(name=self.info.name, path=self.path))
        self.missing: Dict[str, str] = {}
        self._chunk = chunk
        self._seconds = seconds
        self._flushed = time.monotonic()
        self._buffer: List[Tuple[str, np.ndarray]] = []
        self._ids: Set[str] = set()
        self._files: Optional[Tuple[BinaryIO, BinaryIO]] = None  # None: not begun yet
        # Something ended a flush halfway, or the run before there was anything to write.
        self._stopped = False
        self._bad: Dict[str, List[str]] = {ZERO: [], CONSTANT: [], NOT_FINITE: []}
        self._check_folder(overwrite)
        self.path.mkdir(parents=True, exist_ok=True)
        self._resources = ExitStack()  # given back whatever happens to the rest
        self._resources.enter_context(locked(self.path, Errors.M031.format(path=self.path)))
        try:
            if (self.path / META).exists() and not overwrite:
                self._files = self._open()
                self.missing.update(read_missing(self.path))
        except BaseException:
            self._resources.close()
            raise
        self._missing_on_disk = dict(self.missing)

    def __enter__(self) -> "FeatureStoreWriter":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        # A run that failed before its first vector has nothing to put in place of an old store.
        if error is not None and self._files is None and not self._buffer:
            self._stopped = True
        self.close()

    @property
    def doubtful(self) -> Dict[str, List[str]]:
        """RETURNS (Dict[str, List[str]]): Ids of vectors that tell nothing, by what is wrong."""
        return {kind: list(ids) for kind, ids in self._bad.items() if ids}

    def __contains__(self, id_: object) -> bool:
        return id_ in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, id_: str, vector: np.ndarray) -> None:
        """Add the vectors of one picture. NaN and infinite values make it a missing one.

        id_ (str): The picture's id.
        vector (ndarray): (D,) or (R, D), turned into float32.
        RAISES (ValueError): If the id is taken, or the shape is wrong.
        """
        self._check_id(id_)
        with np.errstate(over="ignore"):
            array = np.array(vector, dtype=DTYPE)  # a copy: the caller may reuse its memory
        if array.ndim not in (1, 2) or array.shape[-1] != self.info.width or not array.size:
            raise ValueError(Errors.M029.format(id=id_, shape=array.shape, width=self.info.width))
        problem = judge_vector(array)
        if problem is not None:
            self._bad[problem].append(id_)
        if problem == NOT_FINITE:
            self.missing[id_] = f"its vector is {problem}"
            return
        self._ids.add(id_)
        self.missing.pop(id_, None)
        self._buffer.append((id_, array))
        if len(self._buffer) >= self._chunk or time.monotonic() - self._flushed > self._seconds:
            self.flush()

    def flush(self) -> None:
        """Write what was added so far: first the rows, then the lines of the index.

        While there is no vector to put in place of an old store, nothing is written.

        RAISES (ValueError): M136 if an earlier call was ended halfway.
        """
        if self._stopped:
            raise ValueError(Errors.M136.format(path=self.path))
        if self._files is None and not self._buffer and (self.path / META).exists():
            return
        vectors, index = self._files = self._files or self._begin()
        if self._buffer:
            self._stopped = True
            for _, array in self._buffer:
                vectors.write(array.tobytes())
            sync(vectors)
            lines = [[id_, len(a) if a.ndim == 2 else None] for id_, a in self._buffer]
            index.write("".join(f"{json.dumps(line)}\n" for line in lines).encode("ascii"))
            sync(index)
            self._buffer = []
            self._stopped = False
        if self.missing != self._missing_on_disk:
            write_json(self.path / MISSING, self.missing)
            self._missing_on_disk = dict(self.missing)
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Write the rest, and warn once about vectors that tell nothing.

        Rows that were written without their lines stay so: written twice, they would push all that
        follow out of place. Whoever opens the store next cuts them off.
        """
        # On a full disk, closing a file fails as writing to it did.
        with self._resources:
            if not self._stopped:
                self.flush()
        report = [
            f"{len(ids)} {kind} vector{'s' * (len(ids) > 1)} ({printable(listed(ids))})"
            for kind, ids in self._bad.items()
            if ids
        ]
        if report:
            message = Warnings.MW022.format(path=self.path, report=", ".join(report))
            warnings.warn(message, stacklevel=2)

    def _check_folder(self, overwrite: bool) -> None:
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise ValueError(Errors.M026.format(path=self.path, problem="it is not a folder"))
        ours = {META, VECTORS, INDEX, MISSING, f"{META}.tmp", f"{MISSING}.tmp"}
        names = {child.name for child in self.path.iterdir()}
        # Nothing of ours is written among somebody's files, let alone deleted there. A pipeline has a
        # meta.json, too.
        others = names - ours or names & {META}
        if others and not is_store(self.path):
            problem = f"it holds other files ({', '.join(sorted(others)[:3])})"
            raise ValueError(Errors.M026.format(path=self.path, problem=problem))
        if (self.path / META).exists() and not overwrite:
            difference = read_info(self.path).difference(self.info)
            if difference:
                what = f"The feature store '{self.path}'"
                raise ValueError(Errors.M028.format(what=what, difference=difference))

    def _begin(self) -> Tuple[BinaryIO, BinaryIO]:
        """Put an empty store in place of whatever is there."""
        # The description goes first: what lies in a folder without one is leftovers.
        for name in (META, INDEX, VECTORS, MISSING):
            (self.path / name).unlink(missing_ok=True)
        meta = {"format": FORMAT, "version": VERSION, "encoder": self.info.to_json()}
        write_json(self.path / META, meta)
        return self._open()

    def _open(self) -> Tuple[BinaryIO, BinaryIO]:
        """Open the rows and the index behind what the index knows."""
        entries, index_end = read_index(self.path)
        rows = sum(regions or 1 for _, regions in entries)
        vectors_end = check_size(self.path, rows, self.info.width)
        self._ids.update(id_ for id_, _ in entries)
        vectors = self._resources.enter_context(_append_at(self.path / VECTORS, vectors_end))
        index = self._resources.enter_context(_append_at(self.path / INDEX, index_end))
        return vectors, index

    def _check_id(self, id_: Any) -> None:
        problem = None
        if not isinstance(id_, str) or not id_:
            problem = "an id is a non-empty string"
        elif id_ in self._ids:
            problem = "it is there already"
        if problem:
            raise ValueError(Errors.M030.format(id=id_, path=self.path, problem=problem))


def _append_at(path: Path, end: int) -> BinaryIO:
    """Open a file to go on after its good part; what follows is cut off."""
    file = path.open("ab")
    # Also cutting off nothing changes the time of a file, by which it is told whether it is the same.
    if file.seek(0, os.SEEK_END) > end:
        file.truncate(end)
        file.seek(end)
    return file
