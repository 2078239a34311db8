"""Which files of a folder are a table, and their format where the configuration says none.

What the files' endings say counts; what is in the files is `first_bytes`' matter.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Sequence

from modules import config, formats
from modules.beam import errors

_SHOWN = 5  # names of files in a message


def are_mixed(paths: Sequence[str], name: str) -> bool:
    """Whether the endings of a table's files say several formats."""
    return len(_kinds(paths, name)) > 1


def others(paths: Sequence[str], chosen: Sequence[str], name: str) -> int:
    """How many files of a folder are not read for their ending, those of other tables left out."""
    read = set(chosen)
    endings = (formats.ending(path) for path in paths if path not in read)
    return sum(ending is None or ending.table in (None, name) for ending in endings)


def of_files(paths: Sequence[str], name: str) -> formats.Format:
    """The format of a table's files.

    Raises:
      errors.DataError: their endings say none, or several.
    """
    endings = [formats.ending(path) for path in paths]
    kinds = {e.format for e in endings if e}
    if len(kinds) == 1 and None not in endings:
        return kinds.pop()
    raise _unclear(paths, name, "Name files of one alone")


def in_folder(
    table: config.Table, name: str, folder: str, paths: Sequence[str]
) -> tuple[formats.Format, list[str]]:
    """The format of a table whose path is a folder, and those of the folder's files that are read.

    Raises:
      errors.DataError: no file has an ending that fits, or they say several formats.
    """
    kind = table.format or _of_folder(paths, name)
    endings = formats.endings(kind, name)
    for ending in endings:
        chosen = [path for path in paths if ending.text in os.path.basename(path).lower()]
        if chosen:
            return kind, chosen
    raise errors.DataError(
        f"data.{name}.path: no file in {folder} ends in {', '.join(e.text for e in endings)} "
        f"(format {kind}); found {_shown(paths)}. Name the files with a glob, such as "
        f"{folder.rstrip('/')}/*, or correct the format."
    )


def _of_folder(paths: Sequence[str], name: str) -> formats.Format:
    kinds = _kinds(paths, name)
    if len(kinds) == 1:
        return kinds.pop()
    raise _unclear(paths, name, "Set format, so that files in another are not read")


def _kinds(paths: Sequence[str], name: str) -> set[formats.Format]:
    known = [e for e in map(formats.ending, paths) if e and e.table in (None, name)]
    return {e.format for e in known if not e.weak} or {e.format for e in known}


def _unclear(paths: Sequence[str], name: str, remedy: str) -> errors.DataError:
    if are_mixed(paths, name):
        counts = collections.Counter(e.text for e in map(formats.ending, paths) if e)
        found = ", ".join(f"{number:,} in {text}" for text, number in sorted(counts.items()))
        kinds = " or ".join(sorted(_kinds(paths, name)))
        return errors.DataError(
            f"data.{name}.format: missing, and the files have several; found {found}, expected "
            f"{kinds} alone. {remedy}, or convert them."
        )
    known = ", ".join(
        f"{'/'.join(e.text for e in formats.endings(kind, name))} ({kind})"
        for kind in formats.FORMATS
    )
    return errors.DataError(
        f"data.{name}.format: missing, and the files' endings do not say one; found "
        f"{_shown(paths)}, expected one of {known}. Set format: {', '.join(formats.FORMATS[:-1])} "
        f"or {formats.FORMATS[-1]}."
    )


def _shown(paths: Sequence[str]) -> str:
    names = [os.path.basename(path) for path in paths]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
