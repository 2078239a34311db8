"""Writes a draft as YAML with comments; what is unsure gets a comment of its own above it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pipeline.draft import proposals, yaml_text

MARK = "UNSURE:"
_WIDTH = 118  # characters of a line


def text(draft: proposals.Draft, config: str) -> str:
    """The YAML of a draft.

    Args:
      draft: what it says.
      config: the file that it will be, for the commands that come next.
    """
    lines = [
        f"# Drafted by recsys dataset draft from a sample; what is unsure is marked {MARK[:-1]}.",
        f"# Next: recsys dataset check --config {yaml_text.escaped(config)}",
        f"# Then: recsys run --config {yaml_text.escaped(config)}",
        f"name: {yaml_text.scalar(draft.name)}",
        "data:",
    ]
    for table in draft.tables:
        lines += [_commented(f"  {table.name}:", table.reason)]
        for line in table.keys:
            lines += _line(line, 4)
        lines += ["    columns:"]
        for line in table.columns:
            lines += _line(line, 6)
    for line in draft.policies:
        lines += _line(line, 2)
    for note in draft.notes:
        lines += _comment(note, 2)
    return "\n".join(lines) + "\n"


def marks(written: str) -> list[tuple[int, str]]:
    """Number of the line and text of each mark."""
    found: list[tuple[int, str]] = []
    goes_on = False
    for number, line in enumerate(written.splitlines(), start=1):
        comment = line.strip().removeprefix("# ")
        if comment.startswith(MARK):
            found.append((number, comment.removeprefix(MARK).strip()))
        elif goes_on and line.lstrip().startswith("# "):
            found[-1] = (found[-1][0], f"{found[-1][1]} {comment}")
        goes_on = line.lstrip().startswith("# ") and (goes_on or comment.startswith(MARK))
    return found


def _line(line: proposals.Line, indent: int) -> Iterator[str]:
    hidden = "# " if line.is_suggestion else ""
    body = f"{' ' * indent}{hidden}{yaml_text.scalar(line.key)}: {yaml_text.scalar(line.value)}"
    whole = _commented(body, line.reason)
    if len(whole) > _WIDTH and line.reason:
        yield from _comment(line.reason, indent)
        whole = body
    if line.unsure is not None:
        yield from _comment(f"{MARK} {line.unsure}", indent)
    yield from _broken(whole, indent) if whole is body and not line.is_suggestion else [whole]


def _commented(body: str, reason: str) -> str:
    return f"{body}  # {yaml_text.escaped(reason)}" if reason else body


def _comment(text: str, indent: int) -> Iterator[str]:
    for line in textwrap.wrap(yaml_text.escaped(text), _WIDTH - indent - 2, break_on_hyphens=False):
        yield f"{' ' * indent}# {line}"


def _broken(body: str, indent: int) -> Iterator[str]:
    """A line that is too long, as several, each but the last up to a comma between values."""
    start = " " * (indent + 2)
    while len(body) > _WIDTH and (at := body.rfind(", ", len(start), _WIDTH)) > 0:
        yield body[: at + 1]
        body = start + body[at + 2 :]
    yield body
