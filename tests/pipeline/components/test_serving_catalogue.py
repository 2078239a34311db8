"""ServingCatalogue on what ExampleGen's transforms make of tables, with values counted by hand."""

from __future__ import annotations

import json
import pathlib

import pytest
from tfx.types import standard_artifacts

from modules import catalogue, strict
from pipeline.components import serving_catalogue
from tests import examples, tables, transform_graph

# The last two events of each user are held out, so u1 has no training event left and u3's windows
# overlap.
EVENTS = tables.EVENTS + "".join(
    f"u3\t{item}\t3\t{100 * n}\n" for n, item in enumerate("abcabcabca", start=1)
)
USERS = tables.USERS + "u3\t30\tF\n"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> catalogue.Catalogue:
    folder = tmp_path_factory.mktemp("shop")
    data = tables.write(folder, events=EVENTS, users=USERS)
    made = tables.make(folder, data, max_history=3)
    del made["summary"]
    examples.write(folder, made)
    raw, graph, target = (
        standard_artifacts.Examples(),
        standard_artifacts.TransformGraph(),
        serving_catalogue.ServingCatalogueArtifact(),
    )
    raw.uri, target.uri = str(folder), str(folder / "target")
    raw.split_names = json.dumps(["train", "catalogue"])
    graph.uri = transform_graph.write(folder, data, [*made["train"], *made["catalogue"]])
    sections = {
        "name": "shop",
        "data": strict.to_plain(data),
        "max_history": 3,
        "timezone": "Europe/Berlin",
        "k": 5,
        "max_exclusions": 9,
        "repeat_history": 30,
        "repeat_items": 8,
    }
    serving_catalogue.Executor().Do(
        {"examples": [raw], "transform_graph": [graph]},
        {"catalogue": [target]},
        {"config": json.dumps(sections), "source_digest": ""},
    )
    recall = folder / "recall"
    recall.mkdir()
    pathlib.Path(target.uri).rename(recall / catalogue.FOLDER)
    return catalogue.Catalogue.read(recall)


def test_items_have_what_the_table_says_and_defaults(found):
    assert (found.ids, found.titles) == (("a", "b", "c"), ("Apple", "Bread", "Cheese"))
    assert found.features == {
        "price": [1.5, 2.0, 3.0],
        "tags": [["red", "round"], [], ["round"]],
        "image": [[0.0, 1.0], [0.25, 0.25], [1.0, 0.5]],
    }


def test_every_training_event_counts_once(found):
    """u1 trains on a; u2 on b, c; u3 on abcabcab, in windows that overlap."""
    assert found.popularity.tolist() == [1 + 3, 1 + 3, 1 + 2]
    assert found.popular.tolist() == [0, 1, 2]


def test_what_a_request_depends_on(found):
    about = found.about
    assert (about.name, about.max_history, about.timezone, about.k, about.max_exclusions) == (
        "shop",
        3,
        "Europe/Berlin",
        5,
        9,
    )
    assert about.data.users.columns["age"].default == 40
    assert set(about.choices) == {"user_gender"}
    assert set(about.choices["user_gender"]) >= {"F"}
