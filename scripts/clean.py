"""Delete folders that the project made."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

PROJECT = Path(__file__).resolve().parent.parent


def clean(folders: Annotated[list[Path], typer.Argument(help="Folders of the project")]) -> None:
    """Delete the folders, if they are there. Nothing outside the project is touched."""
    for folder in folders:
        path = folder.resolve()
        if PROJECT not in path.parents:
            msg.fail(f"{folder} is not inside {PROJECT}", exits=1)
        if path.exists():
            shutil.rmtree(path)
            msg.good(f"Deleted {folder}")


if __name__ == "__main__":
    typer.run(clean)
