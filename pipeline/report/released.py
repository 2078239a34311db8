"""Section: the release that the run made, what it is made of, and whether it is in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules import release
from pipeline.report import blocks
from pipeline.report import sources
from pipeline.report import text

MANIFEST = "release.json"  # in the pusher's artifact
_MODELS = {release.RECALL: "recall", release.RANK: "rank"}

Manifest = Mapping[str, Any]  # release.Manifest as JSON


def body(source: sources.Source) -> Iterator[blocks.Block]:
    pushed = by(source)
    current = release.current_if_readable(source.run.serving)
    if pushed is None:
        yield blocks.Text("No model was pushed by this run.")
        yield blocks.Text(
            f"In force: release {current}, of an earlier run." if current else "No release is in force."
        )
        return
    manifest = read(source)
    if manifest is None:
        yield blocks.Text(f"Model: {pushed}")
        return
    yield from describe(manifest, current)


def by(source: sources.Artifacts) -> str | None:
    """The folder of the recall model that this run pushed, or None where nothing was pushed."""
    artifact = source.pipeline_run.output(sources.PUSHER, "pushed_model")
    if artifact is None or not artifact.properties.get("pushed"):
        return None
    return str(artifact.properties["pushed_destination"])


def read(source: sources.Artifacts) -> Manifest | None:
    """The manifest; None of a model that an earlier version of this project pushed, without one."""
    try:
        return source.json(sources.PUSHER, "pushed_model", MANIFEST)
    except sources.NotMade:
        return None


def line(source: sources.Artifacts) -> str | None:
    """`Release 893286900: recall and rank, in force`; None where nothing was pushed."""
    pushed = by(source)
    if pushed is None:
        return None
    manifest = read(source)
    if manifest is None:
        return f"Model {pushed}"
    state = _state(manifest, release.current_if_readable(source.run.serving))
    return f"Release {manifest['release']}: {_contents(manifest)}, {state}"


def describe(manifest: Manifest, current: int | None) -> Iterator[blocks.Block]:
    """What a manifest says.

    Args:
      manifest: of the release.
      current: id of the release in force.
    """
    yield blocks.Facts(
        (
            ("release", str(manifest["release"])),
            ("holds", _contents(manifest)),
            ("state", _state(manifest, current)),
            ("made", manifest["created"]),
        )
    )
    yield blocks.Grid((_models(manifest), _digests(manifest)), least=27)
    yield blocks.Folded(
        "Packages and artifacts that went into it", (_packages(manifest), _artifacts(manifest))
    )


def _contents(manifest: Manifest) -> str:
    return " and ".join(label for name, label in _MODELS.items() if name in manifest["models"])


def _state(manifest: Manifest, current: int | None) -> str:
    if current == manifest["release"]:
        return "in force"
    return f"not in force, {current} is" if current else "not in force"


def _models(manifest: Manifest) -> blocks.Table:
    rows = []
    for name, files in manifest["models"].items():
        graph = files.get("saved_model.pb", {}).get("sha256", "")
        size = text.size(sum(file["size"] for file in files.values()))
        rows.append((_MODELS.get(name, name), str(len(files)), size, blocks.Cell(graph[:16], "quiet")))
    return blocks.Table(
        "Models; a load checks all files against the manifest",
        ("model", "files#", "size#", "graph, SHA-256"),
        tuple(rows),
    )


def _digests(manifest: Manifest) -> blocks.Table:
    """What the models of a release must share, and what they were made from."""
    found = {
        **{f"{name}, shared by the models": digest for name, digest in manifest["lineage"].items()},
        "configuration": manifest["config_digest"],
        "code": manifest["source_digest"][:16],
    }
    return blocks.Table("Digests", ("of", "SHA-256, shortened"), tuple(found.items()))


def _packages(manifest: Manifest) -> blocks.Table:
    return blocks.Table("Packages that made it", ("package", "version"), tuple(manifest["versions"].items()))


def _artifacts(manifest: Manifest) -> blocks.Table:
    rows = tuple(
        (key.replace("_", " "), str(made["id"]), made["uri"]) for key, made in manifest["artifacts"].items()
    )
    return blocks.Table("Artifacts of the pipeline", ("what", "id#", "place"), rows)
