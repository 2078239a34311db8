"""Blocks of code in Markdown, the commands in them, and what a comment before them excuses."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Whoever adds a page adds nothing here.
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md") if (ROOT / name).exists()),
    *sorted((ROOT / "docs").glob("*.md")),
)
SHELL = ("sh", "bash")
RUNNABLE = (*SHELL, "console", "python")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*$")
_MARKER = re.compile(r"<!-- not run: (?P<reason>.+) -->")
_INLINE = re.compile(r"`([^`\n]+)`")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
      page: the file.
      line: of its opening fence, from 1.
      language: what stands after the fence.
      text: what is in it.
      reason: why it is not run, as a comment on the line before it says; empty without one.
    """

    page: pathlib.Path
    line: int
    language: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command of a shell block, comments and continued lines resolved."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]

    @property
    def prompts(self) -> list[tuple[str, str]]:
        """(command, what it has to print) of a console block."""
        first, *found = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        assert not first.strip(), f"{self}: a console block begins with a prompt"
        return [(command, output) for command, _, output in (one.partition("\n") for one in found)]


def read(page: pathlib.Path) -> list[Block]:
    """All blocks of a page."""
    found = []
    lines = page.read_text(encoding="utf-8").splitlines()
    numbers = iter(range(len(lines)))
    for number in numbers:
        fence = _FENCE.match(lines[number])
        if not fence:
            continue
        closing = f"{fence['indent']}```"
        inside = []
        for inner in numbers:
            if lines[inner].rstrip() == closing:
                break
            inside.append(lines[inner].removeprefix(fence["indent"]))
        else:
            raise AssertionError(f"{page}:{number + 1}: the block does not end")
        before = lines[number - 1].strip() if number else ""
        marker = _MARKER.fullmatch(before)
        reason = marker["reason"] if marker else ""
        text = "".join(f"{line}\n" for line in inside)
        found.append(Block(page, number + 1, fence["language"], text, reason))
    return found


def every() -> list[Block]:
    """The blocks of all pages."""
    return [block for page in PAGES for block in read(page)]


def inline(page: pathlib.Path) -> Iterator[str]:
    """What stands between single backticks, outside of blocks."""
    text = page.read_text(encoding="utf-8")
    yield from _INLINE.findall(
        re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    )
