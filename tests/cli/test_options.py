"""Options that several commands share look and act the same in all of them."""

import pytest
import typer
from spacy.cli._util import app

import spacy_mner.cli  # noqa: F401 (attaches the commands)

COMMANDS = [
    ("mner", "calibrate"),
    ("mner", "encode"),
    ("mner", "evaluate"),
    ("mner", "predict"),
    ("debug", "mner"),
]


def options(path):
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    return {option.name: option for option in command.params}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "opts", "default"),
    [("use_gpu", ["--gpu-id", "-g"], -1), ("code_path", ["--code", "-c"], None)],
)
def test_shared_options(path, name, opts, default):
    option = options(path)[name]
    assert option.opts == opts
    assert option.default == default
    assert option.help == options(("mner", "encode"))[name].help
