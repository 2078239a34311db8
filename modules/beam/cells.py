"""Cells as messages show them."""

from __future__ import annotations

import datetime
from typing import Any

_LONGEST = 60


def shown(cell: Any) -> str:
    """The cell as Python writes it, a date as a text, cut to 60 characters."""
    text = f"'{cell}'" if isinstance(cell, datetime.date) else repr(cell)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
