"""The folder that a job writes to: shards, and which of them are done."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional

from ..errors import Errors
from ..output import atomic_text, locked, write_json
from .shards import Shard
from .sinks import SINKS

# Readers of a folder of data (Spark, pyarrow, our own) leave names with an underscore out.
_STATE = "_job"


class JobFolder:
    """Where a job's output and its state are.

        part-000000.jsonl …       the shards' output
        _job/job.json             what the job is
        _job/shards.jsonl         where each shard's posts stand
        _job/done/000000.json …   a shard is done, and what it came to
        _job/summary.json         all shards together, when all are done

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
        with locked(self.state, Errors.M152.format(path=self.path)):
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
        """
        path = self.state / "shards.jsonl"
        if not (self.state / "job.json").exists():
            with atomic_text(path) as stream:
                stream.writelines(shard.to_json() + "\n" for shard in shards)
            # Last, because it says that everything before is there.
            write_json(self.state / "job.json", job)
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
        try:
            found = json.loads((self.state / "job.json").read_text(encoding="utf8"))
        except FileNotFoundError:
            return
        except ValueError as error:
            path = self.state / "job.json"
            raise ValueError(Errors.M159.format(path=path, problem=error)) from error
        names = [name for name in (*job, *found) if job.get(name) != found.get(name)]
        if names and not any(self.state.glob("done/*.json")) and not any(self.path.glob("part-*")):
            # It failed before anything was done: a command that was mistaken.
            self._delete_shards()
        elif names:
            difference = ", ".join(dict.fromkeys(names))
            raise ValueError(Errors.M150.format(path=self.path, difference=difference))

    def _delete_shards(self) -> None:
        # What says that shards are done goes first.
        for path in sorted(self.state.iterdir()):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for to in SINKS.values():
            for path in self.path.glob(f"part-*{to.suffix}"):
                path.unlink()

    def _delete_unfinished(self) -> None:
        """Delete what a killed run was writing."""
        for folder in (self.path, self.state, self.state / "done"):
            for path in folder.glob(".*.tmp"):
                path.unlink(missing_ok=True)
