"""`recsys tune` without training: the pipeline that it makes, and what it shows."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from tfx.extensions.google_cloud_ai_platform.tuner import executor as vertex_executor

from modules import strict
from pipeline import run, runs
from pipeline.ablation import plan
from pipeline.tuning import command, space

CONFIG = "movielens-100k"
TRIALS = [
    {"trial_id": "0002", "score": 0.2, "training.learning_rate": 0.004, "model.layers": 1},
    {"trial_id": "0000", "score": 0.1, "training.learning_rate": 0.002, "model.layers": 2},
    {"trial_id": "0001", "score": 0.05, "training.learning_rate": 0.001, "model.layers": 2},
]
SPACE = """
space:
  training.learning_rate: {low: 0.001, high: 0.004, log: true}
  model.layers: {values: [1, 2]}
"""


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "my.yaml"
    path.write_text(SPACE, encoding="utf-8")
    return path


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The pipelines that would have run, which find TRIALS."""
    found: list[Any] = []

    def pretend(cfg: Any, root: pathlib.Path, *, build: Any, **_: Any) -> runs.Run:
        place = runs.Run(root, cfg.name)
        place.folder.mkdir(parents=True, exist_ok=True)
        found.append(build(cfg, place))
        return place

    class Sources:
        def json(self, *_: str) -> Any:
            return TRIALS

    monkeypatch.setattr(run, "run", pretend)
    monkeypatch.setattr(command.sources, "of", lambda _: Sources())
    return found


def _told(pipeline: Any) -> tuple[Any, dict[str, Any]]:
    """(the Tuner, what it is told)."""
    (tuner,) = [c for c in pipeline.components if c.id == command.TUNER]
    return tuner, json.loads(tuner.exec_properties["custom_config"])


def test_a_tuner_stands_behind_the_datas_components(
    file: pathlib.Path,
    tmp_path: pathlib.Path,
    built: list[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    command.main(str(file), CONFIG, (), tmp_path, minutes=5)
    command.main(str(file), CONFIG, ("model.dim=32",), tmp_path, minutes=5)
    command.main(str(file), CONFIG, (), tmp_path, minutes=9)
    ids = [c.id for c in built[0].components]
    assert ids[-1] == "Tuner" and "Transform" in ids and "Trainer" not in ids
    told = [_told(pipeline)[1] for pipeline in built]
    assert told[0]["space"]["space"]["model.layers"]["values"] == [1, 2]
    assert told[0]["config"]["training"]["learning_rate"] == 0.002
    # another configuration is another search, more minutes are the same one
    assert told[0]["folder"] != told[1]["folder"] and told[0]["folder"] == told[2]["folder"]
    printed = capsys.readouterr().out
    assert "3 trials. The best has NDCG@10 0.2000 on validation:" in printed
    assert "The configuration as it is has 0.1000." in printed


def test_what_was_found_is_a_plan_to_compare_and_a_page(
    file: pathlib.Path, tmp_path: pathlib.Path, built: list[Any]
) -> None:
    command.main(str(file), CONFIG, (), tmp_path, minutes=5)
    folder = tmp_path / f"{CONFIG}-tuning"
    reader = plan.read(str(folder / "tuned.yaml"), CONFIG, ())
    assert reader.check() == ["configuration", "tuned"]
    assert reader.load("tuned", {}).training.learning_rate == 0.004
    assert reader.load("tuned", {}).model.layers == 1
    page = (folder / "tuning.html").read_text(encoding="utf-8")
    assert (
        "NDCG@10 by trial: first 0.1000, best 0.2000." in page and "training.learning_rate" in page
    )
    assert built


def test_on_vertex_it_is_tfxs_tuner_of_google_cloud(
    file: pathlib.Path, tmp_path: pathlib.Path, built: list[Any]
) -> None:
    where = space.Vertex("shop", "europe-west4", "images/recsys:1")
    with pytest.raises(strict.ConfigError, match=r"--vertex: .*runner.artifacts: None, expected"):
        command.main(str(file), CONFIG, (), tmp_path, minutes=5, vertex=where)
    bucket = ("runner.artifacts=gs://bucket/tuning",)
    command.main(str(file), CONFIG, bucket, tmp_path, minutes=5, vertex=where)
    tuner, told = _told(built[0])
    assert tuner.EXECUTOR_SPEC.executor_class is vertex_executor.Executor
    job = told[vertex_executor.TUNING_ARGS_KEY]
    assert job["project"] == "shop"
    (pool,) = job["job_spec"]["worker_pool_specs"]
    assert pool["container_spec"] == {"image_uri": "images/recsys:1"}
    assert told["folder"].startswith("gs://bucket/tuning/")
