"""Markdown that is put together: tables, code, anchors and links."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CODE = re.compile(r"(`+[^`]*`+)")
_BLOCK_OR_CODE = re.compile(r"(^```.*?^```$|`+[^`\n]+`+)", re.MULTILINE | re.DOTALL)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells may hold Markdown of one line.

    Args:
      head: titles of the columns.
      rows: cells, as many a row as there are titles.

    Returns:
      The table with a blank line after it; nothing without rows.
    """
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


def cell(text: str) -> str:
    """The text on one line, with the bars that would end a cell escaped."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(
        part.replace("|", r"\|") if n % 2 else part.replace("|", "&#124;")
        for n, part in enumerate(parts)
    )


def parts(text: str) -> list[tuple[bool, str]]:
    """Splits a page into (whether it is code, text)."""
    return [(n % 2 == 1, part) for n, part in enumerate(_BLOCK_OR_CODE.split(text))]


def code(text: str) -> str:
    """The text as inline code, also one that holds a backtick."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def fenced(text: str, language: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n\n"


def anchor(name: str) -> str:
    """A place that links can point to, as in `page.md#name`."""
    return f'<span id="{name}"></span>'


def sentence(text: str) -> str:
    """Returns the text with a capital at its start and a full stop.

    What starts with code, or with a name of its own, keeps its start.
    """
    text = " ".join(text.split())
    first = text.partition(" ")[0]
    if first.rstrip(",;").isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if not text or text[-1] in ".!?:" else f"{text}."
