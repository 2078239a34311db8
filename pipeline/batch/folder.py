"""A folder that appears whole or not at all, on this machine or behind a URL."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator

from apache_beam.io import filesystems

_FILES = filesystems.FileSystems
_OF_GLOBS = "*?[\\"


class OutputError(RuntimeError):
    """A folder that must not be written. The message is for the person at the terminal."""


@contextlib.contextmanager
def whole(target: str, marker: str, *, replace: bool) -> Iterator[str]:
    """Gives a folder to write into, which becomes `target` when the block has ended well.

    On this machine the folder is renamed, at once. Object stores have no folders: there, files are
    moved one by one, and the marker is the last, so that where it is, all others are.

    Args:
      target: folder or URL.
      marker: the file that every such folder holds. One without is never replaced.
      replace: whether a folder that is there already may be replaced.

    Raises:
      OutputError: `target` is there and may not be replaced, or is no such folder.
    """
    if found := [c for c in _OF_GLOBS if c in target]:
        raise OutputError(
            f"{target}: holds {' '.join(found)}, which Beam reads as a glob. Give another --output."
        )
    kind = _Remote if "://" in target else _Local
    place = kind(target, marker)
    _check(place, marker, replace=replace)
    try:
        place.begin()
        yield place.work
        place.finish()
    finally:
        place.remove_work()


def _check(place: _Local | _Remote, marker: str, *, replace: bool) -> None:
    if not place.exists():
        return
    if not replace:
        raise OutputError(f"{place.target}: is there already. Give --replace, or another --output.")
    if not place.is_marked():
        raise OutputError(
            f"{place.target}: found no {marker} in it, so it was not made by this command and is "
            "not replaced. Give another --output, or remove it."
        )


def _work(name: str) -> str:
    """No reader of tables looks into a folder with such a name."""
    return f".{name}.unfinished-{uuid.uuid4().hex[:8]}"


class _Local:
    """On this machine; the work is done beside the target, so on the same disk."""

    def __init__(self, target: str, marker: str) -> None:
        self._target, self._marker = pathlib.Path(target).expanduser().absolute(), marker
        self._work = self._target.with_name(_work(self._target.name))
        self.target, self.work = str(self._target), str(self._work)

    def exists(self) -> bool:
        return os.path.lexists(self.target)

    def is_marked(self) -> bool:
        return (self._target / self._marker).is_file()

    def begin(self) -> None:
        self._work.mkdir(parents=True)

    def finish(self) -> None:
        """Takes what is there out of the way, and puts the new folder in its place."""
        old = pathlib.Path(f"{self.work}.old")
        if self._target.exists():
            os.rename(self._target, old)
        os.rename(self._work, self._target)
        if old.exists():
            shutil.rmtree(old)

    def remove_work(self) -> None:
        if self._work.exists():
            shutil.rmtree(self._work)


class _Remote:
    """Behind a URL that Beam's file systems understand."""

    def __init__(self, target: str, marker: str) -> None:
        self.target = target.rstrip("/")
        parent, _, name = self.target.rpartition("/")
        self.work = f"{parent}/{_work(name)}"
        self._marker = marker

    def exists(self) -> bool:
        return bool(_below(self.target))

    def is_marked(self) -> bool:
        return f"{self.target}/{self._marker}" in _below(self.target)

    def begin(self) -> None:
        _FILES.mkdirs(self.work)

    def finish(self) -> None:
        """Removes what is there, its marker first, and moves the new files, their marker last."""
        old = sorted(_below(self.target), key=lambda path: not path.endswith(self._marker))
        for path in old:
            _FILES.delete([path])
        new = sorted(_below(self.work), key=lambda path: path.endswith(self._marker))
        for path in new:
            _FILES.rename([path], [self.target + path.removeprefix(self.work)])

    def remove_work(self) -> None:
        if _below(self.work):
            _FILES.delete(_below(self.work))


def _below(folder: str) -> list[str]:
    """Of all files, none of a folder that is not there."""
    (matched,) = _FILES.match([f"{folder}/*"])
    return [metadata.path for metadata in matched.metadata_list]
