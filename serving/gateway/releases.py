"""Which releases the models serve, and the catalogue of each."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import logging
import pathlib
from typing import Any

from modules import catalogue as catalogue_lib
from modules import release
from serving.gateway import columns as columns_lib
from serving.gateway import models

_KEPT = 4  # releases whose catalogues are kept: those that are served, and some to fall back to
_STATUS_SECONDS = 2.0
_AVAILABLE = "AVAILABLE"
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What is known of a release.

    Attributes:
      id: of the release, the version of its models.
      catalogue: its items.
      columns: of requests to its models.
      manifest: `releases/<id>.json`; {} without.
    """

    id: int
    catalogue: catalogue_lib.Catalogue
    columns: columns_lib.Columns
    manifest: dict[str, Any]


class Releases:
    """Follows the versions that the model server has loaded.

    Attributes:
      current: the release that answers: the one that the label points to, or without a label the
          newest that recall serves; the last one while recall does not answer; None before any.
      canary: the release that the canary's label points to; None while there is none.
      states: per model, the state of each version, or what went wrong.
      trouble: what is wrong with a catalogue, by release.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        recall: models.Model,
        rank: models.Model,
        label: str,
        canary_label: str = "",
    ) -> None:
        """Watches the serving folder.

        Args:
          folder: the serving folder.
          recall: the model that is asked for its versions.
          rank: the model that is asked for its versions, if there is one.
          label: of the version of recall that answers; "" for the newest.
          canary_label: of the version that answers some users; "" where there shall be none.
        """
        self._label, self._canary_label = label, canary_label
        self._folder = folder
        self._models = {release.RECALL: recall, release.RANK: rank}
        self._loaded: dict[int, Loaded] = {}
        self._served: list[Loaded] = []  # by recall, the newest first
        self._lock = asyncio.Lock()
        self.current: Loaded | None = None
        self.canary: Loaded | None = None
        self.states: dict[str, dict[int, str] | str] = {}
        self.trouble: dict[int, str] = {}

    @property
    def recall_ready(self) -> bool:
        """Whether recall has a version that answers."""
        return _AVAILABLE in _values(self.states.get(release.RECALL))

    @property
    def rank_ready(self) -> bool:
        return _AVAILABLE in _values(self.states.get(release.RANK))

    async def start(self) -> None:
        """Loads the folder's release in force, so that popular items exist while recall is down."""
        number = release.current_if_readable(self._folder)
        if number is not None:
            self.current = await self.get(number)
        await self.look()

    async def look(self) -> None:
        """Asks for the versions that are served, and loads their catalogues."""
        names = list(self._models)
        for name, state in zip(names, await asyncio.gather(*map(self._state, names))):
            if state != self.states.get(name):
                _log.info("model %s: %s", name, state)
            self.states[name] = state
        recall = self.states[release.RECALL]
        if isinstance(recall, str):
            return
        available = sorted(version for version, state in recall.items() if state == _AVAILABLE)
        loaded = [found for version in available if (found := await self.get(version, again=True))]
        if loaded:
            self._served = loaded[::-1]
            self.current = await self._pointed(self._label, logging.WARNING) or loaded[-1]
        canary = await self._pointed(self._canary_label, logging.DEBUG)
        if canary is not self.canary:
            _log.info("canary: %s", "none" if canary is None else f"release {canary.id}")
        self.canary = canary

    async def _pointed(self, label: str, level: int) -> Loaded | None:
        """The release that a label points to; None without one, which is logged."""
        if not label:
            return None
        try:
            number = await self._models[release.RECALL].labelled(label, _STATUS_SECONDS)
        except models.ModelError as error:
            _log.log(level, "label %s of recall: %s", label, error)
            return None
        return await self.get(number, again=True)

    def other(self, than: Loaded) -> Loaded | None:
        """Another release that may answer, whose requests are others than this one's.

        There may be one while releases replace each other: the one that answers by now, else the
        newest that recall serves.
        """
        data = than.catalogue.about.data
        found = [*([] if self.current is None else [self.current]), *self._served]
        return next((each for each in found if each.catalogue.about.data != data), None)

    async def watch(self, seconds: float) -> None:
        """Looks again and again."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - it is logged, and the next look may succeed
                _log.exception("looking for releases failed; the last ones stay")

    async def get(self, number: int, again: bool = False) -> Loaded | None:
        """A release by its id; None if its catalogue cannot be read, which `trouble` says.

        Args:
          number: its id.
          again: whether one that could not be read is tried once more.
        """
        found = self._loaded.get(number)
        if found is None and (again or number not in self.trouble):
            async with self._lock:
                if number not in self._loaded:
                    await self._load(number)
                found = self._loaded.get(number)
        return found

    async def _load(self, number: int) -> None:
        folder = self._folder / release.RECALL / str(number)
        try:
            items = await asyncio.to_thread(catalogue_lib.Catalogue.read, folder)
        except catalogue_lib.CatalogueError as error:
            if self.trouble.get(number) != str(error):
                _log.error("release %d: %s", number, error)
            self.trouble[number] = str(error)
            return
        self.trouble.pop(number, None)
        self._loaded[number] = Loaded(
            number, items, columns_lib.Columns(items.about), self._manifest(number)
        )
        gc.freeze()  # else each full collection walks through the catalogue while requests wait
        _log.info("release %d: catalogue of %d items", number, len(items.ids))
        for old in sorted(self._loaded)[:-_KEPT]:
            if self.current is None or old != self.current.id:
                del self._loaded[old]

    def _manifest(self, number: int) -> dict[str, Any]:
        """For show only; the Pusher and the model server have checked it."""
        path = self._folder / release.MANIFESTS / f"{number}.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    async def _state(self, name: str) -> dict[int, str] | str:
        try:
            return await self._models[name].states(_STATUS_SECONDS)
        except models.ModelError as error:
            return str(error)


def _values(states: dict[int, str] | str | None) -> tuple[str, ...]:
    return tuple(states.values()) if isinstance(states, dict) else ()
