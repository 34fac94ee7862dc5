"""A page that shows what the pictures contribute, made from evaluation results."""

from html import escape
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .. import about
from .chart import Series, bar_chart
from .marks import compare_entities, mark_entities
from .page import render_page
from .reliability import reliability_section
from .results import LOOKS, Evaluation
from .spread import Spread, spread_of

Results = Dict[str, List[Evaluation]]

TITLE = "Entities in posts with pictures"


def render_report(results: Results, *, title: str = TITLE) -> str:
    """Render one self-contained HTML page: no script, nothing loaded from elsewhere.

    results (Results): The results of each condition, a group of `load_groups`.
    title (str): The page's title.
    RETURNS (str): The HTML; everything from the data is escaped.
    """
    return render_page(
        title, [_head(results, title), *render_parts(results), render_commands(results)]
    )


def render_parts(results: Results) -> List[str]:
    """Chart, tables and posts of one way to train, for a page with several; empty parts are ""."""
    return [
        _chart(results),
        _main_table(results),
        _types_table(results),
        _pictures_table(results),
        _mentions_table(results),
        reliability_section(results),
        _posts(results),
    ]


def _head(results: Results, title: str) -> str:
    first = _first(results)
    runs = max(len(found) for found in results.values())
    facts = [
        f"Pipeline {escape(str(first.get('model', '?')))}",
        f"data {escape(str(first.get('data', '?')))}",
        f"{_count(first, 'n_posts')} posts ({_count(first, 'n_with_image')} with a picture)",
        f"{_count(first, 'n_entities')} entities",
    ]
    if runs > 1:
        facts.append(f"up to {runs} runs per condition: mean ± standard deviation")
    cards = []
    for condition, (name, color) in LOOKS.items():
        if condition in results:
            value = spread_of(results[condition], "ents_f")
            cards.append(
                f'<div class="card" style="--color:{color}"><div class="name">F1, {name}</div>'
                f'<div class="figure">{show_spread(value)}</div></div>'
            )
    return (
        f'<h1>{escape(title)}</h1>\n<p class="about">{" · ".join(facts)}</p>\n'
        f'<p class="lede">{_verdict(results)}</p>\n<div class="cards">{"".join(cards)}</div>'
    )


def _verdict(results: Results) -> str:
    scores = {condition: spread_of(found, "ents_f") for condition, found in results.items()}
    on, off, shuffled = (scores.get(condition) for condition in LOOKS)
    if on is None or off is None:
        return (
            "Evaluate with <code>--images on</code> and <code>off</code> to see what pictures do."
        )
    gain = on.mean - off.mean
    if abs(gain) < 0.05:
        text = "With and without pictures, the F1 is the same to one decimal."
    else:
        direction = "raise" if gain > 0 else "lower"
        text = (
            f"Pictures {direction} the F1 by {abs(gain):.1f}, from {off.mean:.1f} to {on.mean:.1f}."
        )
    if shuffled is not None:
        change = shuffled.mean - off.mean
        text += f" With the pictures of other posts it is {shuffled.mean:.1f} ({_signed(change)})."
    return text


def _chart(results: Results) -> str:
    groups: List[Tuple[str, Tuple[str, ...]]] = [
        ("typed", ("ents_f",)),
        ("segmentation", ("ents_seg_f",)),
    ]
    groups += [(label, ("ents_per_type", label, "f")) for label in _types(results)]
    series = []
    for condition, found in results.items():
        values = [spread_of(found, *keys) for _, keys in groups]
        name, color = LOOKS[condition]
        series.append(Series(name, color, [None if v is None else v.mean for v in values]))
    legend = "".join(
        f'<span class="item"><span class="dot" style="background:{color}"></span>{name}</span>'
        for name, color, _ in series
    )
    names = [name for name, _ in groups]
    chart = bar_chart(names, series, label="F1 for each condition, overall and per type")
    return f'<h2>F1 at a glance</h2>\n<p class="legend">{legend}</p>\n{chart}'


