"""The tiny data set of tests/transformed.py, and a recall model of it."""

from __future__ import annotations

import pathlib

import pytest

from tests import transformed as transformed_lib
from tests import untrained_recall


@pytest.fixture(scope="session")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> transformed_lib.Transformed:
    """The data set, transformed."""
    return transformed_lib.made(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Folder of a recall model that was not trained."""
    return untrained_recall.made(tmp_path_factory.getbasetemp())
