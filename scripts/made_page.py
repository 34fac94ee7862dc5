"""A page that is made from something else, written or checked."""

from pathlib import Path

from wasabi import msg

from spacy_mner.output import atomic_text


def save_page(path: Path, page: str, source: str, *, check: bool) -> None:
    """Write a page, atomically, where it says something else; or only look whether it does.

    path (Path): the page.
    page (str): what it should say.
    source (str): what it is made from, for messages.
    check (bool): change nothing, and exit with 1 if it differs.
    """
    if path.is_file() and path.read_text("utf8") == page:
        msg.good(f"{path.name} says what {source} say")
    elif check:
        msg.fail(f"{path.name} differs from {source}: run this without --check", exits=1)
    else:
        with atomic_text(path) as stream:
            stream.write(page)
        msg.good("Wrote the page", str(path))
