"""A recommendation: who asks, recall, rank, filter, answer; and what replaces a part that is down.

In this order, and always visible in the answer:

  store down    the request's own history and profile, or none
  unknown user  profile, context and what is popular: the models answer for an empty history
  rank down     recall's order
  recall down   the user's own items where they may come back, then the most popular ones
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy import typing as npt

from modules import features, ordering, release, signatures
from serving.gateway import (
    admission,
    columns,
    errors,
    explain,
    filters,
    lists,
    metrics,
    models,
    releases,
    remarks,
    settings,
    users,
    wire,
)

_RECALL_SHARE = 0.6  # of the time that is left, at most
_STORE_SHARE = 0.3
_LONG_AGO = 365 * 86_400  # seconds


@dataclasses.dataclass
class Trace:
    """What happened to a request.

    Attributes:
      until: its deadline, as time.monotonic() counts.
      milliseconds: by stage.
      degraded: stages that gave no answer, and what took their place.
      notes: for people.
    """

    until: float
    measured: metrics.Metrics
    milliseconds: dict[str, float] = dataclasses.field(default_factory=dict)
    degraded: list[dict[str, str]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.until - time.monotonic())

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures a stage; a repeated one counts with all its attempts."""
        start = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - start
            self.measured.stage_seconds.labels(name).observe(took)
            self.milliseconds[name] = round(self.milliseconds.get(name, 0.0) + 1e3 * took, 3)

    def is_degraded(self, stage: str) -> bool:
        """Whether a stage gave no answer."""
        return any(part["stage"] == stage for part in self.degraded)

    def degrade(self, stage: str, reason: str, fallback: str) -> None:
        """Notes that a stage gave no answer."""
        self.measured.degraded.labels(stage, reason).inc()
        self.degraded.append({"stage": stage, "reason": reason, "fallback": fallback})


