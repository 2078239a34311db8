"""Where the sections get their data from: the newest artifacts of a run."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

from modules import config, features
from pipeline import runs
from pipeline.report import metadata

# Ids of the components, as pipeline/dag.py wires them.
EXAMPLE_GEN, STATISTICS_GEN, VALIDATOR = "InteractionsExampleGen", "StatisticsGen", "DataValidator"
TRAINER, INDEXER, EVALUATOR, PUSHER = "Trainer", "Indexer", "RecallEvaluator", "Pusher"
INTERACTION_STATISTICS, CANDIDATES = "InteractionStatistics", "Candidates"
RANK_TRAINER, TWO_STAGE_EVALUATOR = "RankTrainer", "TwoStageEvaluator"
# What ids of the second stage begin with.
SECOND_STAGE = ("HoldOut", INTERACTION_STATISTICS, CANDIDATES, RANK_TRAINER, TWO_STAGE_EVALUATOR)

_WORDS = {
    "running": "has not finished",
    "failed": "failed",
    "executed": "made nothing like it",
    "cached": "made nothing like it",
}


class NotMade(LookupError):
    """The newest run has no such artifact. The message is a sentence for the report."""


@dataclasses.dataclass(frozen=True)
class Artifacts:
    """A run and what ML Metadata knows about its newest execution."""

    run: runs.Run
    pipeline_run: metadata.PipelineRun

    def artifact(self, component: str, key: str) -> metadata.Artifact:
        """What the component made under that key.

        Raises:
          NotMade: it did not run or failed, or the files are gone.
        """
        found = self.pipeline_run.output(component, key)
        if found is None:
            execution = self.pipeline_run.execution(component)
            words = _WORDS[execution.state] if execution else "has not run"
            raise NotMade(f"{component} {words} in the newest run.")
        if not found.path.exists():
            remedy = self._remedy(found.path)
            raise NotMade(f"{component} made {found.path}, which is no longer there. {remedy}")
        return found

    def _remedy(self, path: pathlib.Path) -> str:
        """What to do about an artifact that is gone."""
        again = "`recsys run` makes it again."
        if self.run.artifacts.exists() or self.run.folder in path.parents:
            return again
        return (
            f"If the run was moved or copied to {self.run.folder}, bring its folder "
            f"{self.run.artifacts.name} along; else {again}"
        )

    def file(self, component: str, key: str, *parts: str) -> pathlib.Path:
        """A file inside the artifact's folder.

        Raises:
          NotMade: as `artifact`, or the folder holds no such file.
        """
        path = self.artifact(component, key).path.joinpath(*parts)
        if not path.is_file():
            raise NotMade(f"{component} made no {'/'.join(parts)} in the newest run.")
        return path

    def json(self, component: str, key: str, *parts: str) -> Any:
        """The content of a JSON file inside the artifact's folder."""
        return json.loads(self.file(component, key, *parts).read_text(encoding="utf-8"))

    def evaluation(self) -> Any:
        """What the Evaluator found: `ks`, `primary`, `splits` and `blessing`."""
        return self.json(EVALUATOR, "evaluation", "evaluation.json")

    def tested(self) -> Any:
        """What the Evaluator found on the test split.

        Raises:
          NotMade: there is no evaluation, or there were no test requests.
        """
        return _tested(self.evaluation())

    @property
    def has_second_stage(self) -> bool:
        """Whether the newest run came to anything of the second stage."""
        return any(e.component.startswith(SECOND_STAGE) for e in self.pipeline_run.executions)

    def two_stage(self) -> Any:
        """What the TwoStageEvaluator found: `splits`, `blessing`, `linear` and more."""
        return self.json(TWO_STAGE_EVALUATOR, "evaluation", "two_stage.json")

    def two_stage_tested(self) -> Any:
        """As `tested`, of both stages."""
        return _tested(self.two_stage())


@dataclasses.dataclass(frozen=True)
class Source(Artifacts):
    """The same, with the configuration."""

    cfg: config.Config


def _tested(evaluation: Any) -> Any:
    found = evaluation["splits"][features.SPLIT_TEST]
    if not found["users"]:
        raise NotMade("There were no test requests.")
    return found


def of(run: runs.Run) -> Artifacts:
    """Finds the newest execution of a run.

    Raises:
      NotMade: nothing has run in this folder yet.
    """
    found = metadata.newest(run.metadata)
    if found is None:
        raise NotMade(
            f"{run.folder}: no pipeline has run here yet. Run it first, with `recsys run`."
        )
    return Artifacts(run, found)
