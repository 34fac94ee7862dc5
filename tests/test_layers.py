"""Which part of the package knows which: no two parts know each other."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import spacy_mner

ROOT = Path(spacy_mner.__file__).parent


def parts_imported_by(path: Path):
    """The top-level modules and packages that a file imports, also those it imports lazily."""
    package = path.relative_to(ROOT.parent).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = (*base, *(node.module or "").split("."))
            if name[0] == ROOT.name and len(name) > 1 and name[1]:
                yield name[1]
            elif name[0] == ROOT.name:
                yield from (alias.name for alias in node.names)


def test_no_part_imports_itself_through_others():
    graph = {}
    for path in ROOT.rglob("*.py"):
        part = path.relative_to(ROOT).with_suffix("").parts[0]
        graph.setdefault(part, set()).update(set(parts_imported_by(path)) - {part})
    assert "errors" in graph["training"]
    # Raises CycleError, which names the circle.
    assert set(TopologicalSorter(graph).static_order()) >= set(graph)