class Recommender:
    """Answers recommendations."""

    def __init__(
        self,
        given: settings.Settings,
        known: releases.Releases,
        recall: models.Model,
        rank: models.Model,
        people: users.Users,
        places: admission.Admission,
        measured: metrics.Metrics,
    ) -> None:
        self._settings, self._releases, self._users = given, known, people
        self._recall_model, self._rank_model = recall, rank
        self._admission, self._metrics = places, measured

    async def __call__(self, ask: wire.Recommend, request_id: str) -> dict[str, Any]:
        """The answer, as wire.Recommendation says.

        Raises:
          ApiError: the request is wrong, or there is no place or nothing to recommend from.
        """
        start = time.monotonic()
        seconds = ask.timeout_ms / 1e3 if ask.timeout_ms else self._settings.seconds
        trace = Trace(start + seconds, self._metrics)
        label, loaded = self._chosen(ask.user_id)
        if loaded is None:
            raise errors.ApiError(
                503,
                "no_release",
                "no release is served yet; /readyz says why",
                retry_after=self._settings.poll_seconds,
            )
        checked = self._users.check(ask, loaded.columns)
        wanted = filters.Filters(ask.filters, loaded.columns)
        most = loaded.catalogue.about.k
        if "k" not in ask.model_fields_set:
            ask = ask.model_copy(update={"k": min(ask.k, most)})
        if ask.k > most:
            raise errors.invalid(
                "k", f"found {ask.k}, expected at most {most}, which is index.k of the release"
            )
        waiting = trace.stage("queue")
        async with _timed(waiting, self._admission.slot(trace.left)):
            with trace.stage("store"):
                person = await self._users.find(checked, trace, _STORE_SHARE)
            asked, ranked = await self._stages(label, loaded, person, ask, trace)
        answered = loaded if ranked is None else ranked.loaded or loaded
        answer, notes = lists.of(ask, ranked, answered, asked, wanted)
        trace.notes += notes
        role = "stable" if label == self._settings.label else "canary"
        self._metrics.recommendations.labels(role, "yes" if trace.degraded else "no").inc()
        trace.notes += remarks.of(ask, person.known or trace.is_degraded("store"), asked, answered)
        if loaded.columns.has_times:
            trace.notes += _of_long_ago(asked)
        trace.milliseconds["total"] = round(1e3 * (time.monotonic() - start), 3)
        return {
            "request_id": request_id,
            "user_id": ask.user_id,
            "known_user": person.known,
            "timestamp": asked.timestamp if loaded.columns.has_times else None,
            **answer,
            "degraded": trace.degraded,
            "notes": trace.notes,
            "timings_ms": trace.milliseconds,
        }

    def _chosen(self, user_id: str | None) -> tuple[str, releases.Loaded | None]:
        """The label that answers a user, and its release."""
        canary, given = self._releases.canary, self._settings
        if canary is not None and user_id and _place_of(user_id) < given.canary_share:
            return given.canary_label, canary
        return given.label, self._releases.current

    async def _stages(
        self,
        label: str,
        loaded: releases.Loaded,
        person: users.Person,
        ask: wire.Recommend,
        trace: Trace,
    ) -> tuple[columns.Asked, lists.Ranked | None]:
        """What the models were told, and both stages by models of one release; None without recall.

        While a release is replaced, rank may no longer (or not yet) have the version that recall
        answered with, and the columns may have changed: then all is asked once more. So it is when
        one is rolled back, whose version recall still has beside the one that answers. Where a
        canary fails, the usual release answers.
        """
        for last in (False, True):
            asked = person.asked(ask, loaded.columns)
            inputs = loaded.columns.arrays(asked, full_width=self._settings.embedded is None)
            try:
                with trace.stage("recall"):
                    recalled = await self._recall_model.predict(
                        inputs,
                        until=time.monotonic() + _RECALL_SHARE * trace.left,
                        label=label,
                        outputs=signatures.RECOMMENDED,
                    )
            except models.ModelError as error:
                if label != self._settings.label and not last and self._releases.current:
                    self._metrics.canary_failures.inc()
                    label, loaded = self._settings.label, self._releases.current
                    continue
                if error.reason == "refused" and not last:
                    await self._releases.look()
                    if (other := self._releases.other(loaded)) is not None:
                        loaded = other
                        continue
                fallback = "own_and_popular_items" if asked.own else "popular_items"
                trace.degrade(release.RECALL, error.reason, fallback)
                return asked, None
            found = await self._releases.get(recalled.version)
            ids, scores = _places(recalled)
            del inputs[columns.EXCLUDE_ITEM_ID]
            try:
                return asked, await self._rank(
                    found, recalled.version, ids, scores, inputs, ask, trace
                )
            except models.ModelError as error:
                if error.reason == "not_found" and not last:
                    continue
                trace.degrade(release.RANK, error.reason, "recall_order")
                return asked, lists.unranked(found, recalled.version, ids, scores)
        raise AssertionError

    async def _rank(
        self,
        found: releases.Loaded | None,
        version: int,
        ids: npt.NDArray[np.object_],
        scores: npt.NDArray[np.float32],
        inputs: models.Inputs,
        ask: wire.Recommend,
        trace: Trace,
    ) -> lists.Ranked:
        """Orders recall's K items again, by the rank model of the same release if it has one."""
        if (
            found is not None
            and found.manifest
            and release.RANK not in found.manifest.get("models", {})
        ):
            return lists.unranked(found, version, ids, scores)
        inputs = {
            **inputs,
            features.CANDIDATE_ITEM_ID: ids[np.newaxis],
            features.RECALL_SCORE: scores[np.newaxis],
        }
        with trace.stage("rank"):
            answer = await self._rank_model.predict(inputs, until=trace.until, version=version)
        effects: dict[str, npt.NDArray[np.float32]] = {}
        if ask.explain:
            try:
                with trace.stage("explain"):
                    effects = await explain.effects(self._rank_model, inputs, version, trace.until)
            except models.ModelError as error:
                trace.degrade("explain", error.reason, "without_effects")
        outputs = {name: array[0] for name, array in answer.outputs.items()}
        missing = int(outputs.pop(signatures.MISSING_INPUTS, 0))
        order = ordering.best_first(ids[np.newaxis], outputs[signatures.SCORE][np.newaxis])[0]
        return lists.Ranked(
            found,
            version,
            lists.texts(ids[order]),
            scores[order],
            order + 1,
            {name: array[order] for name, array in outputs.items()},
            missing,
            {group: moved[order] for group, moved in effects.items()},
        )


def _place_of(user_id: str) -> float:
    """Where a user stands among all, 0 to below 1: evenly, by chance, and always the same."""
    digest = hashlib.blake2b(user_id.encode(), digest_size=8, person=b"canary").digest()
    return int.from_bytes(digest, "big") / 2**64


def _of_long_ago(asked: columns.Asked) -> Iterator[str]:
    gap = asked.timestamp - asked.events[-1].timestamp if asked.events else 0
    if gap > _LONG_AGO:
        yield (
            f"the last event lies {gap // 86_400:,} days before the request; for data of the past, "
            "send its time as `timestamp`"
        )


@contextlib.asynccontextmanager
async def _timed(stage: Any, entered: Any) -> Any:
    """Enters `entered`; `stage` measures how long that takes, not what follows."""
    with stage:
        await entered.__aenter__()
    try:
        yield
    finally:
        await entered.__aexit__(None, None, None)


def _places(recalled: models.Answer) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]:
    """The ids (bytes objects [K]) and scores of a recall answer, without empty places."""
    ids, scores = recalled.outputs[signatures.ITEM_ID][0], recalled.outputs[signatures.SCORE][0]
    filled = ids != b""
    return ids[filled], scores[filled]
