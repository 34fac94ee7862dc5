"""What experiments say, as sections of an HTML page.

An experiment writes a `section.json`: title, text, and blocks in the order in which they are read.
The page needs nothing else but the figures beside it, so it is made again without any model or plot.

| block      | what                                                                             |
|------------|----------------------------------------------------------------------------------|
| `table`    | from `Table.to_block`                                                            |
| `figure`   | `file` (SVG or PNG beside the JSON file), `alt`, `note`                          |
| `changes`  | `title`, `note`, `posts`: text, gold, and the entities of two pipelines          |
| `heatmaps` | `note`, `posts`: tokens, tags and modality weights                               |
"""

import base64
import json
from html import escape
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from ..errors import Errors
from .heatmap import heatmap_html
from .marks import compare_entities, mark_entities

FILE = "section.json"
_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}


class Section(NamedTuple):
    """The content of a `section.json`, and the folder with its figures."""

    content: Dict[str, Any]
    folder: Path


def load_sections(folder: Path) -> List[Section]:
    """Read all sections in a folder and below it, in the order that they ask for.

    RAISES (ValueError): M124 for a file that is not a section.
    """
    found = []
    for path in folder.rglob(FILE):
        try:
            content = json.loads(path.read_text(encoding="utf8"))
        except ValueError as error:
            raise ValueError(Errors.M124.format(path=path, problem=error)) from error
        for key in ("title", "blocks"):
            if not isinstance(content, dict) or key not in content:
                raise ValueError(Errors.M124.format(path=path, problem=f"'{key}' is missing"))
        found.append(Section(content, path.parent))
    return sorted(found, key=lambda s: (s.content.get("order", 99), str(s.folder)))


def render_section(section: Section) -> str:
    """Render a section as HTML; everything from the data is escaped."""
    content = section.content
    parts = [f"<h2>{escape(content['title'])}</h2>"]
    parts += [f"<p>{escape(text)}</p>" for text in content.get("text", ())]
    for block in content["blocks"]:
        parts.append(_RENDER[block["type"]](block, section.folder))
    if content.get("command"):
        parts.append(f"<pre>{escape(content['command'])}</pre>")
    return "\n".join(parts)


def _table(block: Dict[str, Any], folder: Path) -> str:
    text_columns = set(block["text_columns"])
    head = ""
    if block["groups"]:
        cells = "".join(
            f'<th class="{"span" if name else ""}" colspan="{n}">{escape(name)}</th>'
            for name, n in block["groups"]
        )
        head = f"<tr>{cells}</tr>"
    head += f"<tr>{_cells('th', block['header'], text_columns)}</tr>"
    rows = []
    for i, row in enumerate(block["rows"]):
        kind = ' class="break"' if i in block["breaks"] else ""
        rows.append(f"<tr{kind}>{_cells('td', row, text_columns)}</tr>")
    note = f'\n<p class="note">{escape(block["note"])}</p>' if block["note"] else ""
    return (
        f'<h3>{escape(block["title"])}</h3>\n<div class="scroll"><table class="dense">\n'
        f"<thead>{head}</thead>\n<tbody>{''.join(rows)}</tbody>\n</table></div>{note}"
    )


def _cells(tag: str, cells: List[str], text_columns: set) -> str:
    parts = []
    for i, cell in enumerate(cells):
        mean, plus_minus, sd = cell.partition(" ± ")
        content = escape(mean) + (f" <small>± {escape(sd)}</small>" if plus_minus else "")
        parts.append(f"<{tag}{' class=text' if i in text_columns else ''}>{content}</{tag}>")
    return "".join(parts)


def _figure(block: Dict[str, Any], folder: Path) -> str:
    path = folder / block["file"]
    if not path.is_file():
        raise ValueError(Errors.M124.format(path=folder / FILE, problem=f"{path} is missing"))
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    note = f"<figcaption>{escape(block.get('note', ''))}</figcaption>"
    # As an image of its own: two drawings in one page would share their ids.
    return (
        f'<figure><img alt="{escape(block["alt"])}" '
        f'src="data:{_MEDIA[path.suffix]};base64,{data}">{note}</figure>'
    )


def _changes(block: Dict[str, Any], folder: Path) -> str:
    parts = [f"<h3>{escape(block['title'])}</h3>"]
    if block.get("note"):
        parts.append(f'<p class="note">{escape(block["note"])}</p>')
    for post in block["posts"]:
        lines = [("post", escape(post["name"]))]
        if post.get("picture"):
            lines.append(("picture", escape(post["picture"])))
        for name, entities in post["predicted"].items():
            lines.append((name, compare_entities(post["text"], post["gold"], entities)))
        lines += [(name, escape(text)) for name, text in post.get("facts", {}).items()]
        listing = "".join(f"<dt>{escape(name)}</dt><dd>{html}</dd>" for name, html in lines)
        text = mark_entities(post["text"], post["gold"])
        parts.append(f'<div class="post"><p>{text}</p><dl>{listing}</dl></div>')
    return "\n".join(parts)


def _heatmaps(block: Dict[str, Any], folder: Path) -> str:
    note = f'<p class="note">{escape(block["note"])}</p>' if block.get("note") else ""
    maps = [heatmap_html(post, low=block["low"], high=block["high"]) for post in block["posts"]]
    return "\n".join([note, *maps])


_RENDER = {"table": _table, "figure": _figure, "changes": _changes, "heatmaps": _heatmaps}
