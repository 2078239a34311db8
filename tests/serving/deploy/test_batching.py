"""What the gateway sends can be batched by TensorFlow Serving: one shape for every request."""

from __future__ import annotations

from serving.gateway import columns
from serving.history import store
from tests.serving import small_serving

NOW = 1_700_000_000


def asked(events: int, excluded: int, **profile: object) -> columns.Asked:
    """A request with so many past events and exclusions."""
    past = [
        store.Event(f"e{n}", f"m{n % 10}", NOW - 100 + n, {"rating": 4.0, "device": "web"})
        for n in range(events)
    ]
    return columns.Asked(
        profile=profile,
        events=past,
        context={},
        timestamp=NOW,
        excluded=[f"m{n}" for n in range(excluded)],
    )


def test_all_requests_have_the_same_shapes() -> None:
    found = columns.Columns(small_serving.ABOUT)
    nobody = found.arrays(asked(0, 0))
    shapes = {name: (array.shape, array.dtype) for name, array in nobody.items()}
    most = small_serving.MAX_HISTORY + 1
    assert shapes["event_item_id"][0] == (1, most)
    assert shapes["exclude_item_id"][0] == (1, small_serving.MAX_EXCLUSIONS)
    long = asked(most + 20, small_serving.MAX_EXCLUSIONS + 5, interests=["tea"] * 7)
    for other in (asked(1, 3, age=30.0), long):
        assert {
            name: (array.shape, array.dtype) for name, array in found.arrays(other).items()
        } == shapes
