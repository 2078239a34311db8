"""The parts of a running gateway, put together."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from modules import release
from serving.gateway import (
    admission,
    guard,
    metrics,
    models,
    recommend,
    releases,
    remote_models,
    settings,
    users,
)
from serving.history import store

if TYPE_CHECKING:
    from serving import embedded  # imports TensorFlow

_STORE_SECONDS = 1.0  # to answer a ping, and between attempts to open it
_FAIR_SHARE = 0.3  # of the usual time, in which a model that is well answers
_log = logging.getLogger(__name__)


class Gateway:
    """What routes need.

    Attributes:
      settings: see its module.
      metrics: see its module.
      admission: see its module.
      releases: see its module.
      store: see `serving.history.store`.
      recommend: answers recommendations; made by `running`.
    """

    def __init__(
        self,
        given: settings.Settings,
        history: store.Store,
        engine: embedded.Engine | None = None,
    ) -> None:
        """Puts a gateway together; with an engine, its models are asked, and no others."""
        self.settings, self.store, self._engine = given, history, engine
        self.metrics, self.admission = metrics.Metrics(), admission.Admission(given.limits)
        self.metrics.in_flight.set_function(lambda: self.admission.in_flight)
        self.metrics.waiting.set_function(lambda: self.admission.waiting)
        self.releases: releases.Releases
        self.recommend: recommend.Recommender
        self._store_trouble: str | None = "has not been opened yet"
        self._was_ready = False

    @contextlib.asynccontextmanager
    async def running(self, _: Any = None) -> AsyncIterator[None]:
        """Connects to the models and the store while the block runs; neither has to be there."""
        given = self.settings
        async with _connected(given, self._engine) as connected:
            recall, rank = (
                guard.Guarded(
                    model,
                    given.limits.concurrent,
                    given.limits.place_seconds,
                    _FAIR_SHARE * given.seconds,
                )
                for model in (connected.recall, connected.rank)
            )
            canary = given.canary_label if given.canary_share else ""
            self.releases = releases.Releases(given.releases, recall, rank, given.label, canary)
            self.metrics.release.set_function(lambda: getattr(self.releases.current, "id", 0))
            people = users.Users(self.store)
            self.recommend = recommend.Recommender(
                given,
                self.releases,
                recall,
                rank,
                people,
                self.admission,
                self.metrics,
            )
            opening = asyncio.create_task(self._open_store())
            await self.releases.start()
            tasks = [
                opening,
                asyncio.create_task(self.releases.watch(given.poll_seconds)),
                asyncio.create_task(self._look_after(connected.loading)),
            ]
            # a store that is there is open then
            await asyncio.wait({opening}, timeout=_STORE_SECONDS)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self.store.close()

    async def _look_after(self, loading: asyncio.Future[None]) -> None:
        """Looks for releases as soon as models are loaded."""
        await asyncio.shield(loading)
        await self.releases.look()

    async def _open_store(self) -> None:
        """Until it opens: recommendations go on without histories meanwhile."""
        while self._store_trouble is not None:
            try:
                await self.store.open()
                self._store_trouble = None
            except store.StoreError as error:
                if str(error) != self._store_trouble:
                    _log.error("the store cannot be opened, trying on: %s", error)
                self._store_trouble = str(error)
                await asyncio.sleep(_STORE_SECONDS)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """(whether to send requests here, details).

        Once recall and a catalogue have been there, the gateway stays ready: with recall, rank or
        the store down, it gives lesser answers, and none of the other gateways could give better
        ones.
        """
        current = self.releases.current
        self._was_ready |= current is not None and self.releases.recall_ready
        trouble = self._store_trouble
        if trouble is None:
            try:
                await asyncio.wait_for(self.store.ping(), _STORE_SECONDS)
            except (store.StoreError, asyncio.TimeoutError) as error:
                trouble = str(error) or "does not answer"
        ready = self._was_ready and not self.admission.draining
        return ready, {
            "ready": ready,
            "release": current and current.id,
            "models": self.releases.states,
            "store": trouble or "ok",
            "draining": self.admission.draining,
            "catalogues": {str(n): problem for n, problem in self.releases.trouble.items()},
        }


@dataclasses.dataclass(frozen=True)
class _Models:
    """Both models.

    Attributes:
      loading: is done when those of this process are loaded.
    """

    recall: models.Model
    rank: models.Model
    loading: asyncio.Future[None]


@contextlib.asynccontextmanager
async def _connected(
    given: settings.Settings, engine: embedded.Engine | None
) -> AsyncIterator[_Models]:
    if engine is None:
        budget = remote_models.RetryBudget(given.retry_share)
        async with (
            remote_models.connect(given.recall, given.models_tls) as to_recall,
            remote_models.connect(given.rank, given.models_tls) as to_rank,
        ):
            nothing = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            yield _Models(
                remote_models.RemoteModel(release.RECALL, to_recall, budget),
                remote_models.RemoteModel(release.RANK, to_rank, budget),
                nothing,
            )
        return
    loading = asyncio.ensure_future(asyncio.to_thread(engine.start))
    try:
        yield _Models(engine.model(release.RECALL), engine.model(release.RANK), loading)
    finally:
        await asyncio.wait({loading})
        await asyncio.to_thread(engine.stop)
