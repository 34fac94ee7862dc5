"""Sub-commands of spaCy's command line: `python -m spacy mner …` and `python -m spacy debug mner`."""

import importlib
import pkgutil

from spacy.cli._util import app

from ._util import mner_cli

# One command per file; importing a file attaches its command.
for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")

app.add_typer(mner_cli)
