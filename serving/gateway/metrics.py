"""What the gateway counts, for Prometheus."""

from __future__ import annotations

import prometheus_client
from prometheus_client import exposition

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.06, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """The metrics of one gateway, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Counter(
            "gateway_requests",
            "Requests by route and status.",
            ("route", "status"),
            registry=registry,
        )
        self.seconds = prometheus_client.Histogram(
            "gateway_request_seconds",
            "Time to answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.stage_seconds = prometheus_client.Histogram(
            "gateway_stage_seconds",
            "Time of a stage of a recommendation.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.degraded = prometheus_client.Counter(
            "gateway_degraded",
            "Recommendations made without a stage.",
            ("stage", "reason"),
            registry=registry,
        )
        self.recommendations = prometheus_client.Counter(
            "gateway_recommendations",
            "Recommendations by who was asked, the stable release or the canary, and whether a "
            "part was missing.",
            ("release", "degraded"),
            registry=registry,
        )
        self.canary_failures = prometheus_client.Counter(
            "gateway_canary_failures",
            "Recommendations for which the canary failed and the stable release answered.",
            registry=registry,
        )
        self.events = prometheus_client.Counter(
            "gateway_events", "Events by outcome.", ("outcome",), registry=registry
        )
        self.in_flight = prometheus_client.Gauge(
            "gateway_recommendations_in_flight",
            "Recommendations that are worked on.",
            registry=registry,
        )
        self.waiting = prometheus_client.Gauge(
            "gateway_recommendations_waiting",
            "Recommendations that wait for a place.",
            registry=registry,
        )
        self.release = prometheus_client.Gauge(
            "gateway_release", "Id of the release whose catalogue is in use.", registry=registry
        )
        prometheus_client.ProcessCollector(registry=registry)

    def text(self) -> tuple[bytes, str]:
        """(the metrics, their content type)."""
        return prometheus_client.generate_latest(self._registry), exposition.CONTENT_TYPE_LATEST
