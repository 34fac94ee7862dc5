"""What became of the pictures of a source."""

from dataclasses import dataclass, field
from typing import Any, Dict, List


@dataclass
class EncodeSummary:
    """What became of the pictures of a source.

    total (int): Pictures (or captions) in the source.
    present (int): Those that were in the store before.
    encoded (int): Those added to it.
    missing (Dict[str, str]): Ids of those that could not be encoded, with the reason.
    files (Dict[str, str]): The files of the missing ones by id, relative to the folder.
    folders (Dict[str, str]): Folders that were not looked into, with the reason.
    duplicates (List[str]): Files left out because another one has the same id.
    ignored (int): Files of the folder that are no pictures by their suffix.
    doubtful (Dict[str, List[str]]): Ids of vectors that tell nothing, by what is wrong: "all-zero",
        "constant", "NaN or infinite" (these are missing as well).
    """

    total: int = 0
    present: int = 0
    encoded: int = 0
    missing: Dict[str, str] = field(default_factory=dict)
    files: Dict[str, str] = field(default_factory=dict)
    folders: Dict[str, str] = field(default_factory=dict)
    duplicates: List[str] = field(default_factory=list)
    ignored: int = 0
    doubtful: Dict[str, List[str]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """RETURNS (bool): Whether everything that was found is in the store."""
        return not (self.missing or self.folders)

    def to_json(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The same as JSON values."""
        return {
            "total": self.total,
            "present": self.present,
            "encoded": self.encoded,
            "missing": [
                {"id": id_, "file": self.files.get(id_), "reason": reason}
                for id_, reason in self.missing.items()
            ],
            "folders": self.folders,
            "duplicates": self.duplicates,
            "ignored": self.ignored,
            "doubtful": self.doubtful,
        }
