"""A self-contained HTML page: no script, nothing loaded from elsewhere."""

from html import escape
from typing import Sequence

from .style import CSS


def render_page(title: str, sections: Sequence[str]) -> str:
    """Put sections on a page.

    title (str): The page's title; escaped here.
    sections (Sequence[str]): HTML; empty ones are left out.
    RETURNS (str): The page.
    """
    body = "\n".join(section for section in sections if section)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{CSS}\n</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
