"""The Candidates component: each request goes to the right recall model; bad inputs are refused."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pytest
from tfx.dsl.compiler import compiler
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import channel, standard_artifacts

from modules import features, lineage, ranking_config, strict
from modules.ranking import examples as ranking_examples
from pipeline.components import candidates
from tests import examples, fake_recall, fake_trained, held_out

ITEMS = [f"item{n}" for n in range(12)]
USERS, LENGTH, MAX_HISTORY, K = 12, 9, 4, 3
HOLD_OUTS = {
    "temporal": ranking_config.HoldOut(requests=2, share=0.5),
    "cross_fit": ranking_config.HoldOut(method="cross_fit", requests=2, share=0.5),
    "none": ranking_config.HoldOut(method="none", requests=2, share=0.5),
}
Rows = list[dict[str, Any]]


class World:
    """Examples of users on walks; recall models' scores differ, so that answers tell them apart."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        walks = fake_recall.walks(USERS, len(ITEMS), LENGTH)
        self.histories = {f"user{u}": [ITEMS[n] for n in walk] for u, walk in enumerate(walks)}
        rng = np.random.default_rng(3)
        self.scores = {
            name: rng.permuted(np.tile(np.arange(len(ITEMS), dtype=np.float32), [13, 1]), axis=1)
            for name in ("model", "hold_out_model_0", "hold_out_model_1")
        }
        hold_out = dataclasses.replace(fake_trained.LINEAGE, recall="trained with other settings")
        self.models = {
            name: self.model(name, scores, fake_trained.LINEAGE if name == "model" else hold_out)
            for name, scores in self.scores.items()
        }

    def model(
        self, name: str, scores: np.ndarray, made_of: lineage.Lineage = fake_trained.LINEAGE
    ) -> standard_artifacts.Model:
        artifact = standard_artifacts.Model()
        artifact.uri = str(self.folder / name)
        path = pathlib.Path(artifact.uri) / "Format-Serving"
        fake_recall.save(path, examples.data(), ITEMS, scores, k=K, made_of=made_of)
        return artifact

    def examples(self, hold_out: ranking_config.HoldOut) -> standard_artifacts.Examples:
        splits = {
            **held_out.splits(self.histories, ITEMS, MAX_HISTORY),
            **held_out.rank_splits(self.histories, MAX_HISTORY, hold_out),
        }
        artifact = standard_artifacts.Examples()
        artifact.uri = str(self.folder / f"examples-{hold_out.method}")
        if not pathlib.Path(artifact.uri).exists():
            examples.write(artifact.uri, splits)
        artifact.split_names = json.dumps(list(splits))
        return artifact

    def run(
        self,
        hold_out: ranking_config.HoldOut,
        given: standard_artifacts.Examples | None = None,
        **models: standard_artifacts.Model,
    ) -> dict[str, Rows]:
        """Runs the executor; returns the parsed examples of each split."""
        artifact = standard_artifacts.Examples()
        artifact.uri = str(self.folder / f"candidates-{hold_out.method}")
        sections = {
            "data": strict.to_plain(examples.data()),
            "features": {"max_history": MAX_HISTORY},
            "index": {"k": K},
            "ranking": {"hold_out": strict.to_plain(hold_out)},
        }
        candidates.Executor().Do(
            {"examples": [given or self.examples(hold_out)], **{n: [m] for n, m in models.items()}},
            {"candidates": [artifact]},
            {"config": json.dumps(sections), "source_digest": ""},
        )
        assert json.loads(artifact.split_names) == ["train", "valid", "test"]
        assert lineage.read(artifact.uri) == fake_trained.LINEAGE  # of the final model
        return {
            split: list(ranking_examples.read(f"{artifact.uri}/Split-{split}/*"))
            for split in ("train", "valid", "test")
        }

    def expected(self, row: dict[str, Any], name: str, *, add_missed: bool) -> tuple[Any, ...]:
        """By NumPy, the named model's (items, scores, target's place, whether it was added)."""
        *_, last, target = [item.decode() for item in row["event_item_id"]]
        own = self.scores[name][ITEMS.index(last)]
        seen = {item.decode() for item in row["seen_item_id"]}
        best = [ITEMS[n] for n in np.argsort(-own) if ITEMS[n] not in seen][:K]
        added = add_missed and target not in best and target not in seen
        items = [*best, target] if added else best
        place = items.index(target) if target in items else -1
        return (
            [i.encode() for i in items],
            [own[ITEMS.index(i)] for i in items],
            [place],
            [int(added)],
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("candidates"))


