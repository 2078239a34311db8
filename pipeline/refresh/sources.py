"""The artifacts that the release in force was made of."""

from __future__ import annotations

import dataclasses
import pathlib

from modules import release
from pipeline import runs
from pipeline.report import sources as report_sources

HOLD_OUT_TRAINER = "HoldOutTrainer_0"  # with whose vectors the rank model learnt
_MODELS = {"recall_model": report_sources.INDEXER, "rank_model": report_sources.RANK_TRAINER}


class OtherRun(RuntimeError):
    """The artifacts of the release are not those of the newest run. The message says the remedy."""


@dataclasses.dataclass(frozen=True)
class Sources:
    """Folders of the newest run, which made the release.

    Attributes:
      trained: the Trainer's recall model.
      transform_graph: of Transform.
      examples: of ExampleGen, raw.
      statistics: of InteractionStatistics; None in a release of recall alone.
      rank: the rank model; None in a release of recall alone.
      vectors_of: the recall model with whose vectors it was trained.
    """

    trained: pathlib.Path
    transform_graph: pathlib.Path
    examples: pathlib.Path
    statistics: pathlib.Path | None = None
    rank: pathlib.Path | None = None
    vectors_of: pathlib.Path | None = None

    @classmethod
    def of(cls, run: runs.Run, chosen: release.Release) -> Sources:
        """Finds them by ML Metadata.

        Raises:
          OtherRun: another run made the release, or one without a manifest.
          report_sources.NotMade: a component's files are gone.
        """
        found = report_sources.of(run)
        made = chosen.manifest.artifacts if chosen.manifest else {}
        for key, component in _MODELS.items():
            artifact = found.pipeline_run.output(component, "model")
            pushed = made.get(key)
            if (artifact and artifact.id) != (pushed and pushed.id):
                raise OtherRun(
                    f"release {chosen.id} is in force, but was not made by the newest run "
                    f"({key}: {pushed.uri if pushed else 'none'}, in the newest run "
                    f"{artifact.uri if artifact else 'none'}), whose artifacts a new catalogue "
                    "needs. Run `recsys run` with the configuration of the release, or let it make "
                    "a new one."
                )

        def folder(component: str, key: str) -> pathlib.Path:
            path: pathlib.Path = found.artifact(component, key).path
            return path / "Format-Serving" if key == "model" else path

        recall = cls(
            folder(report_sources.TRAINER, "model"),
            folder("Transform", "transform_graph"),
            folder(report_sources.EXAMPLE_GEN, "examples"),
        )
        if chosen.rank is None:
            return recall
        has_own = found.pipeline_run.execution(HOLD_OUT_TRAINER) is not None
        return dataclasses.replace(
            recall,
            statistics=folder(report_sources.INTERACTION_STATISTICS, "statistics"),
            rank=folder(report_sources.RANK_TRAINER, "model"),
            vectors_of=folder(HOLD_OUT_TRAINER if has_own else report_sources.TRAINER, "model"),
        )
