"""Models for tests of releases: folders with the files of a SavedModel, which nobody loads."""

from __future__ import annotations

import pathlib
from typing import Any

from modules import catalogue, data_config, lineage, release
from pipeline import release_writer

LINEAGE = lineage.Lineage(transform="transform1", catalogue="catalogue1", recall="recall1")


def model(folder: pathlib.Path, content: str, made_of: lineage.Lineage = LINEAGE) -> str:
    """Writes a folder that looks like a SavedModel and returns its path."""
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(f"graph of {content}")
    (folder / "variables" / "variables.data-00000-of-00001").write_text(f"values of {content}")
    lineage.write(str(folder), made_of)
    return str(folder)


def pair(folder: pathlib.Path, content: str = "a") -> dict[str, str]:
    """A recall model and a rank model that belong together."""
    return {
        name: model(folder / name, f"{name} {content}") for name in (release.RECALL, release.RANK)
    }


def facts(value: float = 0.1) -> release_writer.Facts:
    """Of a release whose NDCG@10 are `value` (recall, valid), and 0.1, 0.2 and 0.3 more."""
    metrics = {
        split: {
            system: {"NDCG@10": release.Estimate(value + plus + more, 0.01)}
            for system, more in (("recall", 0.0), ("two_stage", 0.2))
        }
        for split, plus in (("valid", 0.0), ("test", 0.1))
    }
    return release_writer.Facts(
        name="shop",
        versions={"tensorflow": "2.16.2"},
        metrics=metrics,
        artifacts={"recall_model": release.Made("/artifacts/recall/1", 1)},
        config_digest="c0ffee",
        source_digest="50da",
    )


ABOUT = catalogue.About(
    name="shop",
    max_history=20,
    timezone="UTC",
    k=5,
    max_exclusions=10,
    repeat_history=1000,
    repeat_items=256,
    choices={"user_gender": ("F", "M")},
    data=data_config.Data(
        events=data_config.Table(
            path="events",
            columns={
                name: data_config.Column(role=name) for name in ("user_id", "item_id", "timestamp")
            },
        ),
        users=data_config.Table(
            path="users",
            columns={
                "user_id": data_config.Column(role="user_id"),
                "gender": data_config.Column(kind="categorical"),
            },
        ),
        items=data_config.Table(
            path="items",
            columns={
                "item_id": data_config.Column(role="item_id"),
                "title": data_config.Column(role="title"),
                "price": data_config.Column(kind="numeric"),
                "tags": data_config.Column(kind="multi_categorical"),
            },
        ),
    ),
)
ITEMS = (
    catalogue.Item("i1", "Tea", 3, {"price": 2.5, "tags": ["green", "loose"]}),
    catalogue.Item("i2", "", 7, {"price": None, "tags": []}),
)


def push(
    serving: pathlib.Path,
    models: dict[str, str],
    facts: release_writer.Facts,
    *,
    about: catalogue.About = ABOUT,
    **options: Any,
) -> release.Manifest:
    """Pushes with the small catalogue."""
    serving.mkdir(parents=True, exist_ok=True)
    folder = serving.parent / "small-catalogue"
    catalogue.write(folder, about, ITEMS)
    return release_writer.push(serving, models, facts, catalogue=str(folder), **options)
