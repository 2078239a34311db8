"""A model that is left alone while it does not answer, so that nobody waits for it in vain.

See "Circuit Breaker" in Nygard, Release It!, 2018.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

from serving.gateway import models

_PAUSE_SECONDS = 1.0  # between calls that find out whether it answers again


class Guarded:
    """Another model, which is asked only now and then while it hangs; see `models.Model`.

    It hangs while `most` of its calls have been under way for longer than `seconds`, or once as
    many, one after the other, ended without an answer in time. Calls that had less than `fair`
    seconds say nothing: a client may ask for less time than any model needs.
    """

    def __init__(self, model: models.Model, most: int, seconds: float, fair: float) -> None:
        self.name, self._model = model.name, model
        self._most, self._seconds, self._fair = most, seconds, fair
        self._started: dict[int, float] = {}  # of the calls under way, the oldest first
        self._numbers = itertools.count()
        self._missed = 0
        self._ask_at = 0.0

    async def predict(
        self, inputs: models.Inputs, *, until: float, **options: Any
    ) -> models.Answer:
        now = time.monotonic()
        self._check(now)
        number = next(self._numbers)
        self._started[number] = now
        try:
            answer = await self._model.predict(inputs, until=until, **options)
        except models.ModelError as error:
            if error.reason == "deadline" and until - now >= self._fair:
                self._missed += 1
            raise
        finally:
            del self._started[number]
        self._missed = 0
        return answer

    async def states(self, seconds: float) -> dict[int, str]:
        return await self._model.states(seconds)

    async def labelled(self, label: str, seconds: float) -> int:
        return await self._model.labelled(label, seconds)

    def _check(self, now: float) -> None:
        oldest = itertools.islice(self._started.values(), self._most)
        hanging = sum(now - start > self._seconds for start in oldest)
        if max(hanging, self._missed) < self._most:
            return
        if now < self._ask_at:
            raise models.ModelError(
                "overloaded",
                f"{self.name}: {hanging} calls have waited for more than {self._seconds:g} s, and "
                f"the last {self._missed} had no answer in time",
            )
        self._ask_at = now + _PAUSE_SECONDS
