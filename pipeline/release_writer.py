"""Puts releases into the serving folder and changes which one is in force (see modules/release.py).

Every change happens under a lock, and in an order in which a process may die anywhere: what it
leaves behind is no release, the one before stays in force, and the next change removes the rest. A
release that is deleted becomes, first of all, such a rest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import logging
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modules import catalogue as catalogue_lib
from modules import model_server_config, release

CATALOGUE = "catalogue"  # folder of the copy, only while a push is under way
_MODELS = (release.RECALL, release.RANK)
_log = logging.getLogger(__name__)

Copy = Callable[[str, str], Any]  # of a folder; the target does not exist


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the manifest of a new release says besides its files; see `release.Manifest`."""

    name: str
    versions: dict[str, str]
    metrics: dict[str, dict[str, dict[str, release.Estimate]]]
    artifacts: dict[str, release.Made]
    config_digest: str
    source_digest: str
    refreshed: int | None = None

    @classmethod
    def refreshing(cls, before: release.Manifest) -> Facts:
        """Of the models of another release with a new catalogue."""
        known = {f.name: getattr(before, f.name) for f in dataclasses.fields(cls)}
        return cls(**{**known, "refreshed": before.release})


def push(
    serving: pathlib.Path,
    models: Mapping[str, str],
    facts: Facts,
    *,
    catalogue: str,
    copy: Copy = shutil.copytree,
) -> release.Manifest:
    """Makes a release of the models and puts it in force.

    Args:
      serving: the serving folder, which is made if need be.
      models: folders (or URLs, if `copy` understands them) of SavedModels by name: `recall`,
          perhaps `rank`.
      facts: for the manifest.
      catalogue: folder (or URL) of the files of modules/catalogue.py, which go beside the recall
          model.
      copy: copies a folder.

    Raises:
      release.ReleaseError: the models do not belong together; nothing has changed.
    """
    with _locked(serving):
        _remove_unfinished(serving)
        number = _next_id(serving)
        work = serving / f"{release.UNFINISHED}{number}"
        work.mkdir()
        try:
            made = _stage(work, number, models, facts, catalogue, copy)
            for name in models:
                (serving / name).mkdir(exist_ok=True)
                os.rename(work / name, serving / name / str(number))
                _flush_folder(serving / name)
            (serving / release.MANIFESTS).mkdir(exist_ok=True)
            _write(serving / release.MANIFESTS / f"{number}.json", made.to_text())
            _point(serving, made)
        except Exception:
            _remove_unfinished(serving)
            raise
        work.rmdir()
        return made


def switch(serving: pathlib.Path, number: int | None = None) -> tuple[int | None, release.Release]:
    """Puts an earlier or a later release in force.

    Args:
      serving: the serving folder.
      number: the release; by default the newest of those older than the one in force.

    Returns:
      The id that was in force (None if none was, or it could not be read), and the release that is
      now.

    Raises:
      release.ReleaseError: there is no such release, or it must not be served; nothing has changed.
      release.NoRelease: nothing has been pushed.
    """
    if not serving.is_dir():
        raise release.NoRelease(f"{serving}: no release has been pushed. Run `recsys run` first.")
    with _locked(serving):
        _remove_unfinished(serving)
        before = release.current_if_readable(serving) if number else release.current(serving)
        chosen = release.load(serving, number or _one_before(serving, before))
        assert chosen.manifest is not None  # of a release with an id in `releases/`
        if chosen.id != before:
            _point(serving, chosen.manifest)
        return before, chosen


def prune(serving: pathlib.Path, keep: int | None, *, spare: int | None = None) -> list[int]:
    """Deletes all but the newest releases.

    The release in force stays, however old, and the one before it, for a rollback; so does what
    else a `*.config` of the folder names: versions that serving/deploy/publish.py has loaded. Where
    one of these files cannot be read, nothing is deleted.

    Args:
      serving: the serving folder.
      keep: how many stay; None: all.
      spare: stays besides: the release in force before, which TensorFlow Serving may still serve.

    Returns:
      The ids of what was deleted.
    """
    if keep is None or not serving.is_dir():
        return []
    with _locked(serving):
        _remove_unfinished(serving)
        current, known = release.current_if_readable(serving), release.ids(serving)
        if current is None:
            return []
        try:
            named = {
                number
                for path in serving.glob("*.config")
                for number in model_server_config.named(path.read_text(encoding="utf-8"))
            }
        except (OSError, ValueError):
            return []
        kept = {*known[-keep:], *[n for n in known if n < current][-1:], *named, spare}
        old = [number for number in known if number not in kept]
        for number in old:
            (serving / f"{release.UNFINISHED}{number}").mkdir()
        _flush_folder(serving)
        _remove_unfinished(serving)
        return old


