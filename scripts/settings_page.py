"""docs/settings.md: all settings of what the package registers, from signatures and docstrings.

    python scripts/settings_page.py            # write the page
    python scripts/settings_page.py --check    # fails if the page says something else

A setting without a line in its docstring is an error.
"""

import configparser
import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from made_page import save_page
from spacy.language import Language

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/settings.md"
HEAD = """# Settings

What can be said in a config, or to `nlp.add_pipe(NAME, config={…})`. Made from the docstrings by
`python scripts/settings_page.py`.
B posts, T tokens a post, R regions a picture, D numbers a vector. A setting without a default must be given.
"""
# Groups of entry points, and how a config names what is in them.
GROUPS = {
    "spacy_factories": "Components: `factory = …`",
    "spacy_architectures": "Parts of the model: `@architectures = …`",
    "spacy_image_encoders": "Image encoders: `@image_encoders = …`",
    "spacy_readers": "Readers: `@readers = …`",
    "spacy_augmenters": "Augmenters: `@augmenters = …`",
    "thinc_optimizers": "Optimizers: `@optimizers = …`",
    "spacy_callbacks": "Callbacks: `@callbacks = …`",
    "spacy_scorers": "Scorers: `@scorers = …`",
}
# What spaCy itself gives to a factory.
GIVEN = {"spacy_factories": ("nlp", "name")}
_SETTING = re.compile(r"^\*{0,2}(?P<name>\w+) \((?P<type>.+?)\): (?P<text>.*)$")
_OTHER = re.compile(r"^(RETURNS|YIELDS|RAISES) \(.+?\): ")


class Setting(NamedTuple):
    """A line of a table."""

    name: str
    type: str
    default: str
    text: str


def main(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail instead")] = False,
) -> None:
    """Write docs/settings.md."""
    save_page(PAGE, make_page(), "the docstrings", check=check)


def make_page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for group, title in GROUPS.items():
        parts.append(f"## {title}\n")
        for name, function in registered(group):
            about, settings = read(group, name, function)
            parts += [f"### `{name}`\n", f"{about}\n"]
            if settings:
                lines = [" | ".join(map(cell, setting)) for setting in settings]
                head = ["| setting | type | default | |", "|---|---|---|---|"]
                parts.append("\n".join([*head, *(f"| {line} |" for line in lines)]) + "\n")
    return "\n".join(parts)


def registered(group: str) -> Iterator[tuple[str, Callable]]:
    """What setup.cfg registers in a group of entry points."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    for line in setup["options.entry_points"][group].strip().splitlines():
        name, target = (part.strip() for part in line.split("=", 1))
        module, attribute = target.split(":")
        yield name, getattr(importlib.import_module(module), attribute)


def read(group: str, name: str, function: Callable) -> tuple[str, list[Setting]]:
    """What a function says of itself, and its settings in the order of the signature.

    RAISES (ValueError): A setting without a line in the docstring.
    """
    about, described = parse(inspect.getdoc(function) or "")
    defaults = {k: p.default for k, p in inspect.signature(function).parameters.items()}
    if group == "spacy_factories":
        defaults.update(Language.get_factory_meta(name).default_config or {})
    settings = []
    for key, default in defaults.items():
        if key in GIVEN.get(group, ()):
            continue
        kind, text = described.get(key, ("", ""))
        if not text:
            raise ValueError(f"{name}: the docstring says nothing of the setting '{key}'")
        settings.append(Setting(f"`{key}`", f"`{kind}`", show(default), text))
    return about, settings


def parse(doc: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """A docstring's text, and type and text of each setting."""
    about: list[str] = []
    settings: dict[str, list[str]] = {}
    types: dict[str, str] = {}
    current = about
    for line in doc.splitlines():
        if found := _SETTING.match(line):
            types[found["name"]] = found["type"]
            current = settings[found["name"]] = [found["text"]]
        elif _OTHER.match(line):
            current = []  # what it returns and raises is not shown
        else:
            current.append(line)
    described = {
        key: (types[key], " ".join(line.strip() for line in lines))
        for key, lines in settings.items()
    }
    return "\n".join(about).strip(), described


def show(default: Any) -> str:
    """A default, as a config writes it."""
    if default is inspect.Parameter.empty:
        return ""
    if isinstance(default, dict):
        return " ".join(f"`{key} = {value}`" for key, value in default.items() if key[0] == "@")
    text = default if isinstance(default, str) and default else json.dumps(default)
    return f"`{text}`"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    typer.run(main)
