"""What labelling posts came to."""

from dataclasses import dataclass, field
from typing import Any, Dict

from ..training.converters.report import Cases, Report

_COUNTS = ("posts", "entities", "with_picture", "unused_pictures")
_CASES = ("bad", "lost_pictures", "unreadable_pictures", "broken_pictures")


@dataclass
class Summary:
    """What a run of `predict` did.

    posts (int): Posts labelled.
    entities (int): Entities found.
    with_picture (int): Posts whose picture was used.
    unused_pictures (int): Posts that name a picture where no source of pictures was given.
    report (Report): Records that could not be used, pictures that were not found, cannot be read or
        are broken.
    """

    posts: int = 0
    entities: int = 0
    with_picture: int = 0
    unused_pictures: int = 0
    report: Report = field(default_factory=Report)

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The summary as JSON can hold it."""
        counts = {name: getattr(self, name) for name in _COUNTS}
        cases = {name: vars(getattr(self.report, name)) for name in _CASES}
        return {**counts, **cases}

    def add(self, other: Dict[str, Any]) -> None:
        """Add the summary of another part of the posts.

        other (Dict[str, Any]): From `to_dict`.
        """
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + other[name])
        for name in _CASES:
            cases: Cases = getattr(self.report, name)
            cases.extend(Cases(**other[name]))