def repoint(serving: pathlib.Path) -> bool:
    """Lets `models.config` name the folder where it is now, and says whether that was another one.

    TensorFlow Serving needs absolute paths, which a folder that was moved or copied no longer has.
    """
    with _locked(serving):
        number = release.current(serving)
        if number is None:
            return False
        versions = dict.fromkeys(release.manifest(serving, number).models, number)
        wanted = model_server_config.write(versions, serving)
        if wanted == (serving / release.POINTER).read_text(encoding="utf-8"):
            return False
        _write(serving / release.POINTER, wanted)
        return True


def _stage(
    work: pathlib.Path,
    number: int,
    models: Mapping[str, str],
    facts: Facts,
    catalogue: str,
    copy: Copy,
) -> release.Manifest:
    """Copies the models into `work` and describes the copies."""
    folders = {name: work / name for name in models}
    for name, source in models.items():
        copy(source, str(folders[name]))
    extra = folders[release.RECALL] / catalogue_lib.FOLDER
    extra.mkdir(exist_ok=True)
    copy(catalogue, str(work / CATALOGUE))
    for file in (catalogue_lib.ABOUT_FILE, catalogue_lib.ITEMS_FILE):
        (work / CATALOGUE / file).rename(extra / file)
    shutil.rmtree(work / CATALOGUE)
    shared = release.check_lineage(folders)
    files = {name: release.describe_files(folder) for name, folder in folders.items()}
    for name, found in files.items():
        if "saved_model.pb" not in found:
            raise release.ReleaseError(
                f"{models[name]}: expected a SavedModel, found no saved_model.pb. Run "
                "`recsys run` again."
            )
    for folder in folders.values():
        _flush(folder)
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return release.Manifest(
        release=number,
        created=created,
        lineage=shared,
        models=files,
        **{f.name: getattr(facts, f.name) for f in dataclasses.fields(facts)},
    )


def _next_id(serving: pathlib.Path) -> int:
    """Seconds since 1970, or more where this or a later id has been used."""
    used = [n for name in _MODELS for n in release.numbers(serving / name)]
    used += release.numbers(serving / release.MANIFESTS, ".json")
    return max([int(time.time()), *(n + 1 for n in used)])


def _one_before(serving: pathlib.Path, current: int | None) -> int:
    """The release to go back to."""
    earlier = [n for n in release.ids(serving) if current is not None and n < current]
    if not earlier:
        raise release.ReleaseError(
            f"{serving}: there is no release before {current}, or not any more (`releases.keep` "
            "in the configuration says how many are kept)."
            if current is not None
            else f"{serving}: no release is in force, so none came before. "
            "`recsys releases` lists what there is."
        )
    return earlier[-1]


def _remove_unfinished(serving: pathlib.Path) -> None:
    """Removes what pushes and deletions left behind that died.

    The folder that marks them goes last.

    What the file system does not let go stays marked, so it is no release, and the next change
    tries again.
    """
    for number in release.unfinished_ids(serving):
        try:
            if number != release.current_if_readable(serving):
                for name in _MODELS:
                    if (part := serving / name / str(number)).exists():
                        shutil.rmtree(part)
                (serving / release.MANIFESTS / f"{number}.json").unlink(missing_ok=True)
            shutil.rmtree(serving / f"{release.UNFINISHED}{number}")
        except OSError as error:
            _log.warning(
                "%s: release %d is deleted, but not all its files yet: %s", serving, number, error
            )


def _point(serving: pathlib.Path, made: release.Manifest) -> None:
    """Puts a complete release in force."""
    versions = dict.fromkeys(made.models, made.release)
    _write(serving / release.POINTER, model_server_config.write(versions, serving))


def _write(path: pathlib.Path, text: str) -> None:
    """Replaces a file at once; the lock keeps others from the name of the new one."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    _flush_folder(path.parent)


def _flush(folder: pathlib.Path) -> None:
    """Asks the disk to keep all files of a folder, so a power cut does not empty them later."""
    for path in (folder, *folder.rglob("*")):
        _flush_folder(path)


def _flush_folder(path: pathlib.Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _locked(serving: pathlib.Path) -> Iterator[None]:
    """Waits until no other process changes the folder, and keeps others out."""
    serving.mkdir(parents=True, exist_ok=True)
    with (serving / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
