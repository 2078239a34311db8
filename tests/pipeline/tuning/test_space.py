"""Spaces: what they declare, and what is refused before anything is trained."""

from __future__ import annotations

import argparse
import pathlib

import pytest

from modules import strict
from pipeline import configuration
from pipeline.tuning import space

CONFIG = "movielens-100k"


def _read(folder: pathlib.Path, text: str) -> object:
    file = folder / "my.yaml"
    file.write_text(text, encoding="utf-8")
    return space.read(str(file), CONFIG, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("space: {}", r"my.yaml:1: space: found no key"),
        ("space:\n  index.k: {values: [1, 2]}", r"my.yaml:2?.*space: index.k: is not tuned"),
        ("space:\n  training.seed: {values: [1, 2]}", r"training.seed: is not tuned"),
        ("space:\n  model.dim: {}", r"my.yaml:2: space.model.dim.*either a list of values, or low"),
        ("space:\n  model.dim: {values: [32], low: 1, high: 2}", r"either a list of values, or lo"),
        ("space:\n  model.dropout: {low: 0.3, high: 0.1}", r"low: found 0.3, expected less than"),
        ("space:\n  model.dropout: {low: 0, high: 0.5, log: true}", r"log: needs low above 0"),
        ("space:\n  model.dopout: {low: 0.1, high: 0.5}", r"my.yaml:2: .*Did you mean 'dropout'"),
        ("space:\n  model.dropout: {low: 0.1, high: 1.5}", r"my.yaml:2: .*dropout: found 1.5"),
        ("space:\n  model.dim: {values: [65]}", r"my.yaml:2: .*heads: found 2, expected a divisor"),
        (
            "space:\n  training.learning_rate: {low: 0.1, high: 0.2}",
            r"my.yaml:2: training.learning_rate: the configuration's value, 0.002, lies outside",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: pathlib.Path, text: str, message: str) -> None:
    with pytest.raises(strict.ConfigError, match=message):
        _read(tmp_path, text)


@pytest.mark.parametrize("config", configuration.main_names())
@pytest.mark.parametrize("name", space.names())
def test_the_packaged_spaces_fit(name: str, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMAZON_BEAUTY_DIR", "/data")
    assert space.read(name, config, ()).space


def test_an_unknown_space_is_refused() -> None:
    with pytest.raises(strict.ConfigError, match=r"none: no such space; expected .* recall"):
        space.read("none", CONFIG, ())


def test_where_on_vertex() -> None:
    found = space.vertex("shop/europe-west4/docker.pkg.dev/shop/images/recsys:1")
    assert (found.project, found.region) == ("shop", "europe-west4")
    assert found.image == "docker.pkg.dev/shop/images/recsys:1"
    with pytest.raises(argparse.ArgumentTypeError, match="expected PROJECT/REGION/IMAGE"):
        space.vertex("shop/europe-west4")
