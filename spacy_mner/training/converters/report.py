"""What a conversion read, mended and left out."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, List, Set

from .pictures import Attached
from .records import Post, RecordError

# Every case is counted, so many are named: a report stays small over any file.
MAX_NAMED = 100


@dataclass
class Cases:
    """Something that happened, counted, with the first places where it did."""

    count: int = 0
    named: List[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """name (str): The place and what was there, such as "train.txt:12: 'Daisy' (PER)"."""
        self.count += 1
        if len(self.named) < MAX_NAMED:
            self.named.append(name)

    def extend(self, others: "Cases") -> None:
        """others (Cases): What happened elsewhere, later."""
        self.count += others.count
        self.named += others.named[: MAX_NAMED - len(self.named)]


@dataclass
class Report:
    """Counts of one conversion.

    posts (int): Posts written.
    tokens (int): Their tokens.
    entities (Counter): Entities written, per type.
    unlabelled (int): Posts without any annotation: every token's entity is unknown.
    partial (int): Posts of which some tokens are not annotated.
    with_picture (int): Posts with a picture (see `pictures`).
    without_picture (int): Posts without.
    pictures (str): What "with a picture" means: "features" (a vector), "images" (a file) or "names"
        (the record names one).
    scheme (str): "IOB1" if no entity begins with B- but next to another one; else "".
    orphans (int): Entities that begin with an I- (E-, L-) that continues nothing, repaired.
    explicit (int): Entities, not next to another one, that begin with a B- (S-, U-).
    trimmed (int): Spans that had blanks at an end.
    misaligned (Cases): Spans that end inside of a token; the tokens they touch are not annotated.
    overlapping (Cases): Spans that overlap a longer one and were left out.
    renamed (Counter): Entities renamed or left out on request, per old type.
    unknown_labels (List[str]): Types that were to be renamed, but do not occur.
    rejected (int): Posts that the annotator rejected or ignored, skipped.
    duplicate_ids (Cases): Ids that occurred before. The posts are written all the same.
    duplicate_texts (Cases): Texts that occurred before. The posts are written all the same.
    lost_pictures (Cases): Pictures named, but neither in the store nor in the folder.
    unreadable_pictures (Cases): Pictures that the pipeline's `image_encoder` could not encode, and why.
    broken_pictures (Cases): Vectors that are all zero, or not finite: taken as no picture.
    bad (Cases): Records that could not be used, skipped.
    """

    posts: int = 0
    tokens: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    partial: int = 0
    with_picture: int = 0
    without_picture: int = 0
    pictures: str = "names"
    orphans: int = 0
    explicit: int = 0
    trimmed: int = 0
    misaligned: Cases = field(default_factory=Cases)
    overlapping: Cases = field(default_factory=Cases)
    renamed: Counter[str] = field(default_factory=Counter)
    unknown_labels: List[str] = field(default_factory=list)
    rejected: int = 0
    duplicate_ids: Cases = field(default_factory=Cases)
    duplicate_texts: Cases = field(default_factory=Cases)
    lost_pictures: Cases = field(default_factory=Cases)
    unreadable_pictures: Cases = field(default_factory=Cases)
    broken_pictures: Cases = field(default_factory=Cases)
    bad: Cases = field(default_factory=Cases)

    @property
    def scheme(self) -> str:
        return "IOB1" if self.orphans and not self.explicit else ""

    def add_pictures(self, post: Post, attached: Attached) -> None:
        """Count pictures that are lost or broken.

        post (Post): A post.
        attached (Attached): What became of its pictures.
        """
        for reason in attached.lost:
            self.lost_pictures.add(f"{post.source}: {reason}")
        for reason in attached.broken:
            self.broken_pictures.add(f"{post.source}: {reason}")

    def add_bad(self, err: RecordError) -> None:
        """err (RecordError): Why a record was skipped."""
        self.bad.add(str(err))

    def to_dict(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The report as JSON can hold it."""
        report: Dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Counter):
                report[name] = dict(sorted(value.items()))
            else:
                report[name] = vars(value) if isinstance(value, Cases) else value
        return {**report, "scheme": self.scheme}


class Duplicates:
    """Notices ids and texts that occurred before; holds eight bytes for each, not the text."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._ids: Set[int] = set()
        self._texts: Set[int] = set()

    def add(self, post: Post) -> None:
        """post (Post): The next post."""
        if post.id is not None:
            if hash(post.id) in self._ids:
                self.report.duplicate_ids.add(f"{post.source}: id {post.id!r}")
            self._ids.add(hash(post.id))
        text = " ".join(post.tokens) if post.tokens is not None else post.text or ""
        if hash(text) in self._texts:
            shown = text if len(text) <= 60 else text[:57] + "..."
            self.report.duplicate_texts.add(f"{post.source}: {shown!r}")
        self._texts.add(hash(text))
