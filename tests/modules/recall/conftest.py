"""The tiny data set of tests/transformed.py."""

from __future__ import annotations

import pytest

from tests import transformed as transformed_lib


@pytest.fixture(scope="session")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> transformed_lib.Transformed:
    """The data set, transformed."""
    return transformed_lib.made(tmp_path_factory.getbasetemp())
