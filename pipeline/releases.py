"""`recsys releases` lists the releases, and `recsys rollback` puts one of them in force again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from modules import config, features, release
from pipeline import release_writer, runs, text_table
from pipeline.report import sources

_SYSTEMS = (release.RECALL, "two_stage")
_SPLITS = (features.SPLIT_VALID, features.SPLIT_TEST)
# of a manifest: made by
_ARTIFACTS = {"recall_model": sources.INDEXER, "rank_model": sources.RANK_TRAINER}


@dataclasses.dataclass(frozen=True)
class Row:
    """One release.

    `problem` says why it must not be served, `manifest` is None where it cannot be read.
    """

    id: int
    in_force: bool
    manifest: release.Manifest | None
    problem: str

    def to_json(self) -> dict[str, Any]:
        found = self.manifest
        return {
            "release": self.id,
            "in_force": self.in_force,
            "problem": self.problem,
            "created": found and found.created,
            "digest": found and found.digest,
            "models": sorted(found.models) if found else [],
            "lineage": found and dataclasses.asdict(found.lineage),
            "metrics": {
                split: {
                    system: {name: estimate.value for name, estimate in metrics.items()}
                    for system, metrics in systems.items()
                }
                for split, systems in (found.metrics if found else {}).items()
            },
        }

    def cells(self, metric: str) -> list[str]:
        """As the columns of the table."""
        state = "in force" if self.in_force else ""
        if self.manifest is None:
            return [
                str(self.id),
                "?",
                state,
                *[""] * (len(_SYSTEMS) * len(_SPLITS)),
                "",
                self.problem,
            ]
        values = [
            _value(self.manifest, split, system, metric) for system in _SYSTEMS for split in _SPLITS
        ]
        return [
            str(self.id),
            self.manifest.created,
            state,
            *values,
            self.manifest.digest,
            self.problem,
        ]


def show(cfg: config.Config, root: str | pathlib.Path, *, as_json: bool = False) -> list[Row]:
    """Prints all releases, the newest first."""
    serving = runs.Run(root, cfg.name).serving
    found = rows(serving)
    if as_json:
        print(json.dumps([row.to_json() for row in found], indent=2))
    else:
        print("\n".join(_table(serving, found, cfg.evaluation.primary)))
    return found


def rollback(
    cfg: config.Config, root: str | pathlib.Path, number: int | None = None
) -> release.Release:
    """Puts a release in force, by default the one before, and says what was in force.

    Raises:
      release.ReleaseError, release.NoRelease: nothing has changed.
    """
    before, now = release_writer.switch(runs.Run(root, cfg.name).serving, number)
    if before == now.id:
        print(f"Release {now.id} is in force already.")
    else:
        print(
            f"In force before: {before or 'none'}\nIn force now:    {now.id} "
            f"({'recall and rank' if now.rank else 'recall alone'})"
        )
    return now


def rows(serving: pathlib.Path) -> list[Row]:
    """All releases, the newest first; files are looked for, but their contents are not read."""
    current = release.current_if_readable(serving)
    return [_row(serving, number, number == current) for number in reversed(release.ids(serving))]


def remark(place: runs.Run) -> str:
    """What to say if the release in force is not of the newest run's models; "" if it is.

    Raises:
      sources.NotMade: the newest run made no models.
    """
    made = {key: _uri(place, component) for key, component in _ARTIFACTS.items()}
    current = release.current_if_readable(place.serving)
    own = [
        row.id
        for row in rows(place.serving)
        if row.manifest
        and not row.problem
        and {key: _pushed_uri(row.manifest, key) for key in _ARTIFACTS} == made
    ]
    if current in own:
        return ""
    state = f"release {current} is in force" if current else "no release is in force"
    if own:
        return (
            f"{state}, not that of this run's models, which is {own[0]}. `recsys rollback "
            f"{own[0]}` puts it in force."
        )
    return (
        f"{state}, and this run's models are in no release. `recsys run --no-cache` releases them."
    )


def _row(serving: pathlib.Path, number: int, in_force: bool) -> Row:
    try:
        found = release.manifest(serving, number)
    except release.ReleaseError as error:
        return Row(number, in_force, None, str(error))
    problems = (
        problem
        for name, files in found.models.items()
        for problem in release.differences(serving / name / str(number), files, thorough=False)
    )
    return Row(number, in_force, found, next(problems, ""))


def _table(serving: pathlib.Path, found: Sequence[Row], metric: str) -> Iterator[str]:
    if not found:
        yield (
            f"{serving}: there are no releases yet. "
            "`recsys run` makes one of models that are blessed."
        )
        with contextlib.suppress(release.NoRelease, release.ReleaseError):
            yield (
                "In force until then, pushed without a manifest: "
                f"{release.in_force(serving).recall}"
            )
        return
    short = {"two_stage": "two-stage"}
    head = [
        "release",
        "created",
        "",
        *(f"{short.get(system, system)} {split}" for system in _SYSTEMS for split in _SPLITS),
        "digest",
        "",
    ]
    yield f"{metric} of recall alone and of two stages, on validation and test:"
    yield from text_table.lines(head, [row.cells(metric) for row in found])
    if not any(row.in_force for row in found):
        yield "None of them is in force. `recsys rollback ID` puts one in force."


def _value(manifest: release.Manifest, split: str, system: str, metric: str) -> str:
    estimate = manifest.metrics.get(split, {}).get(system, {}).get(metric)
    return f"{estimate.value:.4f}" if estimate else "-"


def _uri(place: runs.Run, component: str) -> str | None:
    """Where the newest run's model is; None of a component that is not part of it."""
    found = sources.of(place).pipeline_run.output(component, "model")
    return found.uri if found else None


def _pushed_uri(manifest: release.Manifest, key: str) -> str | None:
    return manifest.artifacts[key].uri if key in manifest.artifacts else None
