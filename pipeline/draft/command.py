"""`recsys dataset draft`: where the draft goes, and what is said about it."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Mapping, Sequence

from modules import strict
from pipeline.draft import draft, writer

_SHOWN = 8  # marks that are listed


def main(
    files: Sequence[str],
    *,
    given: Mapping[str, str],
    name: str | None,
    output: pathlib.Path | None,
    force: bool,
) -> None:
    """Drafts, writes to `output` or prints, and lists on stderr what is unsure.

    Raises:
      errors.DataError: the files cannot be used.
      ConfigError: no file is given, or `output` is there and `force` is not given.
    """
    if output is not None and output.exists() and not force:
        raise strict.ConfigError(
            f"{output}: the file is there; a draft does not replace it. Give another name, or "
            "--force."
        )
    if not files and not given:
        raise strict.ConfigError("no file given; expected FILE... or --events FILE.")
    folder = "." if output is None else os.path.dirname(output) or "."
    config = str(output) if output is not None else "FILE.yaml"
    text = draft.make(files, given, name, folder, config)
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        output.write_text(text, encoding="utf-8")
    print(_summary(text, config), file=sys.stderr)


def _summary(text: str, config: str) -> str:
    marks = writer.marks(text)
    what = f"{len(marks)} place{'' if len(marks) == 1 else 's'}" if marks else "no place"
    lines = [f"draft: {config}, {what} marked {writer.MARK[:-1]}"]
    lines += [f"  line {number}: {mark}" for number, mark in marks[:_SHOWN]]
    if len(marks) > _SHOWN:
        lines.append(f"  and {len(marks) - _SHOWN} more")
    lines.append(f"Next: recsys dataset check --config {config}")
    return "\n".join(lines)
