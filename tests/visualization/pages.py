"""Reads HTML pages for tests."""

from html.parser import HTMLParser

VOID = {"meta", "line", "rect", "img", "input", "br"}


class Checker(HTMLParser):
    """Every element is closed in order; collects what a page loads and its text."""

    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href")]
        if tag in ("script", "link", "iframe", "img"):
            self.loaded.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)
