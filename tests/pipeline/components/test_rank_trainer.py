"""RankTrainer: from artifacts to artifacts; killed, it goes on."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from modules import features, lineage, saved_rank, strict
from modules.ranking import export, trainer
from pipeline.components import rank_trainer
from pipeline.components import statistics as statistics_component
from tests import transformed as transformed_lib
from tests.modules.ranking import conftest as ranking

MADE_OF = lineage.Lineage("graph", "catalogue", "recall")


class _FakeRecall(tf.Module):
    """A trained recall model, of which only the item vectors are asked."""

    def __init__(self, vectors: dict[bytes, np.ndarray]) -> None:
        super().__init__()
        self._ids, self._vectors = tf.constant(list(vectors)), tf.constant(list(vectors.values()))

    @tf.function(input_signature=[])
    def candidates(self) -> dict[str, tf.Tensor]:
        return {"item_id": tf.identity(self._ids), "vector": tf.identity(self._vectors)}


def _artifact(kind: Any, folder: pathlib.Path, splits: tuple[str, ...] = ()) -> Any:
    artifact = kind()
    artifact.uri = str(folder)
    if splits:
        artifact.split_names = json.dumps(list(splits))
    return artifact


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """All inputs of the component."""
    transformed = transformed_lib.made(tmp_path_factory.getbasetemp())
    ranked = ranking.with_candidates(transformed, tmp_path_factory.mktemp("candidates"))
    folder = tmp_path_factory.mktemp("inputs")
    for name in (statistics_component.FINAL, statistics_component.part_folder(0)):
        ranking.write_statistics(str(folder / "statistics" / name), transformed)
    recall = _FakeRecall(ranking.vectors())
    tf.saved_model.save(
        recall,
        str(folder / "recall" / "Format-Serving"),
        signatures={"candidates": recall.candidates},
    )
    lineage.write(str(ranked.folder), MADE_OF)
    examples = pathlib.Path(transformed.files["catalogue"]).parent.parent
    return {
        rank_trainer.CANDIDATES: [
            _artifact(
                standard_artifacts.Examples,
                ranked.folder,
                (features.SPLIT_TRAIN, features.SPLIT_VALID),
            )
        ],
        rank_trainer.TRANSFORM_GRAPH: [
            _artifact(standard_artifacts.TransformGraph, pathlib.Path(transformed.graph))
        ],
        rank_trainer.TRANSFORMED_EXAMPLES: [
            _artifact(standard_artifacts.Examples, examples, (features.SPLIT_CATALOGUE,))
        ],
        rank_trainer.STATISTICS: [
            _artifact(statistics_component.InteractionStatisticsArtifact, folder / "statistics")
        ],
        rank_trainer.RECALL_MODEL: [_artifact(standard_artifacts.Model, folder / "recall")],
    }


def _outputs(folder: pathlib.Path) -> dict[str, list[Any]]:
    return {
        rank_trainer.MODEL: [_artifact(standard_artifacts.Model, folder / "model")],
        rank_trainer.MODEL_RUN: [_artifact(standard_artifacts.ModelRun, folder / "run")],
    }


def _properties(inputs: dict[str, list[Any]], folder: pathlib.Path) -> dict[str, Any]:
    settings = ranking.settings()
    sections = {name: strict.to_plain(getattr(settings, name)) for name in trainer.SECTIONS}
    return {
        rank_trainer.CONFIG: json.dumps(sections),
        rank_trainer.SOURCE_DIGEST: "digest",
        rank_trainer.CHECKPOINT_ROOT: str(folder / "checkpoints"),
    }


def test_a_killed_component_goes_on_and_leaves_a_model_and_its_history(
    inputs: dict[str, list[Any]], tmp_path: pathlib.Path
) -> None:
    properties = _properties(inputs, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "save", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            rank_trainer.Executor().Do(inputs, _outputs(tmp_path / "killed"), properties)
    (checkpoints,) = (tmp_path / "checkpoints").iterdir()
    first = json.loads((checkpoints / "history.json").read_text())
    rank_trainer.Executor().Do(inputs, _outputs(tmp_path), properties)
    assert list((tmp_path / "checkpoints").iterdir()) == []
    model = str(tmp_path / "model" / "Format-Serving")
    assert lineage.read(model) == MADE_OF
    assert saved_rank.SavedRank(model).groups == tuple(sorted(trainer.model_lib.GROUPS))
    # nothing was learnt twice
    assert json.loads((tmp_path / "run" / "history.json").read_text()) == first
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_another_configuration_starts_afresh(
    inputs: dict[str, list[Any]], tmp_path: pathlib.Path
) -> None:
    given = {key: found[0] for key, found in inputs.items()}
    properties = _properties(inputs, tmp_path)
    first = rank_trainer.checkpoint_name(given, properties)
    assert (
        rank_trainer.checkpoint_name(given, {**properties, rank_trainer.SOURCE_DIGEST: "other"})
        != first
    )
    assert (
        rank_trainer.checkpoint_name(given, {**properties, rank_trainer.CHECKPOINT_ROOT: "x"})
        == first
    )
