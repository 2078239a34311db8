"""Section: what was made from what, by which code and with which settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from importlib import metadata as packages

import yaml

from modules import config, strict
from pipeline.report import blocks, metadata, sources, text

DISTRIBUTION = "tfx-two-stage-recommender"
_DIGEST_LENGTH = 12


def body(source: sources.Source) -> list[blocks.Block]:
    """Which executions, artifacts, packages and configuration the results come from."""
    executions = source.pipeline_run.executions
    return [
        blocks.Text(
            f"Pipeline run {source.pipeline_run.name}, started "
            f"{text.moment(source.pipeline_run.started)}, in {source.run.folder}."
        ),
        blocks.Text(
            "Artifacts are named by their ids. A code digest is of the project's own sources that "
            "ran."
        ),
        executions_table(executions),
        artifacts_table(executions),
        blocks.Folded("Versions of the packages", (versions_table(),)),
        blocks.Folded(
            "The configuration in effect, with all defaults",
            (blocks.Code(configuration(source.cfg)),),
        ),
    ]


def executions_table(executions: Sequence[metadata.Execution]) -> blocks.Table:
    """Components with the artifacts they read and made, by id."""
    rows = tuple(
        (
            e.component,
            blocks.Cell(str(e.id), note=f"reused {e.made_by}" if e.state == "cached" else ""),
            e.state,
            _named(e.inputs),
            _named(e.outputs),
            blocks.Cell(digest(e), "quiet"),
        )
        for e in executions
    )
    return blocks.Table(
        "Components: what they read and made",
        ("component", "execution#", "state", "read", "made", "code digest"),
        rows,
    )


def artifacts_table(executions: Sequence[metadata.Execution]) -> blocks.Table:
    """Every artifact of the run once, with its place and what its maker recorded about it."""
    makers = {a.id: e for e in executions for a in e.outputs}
    found = {a.id: a for e in executions for a in (*e.inputs, *e.outputs)}
    rows = tuple(
        (
            str(a.id),
            a.type_name,
            f"{makers[a.id].component}" if a.id in makers else "an earlier run",
            blocks.Cell(a.uri, note=_recorded(a)),
        )
        for _, a in sorted(found.items())
    )
    return blocks.Table(
        "Artifacts: where they are and what is recorded about them",
        ("id#", "type", "made by", "place"),
        rows,
    )


def digest(execution: metadata.Execution) -> str:
    """The digest of the component's own code, shortened; empty for TFX's own components."""
    value = execution.properties.get("source_digest", "")
    custom = execution.properties.get("custom_config")
    if not value and isinstance(custom, str) and custom:
        value = (json.loads(custom) or {}).get("source_digest", "")
    return str(value)[:_DIGEST_LENGTH]


def versions_table() -> blocks.Table:
    """The installed versions of what setup.py asks for."""
    required = packages.requires(DISTRIBUTION) or []
    names = sorted(
        {re.split(r"[^\w.-]", r, maxsplit=1)[0] for r in required if "extra ==" not in r}
    )
    return blocks.Table(
        "Installed where this page was written.",
        ("package", "version"),
        tuple((n, _version(n)) for n in names),
    )


def configuration(cfg: config.Config) -> str:
    """The configuration as YAML that `recsys run --config` would read."""
    return yaml.safe_dump(strict.to_plain(cfg), sort_keys=False, allow_unicode=True, width=100)


def _version(name: str) -> str:
    try:
        return packages.version(name)
    except packages.PackageNotFoundError:
        return "not installed"


def _named(artifacts: Iterable[metadata.Artifact]) -> str:
    return ", ".join(f"{a.key} {a.id}" for a in artifacts)


def _recorded(artifact: metadata.Artifact) -> str:
    """The artifact's own properties, without TFX's bookkeeping."""
    skipped = (
        "name",
        "state",
        "producer_component",
        "pipeline_name",
        "tfx_version",
        "is_external",
        "span",
        "version",
    )
    shown = {k: v for k, v in artifact.properties.items() if k not in skipped and v != ""}
    return ", ".join(f"{k}: {f'{v:.4g}' if isinstance(v, float) else v}" for k, v in shown.items())
