"""Metrics of several systems on the same requests, their errors and paired differences, on Beam."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from numpy import typing as npt

from modules.evaluation import metrics

REPLICATES = 2000  # of the bootstrap
SEED = 0


@dataclasses.dataclass
class _Moments:
    """Sums over users; S is the number of systems, M of metrics, B of replicates."""

    users: int
    requests: float
    targets: int
    request_squares: float
    sums: npt.NDArray[np.float64]  # [S, M]
    squares: npt.NDArray[np.float64]  # [S, M]
    crossed: npt.NDArray[np.float64]  # [S, M]
    drawn: npt.NDArray[np.float64]  # [B], weighted requests
    # [B, S - 1, M], weighted: the first system minus each other
    differences: npt.NDArray[np.float64]

    def add(self, other: _Moments) -> _Moments:
        return _Moments(
            *(getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self))
        )


class Accuracy(beam.CombineFn):
    """From (user id, ranks of each request's targets by system) to means, errors, differences."""

    def __init__(
        self,
        systems: Sequence[str],
        ks: Sequence[int],
        replicates: int = REPLICATES,
        seed: int = SEED,
    ) -> None:
        self._systems, self._ks = tuple(systems), tuple(ks)
        self._replicates, self._seed = (replicates if len(systems) > 1 else 0), seed

    def create_accumulator(self) -> _Moments:
        shape = (len(self._systems), len(metrics.names(self._ks)))
        return _Moments(
            0,
            0.0,
            0,
            0.0,
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(self._replicates),
            np.zeros((self._replicates, shape[0] - 1, shape[1])),
        )

    def add_input(
        self, accumulator: _Moments, element: tuple[bytes, Iterable[Sequence[Sequence[float]]]]
    ) -> _Moments:
        user_id, requests = element
        ranks, targets = metrics.padded(list(requests))  # [n, S, T], [n, 1]
        per_request = metrics.values(ranks, self._ks, targets)  # [n, S, M]
        number, sums = len(per_request), per_request.sum(axis=0)
        accumulator.users += 1
        accumulator.requests += number
        accumulator.targets += int(targets.sum())
        accumulator.request_squares += number**2
        accumulator.sums += sums
        accumulator.squares += sums**2
        accumulator.crossed += sums * number
        if self._replicates:
            weights = metrics.bootstrap_weights(user_id, self._replicates, self._seed)
            accumulator.drawn += weights * number
            accumulator.differences += weights[:, None, None] * (sums[:1] - sums[1:])
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[_Moments]) -> _Moments:
        return functools.reduce(_Moments.add, accumulators, self.create_accumulator())

    def extract_output(self, accumulator: _Moments) -> dict[str, Any]:
        """Gives the metrics of each system, and their paired differences from the first one.

        The result is {"users", "requests", "metrics": {system: {metric: {"value", "se"}}},
        "paired": {system: {metric: {"difference", "low", "high"}}}}; a paired difference is
        the first system minus the named one, with its 95% interval. Where requests have several
        targets, "targets" is their number.
        """
        targets = accumulator.targets
        names = metrics.names(self._ks)
        mean, error = metrics.mean_and_error(
            accumulator.requests,
            accumulator.users,
            accumulator.sums,
            accumulator.squares,
            accumulator.crossed,
            accumulator.request_squares,
        )
        found = {
            "users": accumulator.users,
            "requests": int(accumulator.requests),
            **({"targets": targets} if targets > accumulator.requests else {}),
            "metrics": {
                system: {
                    m: {"value": json_number(mean[s, n]), "se": json_number(error[s, n])}
                    for n, m in enumerate(names)
                }
                for s, system in enumerate(self._systems)
            },
        }
        low, high = (
            metrics.interval(accumulator.differences, accumulator.drawn)
            if self._replicates
            else (np.zeros((0, 0)),) * 2
        )
        return {
            **found,
            "paired": {
                system: {
                    m: {
                        "difference": json_number(mean[0, n] - mean[s + 1, n]),
                        "low": json_number(low[s, n]),
                        "high": json_number(high[s, n]),
                    }
                    for n, m in enumerate(names)
                }
                for s, system in enumerate(self._systems[1:])
            },
        }


def json_number(value: float) -> float | None:
    """A JSON number; None for NaN, which JSON has not."""
    return float(value) if np.isfinite(value) else None