def _main_table(results: Results) -> str:
    keys = [f"{prefix}_{x}" for prefix in ("ents", "ents_seg") for x in "prf"] + ["ents_macro_f"]
    baseline = spread_of(results.get("off", ()), "ents_f")
    rows = []
    for condition, found in results.items():
        values = [spread_of(found, key) for key in keys]
        cells = [
            f'<td class="main">{show_spread(v)}</td>'
            if key.endswith("_f")
            else f"<td>{show_spread(v)}</td>"
            for key, v in zip(keys, values, strict=True)
        ]
        difference = "–"
        if baseline is not None and values[2] is not None and condition != "off":
            difference = _signed(values[2].mean - baseline.mean)
        rows.append(f"<tr>{_name(condition)}{''.join(cells)}<td>{difference}</td></tr>")
    header = (
        '<tr><th></th><th class="span" colspan="3">typed</th>'
        '<th class="span" colspan="3">segmentation</th><th>macro</th><th>typed</th></tr>'
        "<tr><th></th><th>P</th><th>R</th><th>F1</th><th>P</th><th>R</th><th>F1</th><th>F1</th>"
        "<th>F1 − off</th></tr>"
    )
    note = (
        "P and R: precision and recall, in percent. Typed: boundaries and type are right. "
        "Segmentation: boundaries alone. Both are micro-averaged, all entities pooled. Macro: mean "
        "of the F1 of each type. On: each post has its picture. Off: no post has one. Shuffled: "
        "posts have one another's, which shows how much of a gain comes from what is in the "
        "pictures."
    )
    return _section("All posts", header, rows, note, style="stack")


def _types_table(results: Results) -> str:
    first = _first(results)
    counts = first.get("n_entities_per_type") or {}
    rows = []
    for label in _types(results):
        cells = _cells(results, "ents_per_type", label, "f")
        rows.append(f"<tr><th>{escape(label)}</th><td>{_count(counts, label)}</td>{cells}</tr>")
    header = f"<tr><th>type</th><th>entities</th>{_condition_headers(results)}</tr>"
    return _section("F1 per type", header, rows)


def _pictures_table(results: Results) -> str:
    first = _first(results)
    rows = []
    for key, name in (("with_image", "with a picture"), ("without_image", "without a picture")):
        part = first.get(key) or {}
        if part.get("n_posts"):
            rows.append(
                f"<tr><th>{name}</th><td>{_count(part, 'n_posts')}</td>"
                f"<td>{_count(part, 'n_entities')}</td>{_cells(results, key, 'ents_f')}</tr>"
            )
    header = f"<tr><th></th><th>posts</th><th>entities</th>{_condition_headers(results)}</tr>"
    note = (
        "The division is that of the data: posts with a picture are the same in all three columns."
    )
    return _section("F1 on posts with and without a picture", header, rows, note)


def _mentions_table(results: Results) -> str:
    first = _first(results)
    rows = []
    for key, name in (("seen", "seen in training"), ("unseen", "never seen in training")):
        part = first.get(key)
        if part:
            rows.append(
                f"<tr><th>{name}</th><td>{_count(part, 'n_entities')}</td>"
                f"{_cells(results, key, 'ents_r')}</tr>"
            )
    header = f"<tr><th>mentions</th><th>entities</th>{_condition_headers(results)}</tr>"
    note = (
        "Typed recall. A mention is seen if the training data have an entity that reads the same."
    )
    return _section("Recall of seen and unseen mentions", header, rows, note)


