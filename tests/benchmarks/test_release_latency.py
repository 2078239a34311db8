"""The page of the latency of two releases: medians, first deciles, and how they compare."""

from __future__ import annotations

from unittest import mock

import numpy as np

from benchmarks import release_latency
from benchmarks.serving import clients, servers


def test_medians_and_their_ratio() -> None:
    server = mock.create_autospec(servers.Server, instance=True)
    both = [
        release_latency.Served(name, [], clients.Http(1), server) for name in ("exclude", "allow")
    ]
    page = release_latency._page(
        both,
        3,
        {
            "exclude": {"total": np.array([9.0, 20.0, 10.0]), "CPU": 8.0},
            "allow": {"total": np.array([10.5, 10.0, 30.0]), "CPU": 10.0},
        },
    )
    lines = page.splitlines()
    assert "| milliseconds | exclude | allow | ratio |" in lines
    assert "| total | 10.00 (9.20) | 10.50 (10.10) | 1.050 |" in lines
    assert "| CPU | 8.00 | 10.00 | 1.250 |" in lines
    assert any(line.startswith("3 requests to each gateway") for line in lines)
