"""Where labels point while the versions of a release come and go."""

from __future__ import annotations

import pathlib

import pytest
from tensorflow_serving.config import model_server_config_pb2

from serving.model_server import lookup
from serving.model_server import version as versions

_OLD = {"recall": {"stable": 1}, "rank": {"stable": 1}}


def _models(**states):
    """Version 1 available and version 2 in the given state, of each model."""
    found = {}
    for name, state in states.items():
        old, new = versions.Version(1, pathlib.Path()), versions.Version(2, pathlib.Path())
        old.state, new.state = versions.AVAILABLE, state
        found[name] = {1: old, 2: new}
    return found


def _wanted(**labels):
    """A configuration with these labels, name=label."""
    config = model_server_config_pb2.ModelConfig
    return [config(name=name, version_labels={label: 2}) for name, label in labels.items()]


@pytest.mark.parametrize(
    "recall, rank, expected",
    [
        (versions.AVAILABLE, versions.LOADING, 1),
        (versions.LOADING, versions.AVAILABLE, 1),
        (versions.AVAILABLE, versions.END, 1),
        (versions.AVAILABLE, versions.AVAILABLE, 2),
    ],
)
def test_a_label_moves_in_all_models_at_once(recall, rank, expected):
    moved = lookup.move(
        _OLD, _wanted(recall="stable", rank="stable"), _models(recall=recall, rank=rank)
    )
    assert moved == {"recall": {"stable": expected}, "rank": {"stable": expected}}


def test_a_label_does_not_wait_for_another():
    models = _models(recall=versions.AVAILABLE, rank=versions.LOADING)
    moved = lookup.move(
        {"recall": {"stable": 1}, "rank": {"canary": 1}},
        _wanted(recall="stable", rank="canary"),
        models,
    )
    assert moved == {"recall": {"stable": 2}, "rank": {"canary": 1}}


def test_a_label_without_an_available_version_points_at_what_is_wanted():
    models = _models(recall=versions.LOADING)
    assert lookup.move({}, _wanted(recall="stable"), models) == {"recall": {"stable": 2}}
    models["recall"][1].state = versions.END
    assert lookup.move(_OLD, _wanted(recall="stable"), models) == {"recall": {"stable": 2}}
