"""The folder that a job writes to: shards, and which of them are done."""

import json
import shutil
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional

from ..errors import Errors
from ..hashing import hash_file
from ..output import atomic_text, locked, sync, write_json
from .shards import Shard
from .sinks import SINKS

# Readers of a folder of data (Spark, pyarrow, our own) leave names with an underscore out.
_STATE = "_job"
# In job.json, beside what the job is: a hash of shards.jsonl.
_LIST = "list of shards"


class JobFolder:
    """Where a job's output and its state are.

        part-000000.jsonl …       the shards' output
        _job/job.json             what the job is
        _job/shards.jsonl         where each shard's posts stand
        _job/done/000000.json …   a shard is done, and what it came to
        _job/summary.json         all shards together, when all are done
        _job/lock                 held by the process that is at work

    A shard's mark is written after its output, and both take their names when they are complete.
    Whatever moment a job is killed at, a shard without a mark is labelled again, and gives the same
    file.

    path (Path): The folder.
    to (str): Format of the output, a key of `SINKS`.
    """

    def __init__(self, path: Path, to: str) -> None:
        self.path = Path(path)
        self.to = to
        self.state = self.path / _STATE

    def output_path(self, index: int) -> Path:
        """RETURNS (Path): The file with a shard's labelled posts."""
        return self.path / f"part-{index:06}{SINKS[self.to].suffix}"

    def finish(self, index: int, summary: Dict[str, Any]) -> None:
        """Mark a shard, whose output is there, as done.

        index (int): The shard's.
        summary (Dict[str, Any]): What it came to.
        """
        write_json(self._mark(index), summary, indent=0)

    def read_mark(self, index: int) -> Optional[Dict[str, Any]]:
        """RETURNS (Optional[Dict[str, Any]]): What a shard came to; None if it is not done."""
        try:
            summary = json.loads(self._mark(index).read_text(encoding="utf8"))
        except (FileNotFoundError, ValueError):
            # Not there, or there without its content, as a power cut may leave it.
            return None
        return summary if self.output_path(index).is_file() else None

    @contextmanager
    def open(self, job: Dict[str, Any], *, overwrite: bool = False) -> Iterator[None]:
        """Take hold of the folder, for the job alone.

        job (Dict[str, Any]): What the job is. One that is there already must be the same.
        overwrite (bool): Delete the shards that are there, of whatever job.
        RAISES (ValueError): M150 another job is in it; M151 something else is in it, or it is a file;
            M152 another process is at work in it; M159 what says which job it is, is damaged.
        """
        self._check()
        self.state.mkdir(parents=True, exist_ok=True)
        with locked(self.state / "lock", Errors.M152.format(path=self.path)):
            if overwrite:
                self._delete_shards()
            self._compare(job)
            self._delete_unfinished()
            yield

    def load_shards(self, job: Dict[str, Any], shards: Iterable[Shard]) -> List[Shard]:
        """List the shards of the job, which are found once and then kept.

        job (Dict[str, Any]): What the job is.
        shards (Iterable[Shard]): The shards, asked for where they are not known yet.
        RETURNS (List[Shard]): The shards.
        RAISES (ValueError): M159 the list that was kept is damaged: posts would be lost.
        """
        path, job_path = self.state / "shards.jsonl", self.state / "job.json"
        if not job_path.exists():
            with atomic_text(path) as stream:
                stream.writelines(shard.to_json() + "\n" for shard in shards)
                sync(stream)
            # Last, because it says that everything before is there.
            write_json(job_path, {**job, _LIST: hash_file(path)})
        kept = json.loads(job_path.read_text(encoding="utf8")).get(_LIST)
        if not path.is_file() or hash_file(path) != kept:
            problem = "it is not the list that the job was begun with"
            raise ValueError(Errors.M159.format(path=path, problem=problem))
        with path.open(encoding="utf8") as lines:
            return [Shard.from_json(line) for line in lines]

    def write_summary(self, summary: Dict[str, Any]) -> None:
        """summary (Dict[str, Any]): What all shards came to."""
        write_json(self.state / "summary.json", summary)

    def _mark(self, index: int) -> Path:
        return self.state / "done" / f"{index:06}.json"

    def _check(self) -> None:
        problem = ""
        if self.path.is_file():
            problem = "is a file"
        elif self.path.is_dir() and not self.state.is_dir() and any(self.path.iterdir()):
            problem = "holds other things than a job's shards"
        if problem:
            raise ValueError(Errors.M151.format(path=self.path, problem=problem))

    def _compare(self, job: Dict[str, Any]) -> None:
        path = self.state / "job.json"
        try:
            found = json.loads(path.read_text(encoding="utf8"))
        except FileNotFoundError:
            if self._find_parts():
                problem = "it is missing, but there are shards"
                raise ValueError(Errors.M159.format(path=path, problem=problem)) from None
            return
        except ValueError as error:
            raise ValueError(Errors.M159.format(path=path, problem=error)) from error
        found.pop(_LIST, None)
        names = [name for name in (*job, *found) if job.get(name) != found.get(name)]
        if names and not any(self.state.glob("done/*.json")) and not self._find_parts():
            # It failed before anything was done: a command that was mistaken.
            self._delete_shards()
        elif names:
            difference = ", ".join(dict.fromkeys(names))
            raise ValueError(Errors.M150.format(path=self.path, difference=difference))

    def _delete_shards(self) -> None:
        # What says that shards are done goes first, and what says whose they are goes last: those that
        # a kill leaves are not taken for another job's.
        if (self.state / "done").is_dir():
            shutil.rmtree(self.state / "done")
        for path in (self.state / "summary.json", *self._find_parts()):
            path.unlink(missing_ok=True)
        for name in ("job.json", "shards.jsonl"):
            (self.state / name).unlink(missing_ok=True)

    def _find_parts(self) -> List[Path]:
        return [path for to in SINKS.values() for path in self.path.glob(f"part-*{to.suffix}")]

    def _delete_unfinished(self) -> None:
        """Delete what a killed run was writing."""
        state = self.state
        parts = self.path.glob(".part-*.tmp")
        for path in chain(parts, state.glob(".*.tmp"), state.glob("done/.*.tmp")):
            path.unlink(missing_ok=True)
