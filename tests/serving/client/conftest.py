"""Each test that asks for `kind` runs with the plain and with the asyncio client."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["plain", "asyncio"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param
