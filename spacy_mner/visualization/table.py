"""A table of results as Markdown, as CSV, and as plain values for a page or a picture."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union


@dataclass(frozen=True)
class Value:
    """A figure with its standard deviation.

    mean (float): in the unit of the column.
    sd (Optional[float]): None for a single run.
    digits (int): decimals that are shown.
    """

    mean: float
    sd: Optional[float] = None
    digits: int = 1

    def show(self) -> str:
        # A true minus sign, and none before a zero.
        text = f"{round(self.mean, self.digits) + 0.0:.{self.digits}f}".replace("-", "−")
        return text if self.sd is None else f"{text} ± {self.sd:.{self.digits}f}"


Cell = Union[str, int, Value, None]


@dataclass
class Table:
    """Rows of cells under a head of one or two lines.

    title (str): what the table shows.
    header (Sequence[str]): name of each column.
    rows (List[Sequence[Cell]]): one cell a column; None is shown as a dash.
    groups (Sequence[Tuple[str, int]]): an upper line of the head: name, number of columns.
    note (str): what a reader must know to read the figures.
    breaks (Sequence[int]): rows before which a line is drawn.
    """

    title: str
    header: Sequence[str]
    rows: List[Sequence[Cell]] = field(default_factory=list)
    groups: Sequence[Tuple[str, int]] = ()
    note: str = ""
    breaks: Sequence[int] = ()

    def full_header(self) -> List[str]:
        """Names of the columns with their group before them, for formats with one line of head."""
        groups = [name for name, n in self.groups for _ in range(n)] or [""] * len(self.header)
        return [f"{g} {h}".strip() for g, h in zip(groups, self.header, strict=True)]

    def to_markdown(self) -> str:
        """A Markdown table, with title and note."""
        lines = [f"**{self.title}**", ""]
        aligns = ["---" if _is_text(self, i) else "---:" for i in range(len(self.header))]
        lines += [_line(self.full_header()), _line(aligns)]
        lines += [_line([_escape(show(cell)) for cell in row]) for row in self.rows]
        if self.note:
            lines += ["", self.note]
        return "\n".join(lines) + "\n"

    def to_csv(self) -> str:
        """Values as numbers; a column with deviations becomes two."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        spread = [any(_has_sd(row[i]) for row in self.rows) for i in range(len(self.header))]
        header: List[str] = []
        for name, has_sd in zip(self.full_header(), spread, strict=True):
            header += [name, f"{name} sd"] if has_sd else [name]
        writer.writerow(header)
        for row in self.rows:
            cells: List[Any] = []
            for cell, has_sd in zip(row, spread, strict=True):
                cells.append(round(cell.mean, 4) if isinstance(cell, Value) else cell)
                if has_sd:
                    cells.append(round(cell.sd, 4) if _has_sd(cell) else None)  # type: ignore
            writer.writerow(cells)
        return stream.getvalue()

    def to_block(self) -> Dict[str, Any]:
        """JSON values with all cells as they are shown, for `sections.py`."""
        return {
            "type": "table",
            "title": self.title,
            "header": list(self.header),
            "groups": [list(group) for group in self.groups],
            "rows": [[show(cell) for cell in row] for row in self.rows],
            "text_columns": [i for i in range(len(self.header)) if _is_text(self, i)],
            "note": self.note,
            "breaks": list(self.breaks),
        }


def show(cell: Cell) -> str:
    """A cell as text."""
    if cell is None:
        return "–"
    if isinstance(cell, Value):
        return cell.show()
    return f"{cell:,}".replace("-", "−") if isinstance(cell, int) else cell


def _is_text(table: Table, column: int) -> bool:
    return any(isinstance(row[column], str) for row in table.rows)


def _has_sd(cell: Cell) -> bool:
    return isinstance(cell, Value) and cell.sd is not None


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
