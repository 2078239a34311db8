"""What a section of the report is made of, as plain data.

The template turns each kind of block into HTML.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

Tone = Literal["", "good", "bad", "quiet", "strong"]


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    tone: Tone = ""


@dataclasses.dataclass(frozen=True)
class Items:
    """A list of short sentences."""

    items: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Code:
    """Preformatted text."""

    text: str


@dataclasses.dataclass(frozen=True)
class Facts:
    """Names and values, shown as tiles."""

    facts: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    `share` (0 to 1) draws a bar behind the value; `note` is small print below it.
    """

    text: str
    tone: Tone = ""
    note: str = ""
    share: float | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """A table; the first column names the rows.

    Attributes:
      columns: headings; a trailing `#` makes a column of numbers, set right.
      rows: one tuple of cells (or plain texts) a row, as long as `columns`.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.caption!r}: a row has {len(row)} cells, expected "
                    f"{len(self.columns)}."
                )

    @property
    def headings(self) -> list[tuple[str, bool]]:
        """(text, whether the column holds numbers)."""
        return [(c.removesuffix("#"), c.endswith("#")) for c in self.columns]

    @property
    def cells(self) -> list[list[Cell]]:
        return [[c if isinstance(c, Cell) else Cell(c) for c in row] for row in self.rows]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A chart: `svg` comes from `charts` and is the only markup that is not escaped."""

    svg: str
    caption: str


@dataclasses.dataclass(frozen=True)
class Grid:
    """Blocks side by side where there is room; `least` is the width of a column, in rem."""

    blocks: tuple[Block, ...]
    least: float = 21


@dataclasses.dataclass(frozen=True)
class Folded:
    """Blocks behind a line that opens them."""

    summary: str
    blocks: tuple[Block, ...]


@dataclasses.dataclass(frozen=True)
class Card:
    """A framed group under a heading of its own."""

    title: str
    subtitle: str
    blocks: tuple[Block, ...]


Block = Text | Items | Code | Facts | Table | Figure | Grid | Folded | Card


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading with an anchor, and what stands below it."""

    anchor: str
    title: str
    blocks: Sequence[Block]


def kind(block: Block) -> str:
    """The name of the template's macro for a block."""
    return type(block).__name__.lower()
