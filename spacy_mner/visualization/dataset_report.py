"""One page for everything that was measured on a data set."""

import re
from html import escape
from typing import Dict, List, Sequence, Tuple

from .page import render_page
from .report import Results, render_commands, render_parts, show_spread
from .results import LOOKS
from .sections import Section, render_section
from .spread import spread_of


def render_dataset_report(
    groups: Dict[str, Results], sections: Sequence[Section], *, title: str
) -> str:
    """Render the experiments and the evaluations of a data set on one self-contained page.

    groups (Dict[str, Results]): from `load_groups`: the results of each way to train.
    sections (Sequence[Section]): from `load_sections`: the experiments.
    title (str): The page's title.
    RETURNS (str): The HTML; everything from the data is escaped.
    """
    parts = [(section.content["title"], render_section(section)) for section in sections]
    parts += [
        (f"Pipeline {name or '(this folder)'}", _group(name, results))
        for name, results in groups.items()
    ]
    named = [(f"part-{i}", name, html) for i, (name, html) in enumerate(parts, 1)]
    body = [f'<section class="part" id="{id_}">\n{html}\n</section>' for id_, _, html in named]
    head = f"<h1>{escape(title)}</h1>"
    return render_page(
        title, [head, _contents([(i, n) for i, n, _ in named]), _overview(groups), *body]
    )


def _contents(parts: Sequence[Tuple[str, str]]) -> str:
    items = "".join(f'<li><a href="#{id_}">{escape(name)}</a></li>' for id_, name in parts)
    return f'<ol class="contents">{items}</ol>'


def _overview(groups: Dict[str, Results]) -> str:
    """F1 of each way to train, in each condition."""
    if not groups:
        return ""
    head = "".join(f"<th>{LOOKS[condition][0]}</th>" for condition in LOOKS)
    rows: List[str] = []
    for name, results in groups.items():
        cells = []
        for condition in LOOKS:
            value = spread_of(results.get(condition, ()), "ents_f")
            cells.append(f"<td>{show_spread(value)}</td>")
        rows.append(f"<tr><th>{escape(name or 'this folder')}</th>{''.join(cells)}</tr>")
    return (
        "<h2>Typed F1 of the pipelines</h2>\n"
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _group(name: str, results: Results) -> str:
    parts = [part for part in [*render_parts(results), render_commands(results)] if part]
    # One level down: the pipeline is the heading.
    inner = re.sub(r"<(/?)h2>", r"<\1h3>", "\n".join(parts))
    return f"<h2>Pipeline {escape(name or '(this folder)')}</h2>\n{inner}"
