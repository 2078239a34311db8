"""ReleasePusher: all that is blessed is pushed together, with a manifest; otherwise nothing."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import pytest
from tfx import types
from tfx.types import channel, standard_artifacts

from modules import catalogue, lineage, release, strict
from pipeline.components import release_pusher, serving_catalogue
from tests import small_release

PROPERTIES = {"name": "shop", "config_digest": "c0ffee", "source_digest": "50da"}


class World:
    """The artifacts of a run, and a serving folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.serving = folder, folder / "serving"
        self._made = 0

    def artifact(self, kind: type[types.Artifact]) -> types.Artifact:
        self._made += 1
        made = kind()
        made.id, made.uri = self._made, str(self.folder / f"{kind.__name__}{self._made}")
        return made

    def model(
        self, content: str, made_of: lineage.Lineage = small_release.LINEAGE
    ) -> types.Artifact:
        made = self.artifact(standard_artifacts.Model)
        small_release.model(pathlib.Path(made.uri) / "Format-Serving", content, made_of)
        return made

    def blessing(self, blessed: bool = True) -> types.Artifact:
        made = self.artifact(standard_artifacts.ModelBlessing)
        made.set_int_custom_property("blessed", int(blessed))
        return made

    def evaluation(self, file_name: str, metrics: dict[str, Any]) -> types.Artifact:
        made = self.artifact(standard_artifacts.ModelEvaluation)
        pathlib.Path(made.uri).mkdir()
        splits = {"valid": {"metrics": metrics}, "test": {"users": 0, "metrics": {}}}
        (pathlib.Path(made.uri) / file_name).write_text(json.dumps({"splits": splits}))
        return made

    def catalogue(self) -> types.Artifact:
        made = self.artifact(serving_catalogue.ServingCatalogueArtifact)
        catalogue.write(pathlib.Path(made.uri), small_release.ABOUT, small_release.ITEMS)
        return made

    def push(self, **inputs: types.Artifact) -> types.Artifact:
        inputs["catalogue"] = self.catalogue()
        pushed = self.artifact(standard_artifacts.PushedModel)
        release_pusher.Executor().Do(
            {key: [artifact] for key, artifact in inputs.items()},
            {"pushed_model": [pushed]},
            {**PROPERTIES, "folder": str(self.serving)},
        )
        return pushed


@pytest.fixture
def world(tmp_path: pathlib.Path) -> World:
    return World(tmp_path)


def test_both_models_are_one_release(world: World) -> None:
    recall, rank = world.model("recall"), world.model("rank")
    pushed = world.push(
        recall_model=recall,
        rank_model=rank,
        recall_blessing=world.blessing(),
        two_stage_blessing=world.blessing(),
        recall_evaluation=world.evaluation(
            "evaluation.json", {"recall": {"NDCG@10": {"value": 0.1, "se": 0.01}}, "popularity": {}}
        ),
        two_stage_evaluation=world.evaluation(
            "two_stage.json", {"two_stage": {"NDCG@10": {"value": 0.2, "se": None}}, "recall": {}}
        ),
    )
    found = release.in_force(world.serving)
    assert found.rank is not None and (found.rank / "saved_model.pb").read_text() == "graph of rank"
    manifest = found.manifest
    assert manifest is not None
    assert manifest.metrics["valid"] == {
        "recall": {"NDCG@10": release.Estimate(0.1, 0.01)},
        "two_stage": {"NDCG@10": release.Estimate(0.2, None)},
    }
    assert manifest.metrics["test"] == {"recall": {}, "two_stage": {}}
    assert manifest.artifacts["rank_model"] == release.Made(rank.uri, rank.id)
    assert set(manifest.artifacts) == {
        "recall_model",
        "rank_model",
        "recall_blessing",
        "two_stage_blessing",
        "recall_evaluation",
        "two_stage_evaluation",
        "catalogue",
    }
    items = catalogue.Catalogue.read(found.recall)
    assert (items.ids, items.popular.tolist()) == (("i1", "i2"), [1, 0])
    assert "assets.extra/items.parquet" in manifest.models["recall"]
    assert manifest.versions["tensorflow"].startswith("2.16.")
    assert (manifest.name, manifest.config_digest, manifest.source_digest) == (
        "shop",
        "c0ffee",
        "50da",
    )
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == str(found.id)
    assert pushed.get_string_custom_property("pushed_destination") == str(found.recall)
    archived = json.loads((pathlib.Path(pushed.uri) / "release.json").read_text())
    assert strict.read(release.Manifest, archived) == manifest


def test_recall_alone(world: World) -> None:
    world.push(recall_model=world.model("recall"), recall_blessing=world.blessing())
    found = release.in_force(world.serving)
    assert (
        found.rank is None
        and found.manifest is not None
        and set(found.manifest.models) == {"recall"}
    )


@pytest.mark.parametrize("refused", ["recall_blessing", "two_stage_blessing"])
def test_without_every_blessing_nothing_is_pushed(world: World, refused: str) -> None:
    pushed = world.push(
        recall_model=world.model("recall"),
        rank_model=world.model("rank"),
        **{
            key: world.blessing(key != refused) for key in ("recall_blessing", "two_stage_blessing")
        },
    )
    assert pushed.get_int_custom_property("pushed") == 0 and not world.serving.exists()


def test_a_rank_model_of_another_recall_model_stops_the_push(world: World) -> None:
    other = dataclasses.replace(small_release.LINEAGE, recall="recall2")
    first = world.push(recall_model=world.model("recall"), recall_blessing=world.blessing())
    with pytest.raises(release.ReleaseError, match="recall recall2 instead of recall1"):
        world.push(
            recall_model=world.model("new"),
            rank_model=world.model("rank", other),
            recall_blessing=world.blessing(),
            two_stage_blessing=world.blessing(),
        )
    assert str(release.in_force(world.serving).id) == first.get_string_custom_property(
        "pushed_version"
    )


def _channels(**kinds: type[types.Artifact]) -> dict[str, channel.Channel]:
    return {key: channel.Channel(type=kind) for key, kind in kinds.items()}


def test_a_rank_model_needs_the_blessing_of_two_stages() -> None:
    needed = _channels(
        recall_model=standard_artifacts.Model,
        recall_blessing=standard_artifacts.ModelBlessing,
        catalogue=serving_catalogue.ServingCatalogueArtifact,
    )
    assert set(release_pusher.ReleasePusher(**needed, **PROPERTIES, folder="f").inputs) == set(
        needed
    )
    with pytest.raises(ValueError, match="takes rank_model and two_stage_blessing together"):
        release_pusher.ReleasePusher(
            **needed, **_channels(rank_model=standard_artifacts.Model), **PROPERTIES, folder="f"
        )
