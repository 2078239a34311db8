"""Section: the release that the run made, what it is made of, and whether it is in force."""

from __future__ import annotations

from collections.abc import Iterator

from modules import release, strict
from pipeline.report import blocks, sources, text

MANIFEST = "release.json"  # in the pusher's artifact
_DIGITS = 16  # shown of a digest
_MODELS = (release.RECALL, release.RANK)


def body(source: sources.Source) -> Iterator[blocks.Block]:
    """Yields what this run released."""
    pushed = by(source)
    current = release.current_if_readable(source.run.serving)
    if pushed is None:
        yield blocks.Text("No model was pushed by this run.")
        yield blocks.Text(
            f"In force: release {current}, of an earlier run."
            if current
            else "No release is in force."
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


def read(source: sources.Artifacts) -> release.Manifest | None:
    """The manifest; None of a model that an earlier version of this project pushed, without one."""
    try:
        return strict.read(release.Manifest, source.json(sources.PUSHER, "pushed_model", MANIFEST))
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
    return f"Release {manifest.release}: {_contents(manifest)}, {state}"


def describe(manifest: release.Manifest, current: int | None) -> Iterator[blocks.Block]:
    """What a manifest says.

    Args:
      manifest: of the release.
      current: id of the release in force.
    """
    yield blocks.Facts(
        (
            ("release", str(manifest.release)),
            ("holds", _contents(manifest)),
            ("state", _state(manifest, current)),
            ("made", manifest.created),
            ("digest of all files", manifest.digest),
        )
    )
    yield blocks.Grid((_models(manifest), _digests(manifest)), least=27)
    yield blocks.Folded(
        "Packages and artifacts that went into it", (_packages(manifest), _artifacts(manifest))
    )


def _contents(manifest: release.Manifest) -> str:
    return " and ".join(name for name in _MODELS if name in manifest.models)


def _state(manifest: release.Manifest, current: int | None) -> str:
    if current == manifest.release:
        return "in force"
    return f"not in force, {current} is" if current else "not in force"


def _models(manifest: release.Manifest) -> blocks.Table:
    rows = []
    for name, files in manifest.models.items():
        size = text.size(sum(file.size for file in files.values()))
        graph = files["saved_model.pb"].sha256[:_DIGITS]
        rows.append((name, str(len(files)), size, blocks.Cell(graph, "quiet")))
    return blocks.Table(
        "Models; a load checks all files against the manifest",
        ("model", "files#", "size#", "graph, SHA-256"),
        tuple(rows),
    )


def _digests(manifest: release.Manifest) -> blocks.Table:
    """What the models of a release must share, and what they were made from."""
    found = {
        **{
            f"{name}, shared by the models": digest
            for name, digest in strict.to_plain(manifest.lineage).items()
        },
        "configuration": manifest.config_digest,
        "code": manifest.source_digest[:_DIGITS],
    }
    return blocks.Table("Digests", ("of", "SHA-256, shortened"), tuple(found.items()))


def _packages(manifest: release.Manifest) -> blocks.Table:
    return blocks.Table(
        "Packages that made it", ("package", "version"), tuple(manifest.versions.items())
    )


def _artifacts(manifest: release.Manifest) -> blocks.Table:
    rows = tuple(
        (key.replace("_", " "), str(made.id), made.uri) for key, made in manifest.artifacts.items()
    )
    return blocks.Table("Artifacts of the pipeline", ("what", "id#", "place"), rows)
