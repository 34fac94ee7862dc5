"""The results that `spacy mner evaluate` wrote, read back and averaged."""

import json
import re
from pathlib import Path
from typing import Any, Dict, List

from ..errors import Errors
from ..pictures import CONDITIONS

# What the report cannot do without.
_REQUIRED = ("images", "n_posts", "n_entities", "ents_f", "ents_seg_f", "with_image")

# Name and colour of each condition. Blue and amber differ in lightness too, so they stay apart in grey
# print.
LOOKS = {
    "on": ("pictures on", "#2f6f9f"),
    "off": ("pictures off", "#b4bfca"),
    "shuffled": ("pictures shuffled", "#e2a23b"),
}

Evaluation = Dict[str, Any]


def load_groups(folder: Path) -> Dict[str, Dict[str, List[Evaluation]]]:
    """Read all files named `evaluation-*.json` in a folder and the folders below it, apart for each way to
    train: what lies under folders of different names.

    Folders `seed-0`, `seed-1`, … are runs of one way; their names do not count.

    folder (Path): The folder.
    RETURNS (Dict[str, Dict[str, List[Evaluation]]]): By the way's name, such as "mner", the results of each
        condition, in the order on, off, shuffled; empty without results.
    RAISES (ValueError): M063 if a file is of another make.
    """
    groups: Dict[str, Dict[str, List[Evaluation]]] = {}
    for path in sorted(folder.rglob("evaluation-*.json")):
        result = _load(path)
        parts = path.parent.relative_to(folder).parts
        name = "/".join(part for part in parts if not re.fullmatch(r"seed-?\d+", part))
        group = groups.setdefault(name, {condition: [] for condition in CONDITIONS})
        group[result["images"]].append(result)
        _check_alike(group, path)
    return {
        name: {condition: found for condition, found in group.items() if found}
        for name, group in groups.items()
    }


def _check_alike(group: Dict[str, List[Evaluation]], path: Path) -> None:
    """What is averaged must be of the same posts."""
    posts = {(str(r.get("data")), r["n_posts"]) for found in group.values() for r in found}
    if len(posts) > 1:
        files = " and ".join(sorted(f"{data} ({n} posts)" for data, n in posts))
        problem = (
            f"the folder has results of {files}, which cannot be averaged; give each its own folder"
        )
        raise ValueError(Errors.M063.format(path=path, problem=problem))


def _load(path: Path) -> Evaluation:
    try:
        result = json.loads(path.read_text(encoding="utf8"))
    except (ValueError, OSError) as error:
        raise ValueError(Errors.M063.format(path=path, problem=error)) from error
    if not isinstance(result, dict):
        raise ValueError(Errors.M063.format(path=path, problem="it is not a JSON object"))
    for key in _REQUIRED:
        if key not in result:
            raise ValueError(Errors.M063.format(path=path, problem=f"'{key}' is missing"))
    if result["images"] not in CONDITIONS:
        problem = f"images is {result['images']!r}, not one of {', '.join(CONDITIONS)}"
        raise ValueError(Errors.M063.format(path=path, problem=problem))
    return result
