"""Lineage: which changes a digest sees, and what is said about models that have none."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from modules import lineage


@pytest.fixture
def graph(tmp_path):
    """A folder with files like those of a transform graph."""
    folder = tmp_path / "graph"
    (folder / "transform_fn").mkdir(parents=True)
    (folder / "transform_fn" / "saved_model.pb").write_text("graph")
    (folder / "schema").write_text("schema")
    return folder


def describe(graph, ids=(b"a", b"b"), training="trained"):
    return lineage.describe(str(graph), ids, training)


def test_digests_are_those_of_the_contents(graph):
    def sha(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    files = f"schema {sha('schema')}\ntransform_fn/saved_model.pb {sha('graph')}\n"
    assert describe(graph) == lineage.Lineage(
        transform=sha(files)[:16], catalogue=sha("a\nb\n")[:16], recall=sha("trained")[:16]
    )


def test_a_moved_graph_keeps_its_digest(graph):
    before = describe(graph)
    assert describe(graph.rename(graph.with_name("moved"))) == before


def changed(before: lineage.Lineage, after: lineage.Lineage) -> set[str]:
    return {
        f.name
        for f in dataclasses.fields(before)
        if getattr(before, f.name) != getattr(after, f.name)
    }


def test_each_change_shows_in_its_own_digest(graph):
    before = describe(graph)
    assert changed(before, describe(graph, ids=(b"b", b"a"))) == {"catalogue"}
    assert changed(before, describe(graph, ids=(b"ab",))) == {"catalogue"}
    assert changed(before, describe(graph, training="other")) == {"recall"}
    (graph / "schema").write_text("schemb")
    assert changed(before, describe(graph)) == {"transform"}


# ram: TensorFlow's own
@pytest.mark.parametrize("folder", ["{tmp_path}/model", "ram://lineage/model"])
def test_what_was_written_is_read(folder, tmp_path):
    made_of = lineage.Lineage(transform="t", catalogue="c", recall="r")
    path = folder.format(tmp_path=tmp_path)
    lineage.write(path, made_of)
    assert lineage.read(path) == made_of


def test_a_url_without_lineage_is_refused():
    with pytest.raises(lineage.LineageError, match=r"ram://nothing/.*: is missing"):
        lineage.read("ram://nothing")


def test_a_model_without_lineage_is_refused(tmp_path):
    with pytest.raises(lineage.LineageError, match=r"lineage\.json: is missing.*`recsys run`"):
        lineage.read(str(tmp_path))


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"transform": "t"}', '{"transform": "t", "catalog": "c"}']
)
def test_lineage_that_cannot_be_read_is_refused(tmp_path, content):
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / lineage.FILE).write_text(content)
    with pytest.raises(lineage.LineageError, match=r"lineage\.json: cannot be read.*`recsys run`"):
        lineage.read(str(tmp_path))


def test_only_the_named_digests_have_to_agree():
    ours = lineage.Lineage(transform="t", catalogue="c", recall="r")
    theirs = lineage.Lineage(transform="t", catalogue="d", recall="s")
    lineage.check_same(ours, theirs, "x", ["transform"])
    with pytest.raises(lineage.LineageError, match="model x: its lineage has catalogue d instead"):
        lineage.check_same(ours, theirs, "model x", ["transform", "catalogue"])
