"""What an experiment leaves behind: a section for the report, a page, tables and pictures."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from ..output import atomic_text, write_json
from ..visualization.page import render_page
from ..visualization.plots import draw_table, save_figure
from ..visualization.sections import FILE, Section, render_section
from ..visualization.table import Table

# Order of the sections on the report's page.
ORDER = {
    "table1": 10,
    "vocab-sensitivity": 20,
    "ways-in": 25,
    "multi-seed": 30,
    "ablate": 40,
    "compare": 50,
    "when-images-help": 60,
    "attention": 70,
}


def write_outputs(
    folder: Path,
    kind: str,
    title: str,
    *,
    text: Sequence[str] = (),
    tables: Optional[Dict[str, Table]] = None,
    blocks: Sequence[Dict[str, Any]] = (),
    command: str = "",
) -> List[Path]:
    """Write an experiment's tables (Markdown, CSV, PNG, SVG), its section and its page, atomically.

    folder (Path): where to write.
    kind (str): the command; names the Markdown file and the page, and gives the place in the report.
    title (str): of the section.
    text (Sequence[str]): paragraphs.
    tables (Optional[Dict[str, Table]]): by the stem of their files. They come before the blocks.
    blocks (Sequence[Dict[str, Any]]): further blocks, see `visualization/sections.py`. The files of
        figures must be there already.
    command (str): makes it again.
    RETURNS (List[Path]): the files for people: Markdown and page.
    """
    tables = tables or {}
    for stem, table in tables.items():
        with atomic_text(folder / f"{stem}.csv") as stream:
            stream.write(table.to_csv())
        save_figure(draw_table(table.to_block()), folder / stem)
    content = {
        "title": title,
        "order": ORDER[kind],
        "text": list(text),
        "blocks": [*(table.to_block() for table in tables.values()), *blocks],
        "command": command,
    }
    markdown = folder / f"{kind}.md"
    with atomic_text(markdown) as stream:
        stream.write(_markdown(title, text, tables, blocks, command))
    page = folder / f"{kind}.html"
    with atomic_text(page) as stream:
        stream.write(render_page(title, [render_section(Section(content, folder))]))
    # Last: what the report reads is there only when everything is.
    write_json(folder / FILE, content)
    return [markdown, page]


def _markdown(
    title: str,
    text: Sequence[str],
    tables: Dict[str, Table],
    blocks: Sequence[Dict[str, Any]],
    command: str,
) -> str:
    parts = [f"# {title}", *text, *(table.to_markdown().rstrip() for table in tables.values())]
    for block in blocks:
        if block["type"] == "figure":
            parts.append(f"![{block['alt']}]({block['file']})")
        elif block["type"] == "changes":
            parts.append(_changes(block))
    if command:
        parts.append(f"```bash\n{command}\n```")
    return "\n\n".join(parts) + "\n"


def _changes(block: Dict[str, Any]) -> str:
    names = [*block["posts"][0]["predicted"]] if block["posts"] else []
    header = ["post", "text", "picture", "gold", *names, "facts"]
    lines = [f"### {block['title']}", ""]
    if block.get("note"):
        lines += [block["note"], ""]
    lines += [_row(header), _row(["---"] * len(header))]
    for post in block["posts"]:
        facts = "; ".join(f"{name}: {value}" for name, value in post.get("facts", {}).items())
        cells = [
            post["name"],
            post["text"],
            post.get("picture") or "",
            _entities(post, post["gold"]),
        ]
        cells += [_entities(post, post["predicted"][name]) for name in names]
        lines.append(_row([*cells, facts]))
    return "\n".join(lines)


def _entities(post: Dict[str, Any], entities: Sequence[Dict[str, Any]]) -> str:
    found = [f"{post['text'][e['start'] : e['end']]} ({e['label']})" for e in entities]
    return ", ".join(found) or "–"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in cells)} |"
