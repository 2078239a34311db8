"""What is counted, under TensorFlow Serving's names where it counts the same, for Prometheus."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterable

import prometheus_client
from prometheus_client import core, registry

from serving.model_server import errors

PATH = "/monitoring/prometheus/metrics"
_BUCKETS = tuple(10 * 1.8**power for power in range(33))  # microseconds, 10 us to 25 minutes


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        # TensorFlow Serving has no `_created` series
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = prometheus_client.CollectorRegistry()
        self._requests = _Counts(
            ":tensorflow:serving:request_count",
            "The total number of requests.",
            ("model_name", "status"),
        )
        self._loads = _Counts(
            ":tensorflow:cc:saved_model:load_attempt_count",
            "The number of times a SavedModel was tried to load.",
            ("model_path", "status"),
        )
        self._load_time = _Counts(
            ":tensorflow:cc:saved_model:load_latency",
            "Microseconds that loading took.",
            ("model_path",),
        )
        self._latency = self._histogram(
            ":tensorflow:serving:request_latency",
            "Distribution of wall time (in microseconds) for TensorFlow Serving request.",
            ("model_name", "API", "entrypoint"),
        )
        self._runtime = self._histogram(
            ":tensorflow:serving:runtime_latency",
            "Distribution of wall time (in microseconds) for TensorFlow runtime.",
            ("model_name", "API", "runtime"),
        )
        self._logged = _Counts(
            ":recsys:serving:request_log_count",
            "The number of sampled requests, by what became of them.",
            ("model_name", "status"),
        )
        for counts in (self._requests, self._loads, self._load_time, self._logged):
            self._registry.register(counts)

    def requested(self, model: str, entrypoint: str, code: str, seconds: float) -> None:
        """Counts an answered Predict; `entrypoint` is GRPC or REST."""
        self._requests.add((model, code), 1)
        self._latency.labels(model, "Predict", entrypoint).observe(seconds * 1e6)

    def ran(self, model: str, seconds: float) -> None:
        """Counts a run of a model's graph."""
        self._runtime.labels(model, "Predict", "TF1").observe(seconds * 1e6)

    def loaded(self, path: str, error: errors.ServingError | None, seconds: float) -> None:
        """Counts an attempt to load a version."""
        self._loads.add((path, "success" if error is None else "fail"), 1)
        if error is None:
            self._load_time.add((path,), seconds * 1e6)

    def logged(self, model: str, status: str) -> None:
        """Counts a sampled request: written, dropped or failed, see request_log.py."""
        self._logged.add((model, status), 1)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return prometheus_client.generate_latest(self._registry)

    def _histogram(
        self, name: str, help_text: str, labels: tuple[str, ...]
    ) -> prometheus_client.Histogram:
        return prometheus_client.Histogram(
            name, help_text, labels, buckets=_BUCKETS, registry=self._registry
        )


class _Counts(registry.Collector):
    """A counter whose name is shown as it is: prometheus_client's own end in `_total`."""

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...]) -> None:
        self._name, self._help, self._labels = name, help_text, labels
        self._values: collections.Counter[tuple[str, ...]] = collections.Counter()
        self._lock = threading.Lock()

    def add(self, labels: tuple[str, ...], value: float) -> None:
        with self._lock:
            self._values[labels] += value  # type: ignore[assignment]

    def collect(self) -> Iterable[core.Metric]:
        family = core.UnknownMetricFamily(self._name, self._help, labels=self._labels)
        with self._lock:
            for labels, value in sorted(self._values.items()):
                family.add_metric(labels, value)
        return [family]
