"""A run's folder that was moved or copied.

ML Metadata has absolute paths. An artifact that it has at `OLD/artifacts/COMPONENT/KEY/NUMBER` is
now at `NEW/artifacts/COMPONENT/KEY/NUMBER` if there is such a folder: numbers are those of
executions, so no other execution can have made it. Then all that was below OLD is below NEW.

Commands that only read put the new place for the old one in what they have read; a run writes it
into the file.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable

from pipeline import metadata_file, runs

_BELOW_RUN = 4  # artifacts/COMPONENT/KEY/NUMBER


def old_places(uris: Iterable[str], folder: pathlib.Path) -> tuple[str, ...]:
    """Folders in which the run was before; () if it is where its artifacts were made.

    Args:
      uris: of artifacts, as ML Metadata has them.
      folder: of the run, where it is now.
    """
    found: dict[str, None] = {}
    for uri in uris:
        path = pathlib.PurePosixPath(uri)
        if len(path.parts) <= _BELOW_RUN or not path.is_absolute():  # also of URLs
            continue
        place, below = path.parents[_BELOW_RUN - 1], pathlib.Path(*path.parts[-_BELOW_RUN:])
        old = str(place)
        if below.parts[0] != runs.ARTIFACTS or old in found or old == str(folder):
            continue
        if (folder / below).is_dir() and not _is_same(place, folder):
            found[old] = None
    return tuple(found)


def rebased(text: str, old: Iterable[str], folder: pathlib.Path) -> str:
    """A path with the run's present folder in the place of an old one; other texts as they are."""
    for place in old:
        if text == place or text.startswith(f"{place}/"):
            return f"{folder}{text[len(place) :]}"
    return text


def settle(run: runs.Run) -> tuple[str, ...]:
    """Writes the run's present place into ML Metadata's file, all of it or nothing.

    What executions were told stays as it was: it is what happened.

    Returns:
      The old places; () if there was nothing to change.

    Raises:
      metadata_file.Unreadable: the file cannot be read or written.
    """
    with (
        metadata_file.refusing(run.metadata),
        contextlib.closing(metadata_file.connect(run.metadata)) as connection,
    ):
        artifacts = connection.execute("SELECT id, uri FROM Artifact").fetchall()
        old = old_places((uri for _, uri in artifacts if uri), run.folder)
        if not old:
            return ()
        properties = connection.execute(
            "SELECT rowid, string_value FROM ArtifactProperty WHERE string_value IS NOT NULL"
        ).fetchall()
        connection.execute("BEGIN IMMEDIATE")
        for statement, rows in (
            ("UPDATE Artifact SET uri = ? WHERE id = ?", artifacts),
            ("UPDATE ArtifactProperty SET string_value = ? WHERE rowid = ?", properties),
        ):
            changed = [(rebased(text or "", old, run.folder), row, text) for row, text in rows]
            connection.executemany(
                statement, [(now, row) for now, row, before in changed if now != (before or "")]
            )
        connection.execute("COMMIT")
    return old


def _is_same(one: pathlib.PurePath, other: pathlib.Path) -> bool:
    """Whether both are one folder, under two names."""
    with contextlib.suppress(OSError):
        return other.samefile(one)
    return False