def _posts(results: Results) -> str:
    """Posts that every condition describes; those on which the conditions differ come first."""
    columns = {
        condition: {row["index"]: row for row in found[0].get("examples") or ()}
        for condition, found in results.items()
    }
    shared = set.intersection(*({*rows} for rows in columns.values()))
    first = next(iter(columns.values()))
    order = sorted(shared, key=lambda i: (not _differ([c[i] for c in columns.values()]), i))
    items = []
    for index in order:
        post = first[index]
        picture = "with a picture" if post["has_image"] else "without a picture"
        lines = [f"<dt>post {index + 1}</dt><dd>{picture}</dd>"]
        names = {condition: LOOKS[condition][0] for condition in columns}
        if len(columns) > 1 and not _differ([rows[index] for rows in columns.values()]):
            names = {next(iter(columns)): "all conditions"}
        for condition, name in names.items():
            rows = columns[condition]
            result = compare_entities(post["text"], post["gold"], rows[index]["predicted"])
            lines.append(f"<dt>{name}</dt><dd>{result}</dd>")
        text = mark_entities(post["text"], post["gold"])
        items.append(f'<div class="post"><p>{text}</p><dl>{"".join(lines)}</dl></div>')
    if not items:
        return ""
    note = (
        "Drawn by lot from the posts that have an entity, not picked by result. The entities "
        "marked in the text are the gold ones. Posts on which the conditions differ come first."
    )
    return f'<h2>Posts</h2>\n<p class="note">{note}</p>\n' + "\n".join(items)


def render_commands(results: Results) -> str:
    """The commands that made the figures."""
    commands = [
        escape(str(result["command"]))
        for found in results.values()
        for result in found
        if result.get("command")
    ]
    if not commands:
        return ""
    listing = "\n".join(commands)
    return (
        f"<h2>How these figures were made</h2>\n<pre>{listing}</pre>\n"
        f'<p class="note">Written by spacy_mner {escape(about.__version__)}.</p>'
    )


def _section(
    title: str, header: str, rows: Sequence[str], note: str = "", *, style: str = ""
) -> str:
    if not rows:
        return ""
    text = f'\n<p class="note">{note}</p>' if note else ""
    return (
        f'<h2>{title}</h2>\n<div class="scroll"><table class="{style}">\n<thead>{header}</thead>\n'
        f"<tbody>{''.join(rows)}</tbody>\n</table></div>{text}"
    )


def _first(results: Results) -> Evaluation:
    return next(iter(results.values()))[0]


def _count(counts: Dict[str, Any], key: str) -> str:
    # Of a file that anybody may have written: it need not be a number.
    return escape(str(counts.get(key, 0)))


def _types(results: Results) -> List[str]:
    found = {label for rs in results.values() for r in rs for label in r.get("ents_per_type") or {}}
    return sorted(found)


def _differ(rows: Sequence[Dict[str, Any]]) -> bool:
    def key(ent: Dict[str, Any]) -> Tuple[int, int, str]:
        return ent["start"], ent["end"], ent["label"]

    return len({tuple(sorted(key(ent) for ent in row["predicted"])) for row in rows}) > 1


def _name(condition: str) -> str:
    name, color = LOOKS[condition]
    return f'<th><span class="dot" style="background:{color}"></span>{name}</th>'


def _condition_headers(results: Results) -> str:
    headers = "".join(f"<th>{LOOKS[condition][0]}</th>" for condition in results)
    return headers + ("<th>on − off</th>" if {"on", "off"} <= {*results} else "")


def _cells(results: Results, *keys: str) -> str:
    values = {condition: spread_of(found, *keys) for condition, found in results.items()}
    cells = "".join(f"<td>{show_spread(value)}</td>" for value in values.values())
    if {"on", "off"} <= {*values}:
        on, off = values["on"], values["off"]
        difference = "–" if on is None or off is None else _signed(on.mean - off.mean)
        cells += f"<td>{difference}</td>"
    return cells


def show_spread(value: Optional[Spread]) -> str:
    """Mean and, of several runs, standard deviation, as HTML."""
    if value is None:
        return "–"
    return f"{value.mean:.1f}" + (f" <small>± {value.sd:.1f}</small>" if value.n > 1 else "")


def _signed(value: float) -> str:
    # A true minus sign: as wide as the plus, so that columns line up.
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text
