"""Reads a page of the report as a browser would, and fails where its tags do not nest."""

from __future__ import annotations

import pathlib
from html import parser

_VOID = ("meta", "link", "br")  # have no end tag


class Page(parser.HTMLParser):
    """Checks that tags nest and collects what the tests ask for."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.unlabelled_charts = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given[n] or "" for n in ("src", "href", "action", "data") if n in given]
        self.unlabelled_charts += tag == "svg" and not (
            given.get("role") == "img" and given.get("aria-label")
        )
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: pathlib.Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    page.text = " ".join(page.text.split())
    return page