def answered(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        row[name]
        for name in (
            features.CANDIDATE_ITEM_ID,
            features.RECALL_SCORE,
            features.TARGET_PLACE,
            features.POSITIVE_ADDED,
        )
    )


@pytest.mark.parametrize(
    "method, models",
    [
        ("temporal", {0: "hold_out_model_0"}),
        ("none", {0: "model"}),
        ("cross_fit", {0: "hold_out_model_0", 1: "hold_out_model_1"}),
    ],
)
def test_requests_are_put_to_the_model_that_has_not_seen_them(
    world: World, method: str, models: dict[int, str]
) -> None:
    hold_out = HOLD_OUTS[method]
    names = ["model", *(candidates.hold_out_model(part) for part in range(hold_out.parts))]
    found = world.run(hold_out, **{name: world.models[name] for name in names})
    for split in ("valid", "test"):
        assert len(found[split]) == USERS
        for row in found[split]:
            assert answered(row) == world.expected(row, "model", add_missed=False)
            assert row[features.PART] == [features.FINAL_PART]
    assert len(found["train"]) == 2 * USERS
    assert {row[features.PART][0] for row in found["train"]} == set(models)
    for row in found["train"]:
        assert answered(row) == world.expected(row, models[row[features.PART][0]], add_missed=True)
    assert 0 < sum(row[features.POSITIVE_ADDED][0] for row in found["train"]) < 2 * USERS
    asked = {
        part: {row["user_id"][0].decode() for row in found["train"] if row[features.PART] == [part]}
        for part in models
    }
    rows = held_out.rank_splits(world.histories, MAX_HISTORY, hold_out)
    assert asked == {part: {row["user_id"] for row in rows[f"rank_{part}"]} for part in models}


@pytest.mark.parametrize("digest", ["transform", "catalogue"])
def test_a_hold_out_model_of_other_data_is_refused(world: World, digest: str) -> None:
    values = {
        "transform": "transform1",
        "catalogue": "catalogue1",
        "recall": "other settings are fine",
    }
    made_of = lineage.Lineage(**{**values, digest: "other"})
    other = world.model(f"other-{digest}", world.scores["model"], made_of)
    with pytest.raises(
        lineage.LineageError,
        match=f"hold-out recall model 0 was trained on other data than "
        f".*model/.*: its lineage has {digest} other instead of",
    ):
        world.run(HOLD_OUTS["temporal"], model=world.models["model"], hold_out_model_0=other)


@pytest.mark.parametrize(
    "method, names, message",
    [
        ("temporal", ["model"], r"temporal asks for the models \['hold_out_model_0'\], found none"),
        (
            "none",
            ["model", "hold_out_model_0"],
            r"asks for the models none, found \['hold_out_model_0'\]",
        ),
        (
            "cross_fit",
            ["model", "hold_out_model_0"],
            r"'hold_out_model_1'\], found \['hold_out_model_0'\]",
        ),
    ],
)
def test_there_is_a_model_for_each_part(
    world: World, method: str, names: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        world.run(HOLD_OUTS[method], **{name: world.models[name] for name in names})


def test_examples_of_another_hold_out_are_refused(world: World) -> None:
    with pytest.raises(ValueError, match=r"the examples do not have \['rank_1'\]\. Run ExampleGen"):
        world.run(HOLD_OUTS["cross_fit"], world.examples(HOLD_OUTS["temporal"]), **world.models)


@pytest.mark.parametrize("parts", [0, 2])
def test_each_hold_out_model_is_an_input_of_its_own(tmp_path: pathlib.Path, parts: int) -> None:
    models = [channel.Channel(type=standard_artifacts.Model) for _ in range(parts)]
    component = candidates.Candidates(
        examples=channel.Channel(type=standard_artifacts.Examples),
        model=channel.Channel(type=standard_artifacts.Model),
        hold_out_models=models,
        config="{}",
        source_digest="",
    )
    compiled = compiler.Compiler().compile(
        tfx_pipeline.Pipeline("candidates", str(tmp_path), components=[component])
    )
    (node,) = compiled.nodes
    assert set(node.pipeline_node.inputs.inputs) == {
        "examples",
        "model",
        *(f"hold_out_model_{part}" for part in range(parts)),
    }
    assert set(node.pipeline_node.outputs.outputs) == {"candidates"}
