"""What the accuracy benchmarks share: finding what a run has made, and their tables."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping


def latest(folder: pathlib.Path) -> pathlib.Path:
    """The newest artifact in an output folder of a component."""
    found = [p for p in folder.glob("*") if p.name.isdigit()]
    if not found:
        raise SystemExit(
            f"{folder}: nothing here, expected the output of a run; run `recsys run` first."
        )
    return max(found, key=lambda p: int(p.name))


def append(path: pathlib.Path, row: Mapping[str, object]) -> None:
    """Adds a line to a TSV file, with a header if it is new."""
    new = not path.exists()
    with path.open("a", encoding="utf-8") as f:
        if new:
            f.write("\t".join(row) + "\n")
        f.write(
            "\t".join(f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()) + "\n"
        )
