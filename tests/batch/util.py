"""The output of a job, to compare and to look at."""

import json


def contents(folder):
    """Every file of a job's folder, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def records(folder):
    """The records of JSONL shards, in order."""
    return [
        json.loads(line)
        for path in sorted(folder.glob("part-*.jsonl"))
        for line in path.read_text(encoding="utf8").splitlines()
    ]
