"""Lists of events in a cell of text, such as `N55689-1 N35729-0`: each element makes a row."""

from __future__ import annotations

import re

from modules import config

_BETWEEN = " \t\r\n,;|[](){}\"'"  # what may stand around elements
_SHOWN = 60  # characters of a cell in a message


class Elements:
    """The elements of a table's `list_column`, by its `list_pattern`."""

    def __init__(self, table: config.Table) -> None:
        self._pattern = re.compile(table.list_pattern or "")
        self._column = str(table.list_column)
        self.names = table.element_columns

    def of(self, cell: str) -> list[list[str]]:
        """The cells that each element has, in the order of `names`; a part that is not there: "".

        Raises:
          ValueError: something of the cell is no element.
        """
        found, end = [], 0
        for match in self._pattern.finditer(cell):
            self._refuse(cell[end : match.start()], cell)
            found.append([match[name] or "" for name in self.names])
            end = match.end()
        self._refuse(cell[end:], cell)
        return found

    def _refuse(self, between: str, cell: str) -> None:
        rest = between.strip(_BETWEEN)
        if rest:
            shown = cell if len(cell) <= _SHOWN else cell[: _SHOWN - 3] + "..."
            raise ValueError(
                f"'{self._column}' (list_column): found {rest[:_SHOWN]!r} in {shown!r}, expected "
                f"elements like {self._pattern.pattern} (list_pattern) alone. Correct the pattern, "
                "or the row."
            )
