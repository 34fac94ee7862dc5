"""A self-contained HTML page: no script, nothing loaded from elsewhere."""

from html import escape
from typing import Sequence

from .style import CSS

PAGE_END = "\n</main>\n</body>\n</html>\n"


def render_page(title: str, sections: Sequence[str]) -> str:
    """Put sections on a page.

    title (str): The page's title; escaped here.
    sections (Sequence[str]): HTML; empty ones are left out.
    RETURNS (str): The page.
    """
    body = "\n".join(section for section in sections if section)
    return f"{page_head(title)}{body}{PAGE_END}"


def page_head(title: str, css: str = "") -> str:
    """What comes before the sections, for pages that are written piece by piece up to `PAGE_END`.

    title (str): The page's title; escaped here.
    css (str): Rules beside those of all pages.
    RETURNS (str): The beginning of the page.
    """
    rules = f"{CSS}\n{css}" if css else CSS
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{rules}\n</style>\n</head>\n<body>\n<main>\n"
    )
