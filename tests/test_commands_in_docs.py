"""Every command that the docs and project.yml name exists, and so does every option. Nothing is run."""

import re
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest
import srsly
import typer
from spacy.cli._util import app

import spacy_mner.cli  # noqa: F401 (attaches the commands)

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
SPACY = typer.main.get_command(app)
PREPARE = typer.main.get_command(import_module("prepare").app)
PROJECT = srsly.read_yaml(ROOT / "project.yml")
FILES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "assets/sample/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
SECTIONS = {"corpora", "components", "initialize", "nlp", "paths", "system", "training"}
PROGRAMS = {r"(?<![\w/.-])spacy\s+(?=[a-z])": SPACY, r"python scripts/prepare\.py\s+": PREPARE}


def snippets(text):
    """What stands between backticks: the lines of blocks, continued ones as one, and code in sentences."""
    blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"(^|\s)#.*", "", line)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", rest):
        yield " ".join(code.split())


def calls(snippet):
    """(program, words) of each call in a line of shell."""
    for pattern, program in PROGRAMS.items():
        for match in re.finditer(pattern, snippet):
            rest = re.split(r" && | \| |;", snippet[match.end() :])[0]
            try:
                words = shlex.split(rest)
            except ValueError:  # it stands in quotes itself
                words = rest.replace('"', "").split()
            # What may be left out stands in brackets.
            yield program, [word.lstrip("[").rstrip("]") for word in words]


def problem(program, words):
    """What is wrong with a call; None if nothing is."""
    command = program
    while hasattr(command, "commands") and words:
        name, *words = words
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    if command is SPACY.commands["project"].commands["run"] and words:
        known = [step["name"] for step in PROJECT["commands"]] + list(PROJECT["workflows"])
        if words[0] not in known:
            return f"no step {words[0]}"
    known = {"--help"}.union(*(p.opts + p.secondary_opts for p in command.params))
    for word in words:
        option = word.partition("=")[0]
        if not re.match(r"--?[a-z]", option) or option in known:
            continue
        section, dot, name = option.removeprefix("--").partition(".")
        allows = dot and command.context_settings.get("ignore_unknown_options")
        if not allows or not (
            section in SECTIONS or (section == "vars" and name in PROJECT["vars"])
        ):
            return f"no option {option}"
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_of_a_page_exist(path):
    found = [
        (snippet, problem(*call))
        for snippet in snippets(path.read_text(encoding="utf8"))
        for call in calls(snippet)
    ]
    assert [(snippet, wrong) for snippet, wrong in found if wrong] == []


def test_commands_of_the_project_exist():
    found = [
        (line, problem(*call))
        for step in PROJECT["commands"]
        for line in step["script"]
        for call in calls(line)
    ]
    assert [(line, wrong) for line, wrong in found if wrong] == []
    assert len(found) > 20
    for steps in PROJECT["workflows"].values():
        assert set(steps) <= {step["name"] for step in PROJECT["commands"]}


def test_commands_are_found():
    pages = [path.read_text(encoding="utf8") for path in FILES]
    assert len([call for page in pages for code in snippets(page) for call in calls(code)]) > 80


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("python -m spacy mner tabel1 a b c", "no command tabel1"),
        ("python -m spacy mner encode A B [--encodr NAME]", "no option --encodr"),
        ("python -m spacy mner predict … --engin ray", "no option --engin"),
        ("python -m spacy train c.cfg --path.train x", "no option --path.train"),
        ("python -m spacy mner encode A B --paths.train x", "no option --paths.train"),
        ("python -m spacy project run every .", "no step every"),
        ("python -m spacy project run all . --vars.data x", "no option --vars.data"),
        ("python scripts/prepare.py features a b --region", "no option --region"),
        ('ray exec "python -m spacy mner predict … --engine ray"', None),
    ],
)
def test_what_is_not_there_is_noticed(line, expected):
    (call,) = calls(line)
    assert problem(*call) == expected
