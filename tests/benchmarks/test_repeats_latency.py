"""The page of the latency where items may come back: medians, and how they compare."""

from __future__ import annotations

import numpy as np

from benchmarks import repeats_latency
from benchmarks.serving import clients


def test_medians_and_their_ratio() -> None:
    both = [repeats_latency.Served(name, [], clients.Http(1), ()) for name in ("exclude", "allow")]
    page = repeats_latency._page(
        both,
        3,
        {
            "exclude": {"total": np.array([9.0, 20.0, 10.0]), "CPU": 8.0},
            "allow": {"total": np.array([10.5, 10.0, 30.0]), "CPU": 10.0},
        },
    )
    lines = page.splitlines()
    assert "| milliseconds | exclude | allow | ratio |" in lines
    assert "| total | 10.00 | 10.50 | 1.050 |" in lines
    assert "| CPU | 8.00 | 10.00 | 1.250 |" in lines
    assert any(line.startswith("3 requests to each gateway") for line in lines)
