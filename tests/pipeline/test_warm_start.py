"""Which models a warm start goes on from; what it finds in a real run is tested end to end."""

from __future__ import annotations

import pathlib

import pytest

from pipeline import configuration, dag, runs, warm_start
from pipeline.report import metadata
from tests.e2e import small_shop


@pytest.fixture
def shop(tmp_path: pathlib.Path) -> pathlib.Path:
    return small_shop.write(tmp_path / "shop")


def test_without_a_release_there_is_nothing_to_go_on_from(
    shop: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    cfg = configuration.load(str(shop), [])
    with pytest.raises(warm_start.NoBase, match=r"^--warm-start: .* Run `recsys run` without it"):
        warm_start.bases(cfg, runs.Run(tmp_path, cfg.name))


def test_each_trainer_has_its_own_base(shop: pathlib.Path, tmp_path: pathlib.Path) -> None:
    cfg = configuration.load(str(shop), [])
    run = runs.Run(tmp_path, cfg.name)
    trainers = ("Trainer", warm_start.hold_out(0), dag.RANK_TRAINER_ID)
    bases = {name: f"/models/{name}" for name in trainers}
    warm = {c.id: c for c in dag.create(cfg, run, bases=bases).components}
    cold = {c.id: c for c in dag.create(cfg, run).components}
    assert set(warm) - set(cold) == {f"{name}Base" for name in trainers}
    for name in trainers:
        (channel,) = warm[f"{name}Base"].outputs.values()
        assert warm[f"{name}Base"].exec_properties["artifact_uri"] == f"/models/{name}"
        assert warm[name].inputs["base_model"] is channel
        assert "base_model" not in cold[name].inputs


def test_no_database_has_no_executions(tmp_path: pathlib.Path) -> None:
    assert list(metadata.upstream(tmp_path / "metadata.sqlite", [1])) == []
