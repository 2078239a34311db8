"""The trials of a plan: where they live, which are done, and how one is run."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Callable

import pyarrow as pa

from modules import config
from pipeline import child_process, runs, source_digest
from pipeline.ablation import plan as plan_lib
from pipeline.ablation import trial
from pipeline.report import measures

_STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.5
_CODE = (
    "modules.preprocessing",
    "modules.recall.trainer",
    "pipeline.components.example_gen",
    "pipeline.components.indexer",
    "pipeline.components.evaluator",
    "pipeline.components.candidates",
    "pipeline.components.statistics",
    "pipeline.components.rank_trainer",
    "pipeline.components.two_stage_evaluator",
)


class OtherData(RuntimeError):
    """The folder holds trials of other data."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One variant with one seed.

    Attributes:
      name: of the variant.
      overrides: of the configuration, the seed's among them.
      digest: of what decides its result.
    """

    name: str
    seed: int
    overrides: tuple[str, ...]
    digest: str


class Workspace:
    """The folder `<root>/<name>-ablation`: one run whose steps all trials share, and their results.

    Attributes:
      run: the run of all trials.
      folder: of the trials' results.
    """

    def __init__(self, cfg: config.Config, root: str | pathlib.Path) -> None:
        self._root = pathlib.Path(root)
        self.run = runs.Run(root, f"{cfg.name}{measures.SUFFIX}")
        self.folder = self.run.folder / "trials"
        self._code = source_digest.of(*_CODE)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keeps a second process out; see `runs.Run.locked`."""
        return runs.Run(self.run.folder, self.folder.name).locked()

    def page(self, plan: str, suffix: str) -> pathlib.Path:
        """Where a plan's results are written."""
        return self.run.folder / f"{plan}.{suffix}"

    def settle(self, fingerprint: str) -> None:
        """Notes which data the trials are of.

        Args:
          fingerprint: of the input files.

        Raises:
          OtherData: there are trials of other data.
        """
        file = self.folder / "data.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            trial.write_json(file, {"fingerprint": fingerprint})
        elif json.loads(file.read_text(encoding="utf-8"))["fingerprint"] != fingerprint:
            raise OtherData(
                f"{self.folder}: holds trials of other data: the input files were changed since. "
                "Choose another folder with --root, or remove this one."
            )

    def of(self, reader: plan_lib.Reader, name: str, choices: plan_lib.Choices, seed: int) -> Trial:
        """A variant's trial with a seed."""
        cfg = reader.load(name, choices, seed)
        overrides = (
            *reader.overrides_of(name, choices),
            *plan_lib.seeded(seed),
            f"name={self.run.folder.name}",
        )
        return Trial(name, seed, overrides, plan_lib.digest(cfg, self._code))

    def folder_of(self, wanted: Trial) -> pathlib.Path:
        """Where a trial's results are or will be; equal trials of other names share them."""
        found = sorted(self.folder.glob(f"*-{wanted.digest}"))
        slug = re.sub(r"[^a-z0-9]+", "-", wanted.name.lower()).strip("-")
        return found[0] if found else self.folder / f"{slug}-{wanted.seed}-{wanted.digest}"

    def result(self, wanted: Trial) -> trial.Result | None:
        """What a trial gave, if it is done."""
        return trial.read(self.folder_of(wanted))

    def failure(self, wanted: Trial) -> str | None:
        """Why a trial failed, if it did."""
        file = self.folder_of(wanted) / trial.FAILED_FILE
        return file.read_text(encoding="utf-8").strip() if file.is_file() else None

    def values(self, wanted: Trial, split: str) -> pa.Table:
        """A row a request, in the same order in all trials: its user, and the metrics."""
        return trial.values(self.folder_of(wanted), split)

    def run_trial(
        self,
        wanted: Trial,
        config_file: str,
        watch: Callable[[str], None],
        *,
        verbose: bool = False,
    ) -> bool:
        """Runs a trial in a process of its own.

        Args:
          wanted: the trial.
          config_file: name or file of the configuration.
          watch: told of the newest line that it prints, twice a second.
          verbose: whether it prints to the terminal instead of into its log.

        Returns:
          Whether it is done; else `failure` says why.
        """
        folder = self.folder_of(wanted)
        folder.mkdir(parents=True, exist_ok=True)
        failed = folder / trial.FAILED_FILE
        failed.unlink(missing_ok=True)
        spec = trial.Spec(config_file, wanted.overrides, str(self._root), str(folder))
        trial.write_json(folder / "spec.json", dataclasses.asdict(spec))
        command = [sys.executable, "-m", trial.__name__, str(folder / "spec.json")]
        log = folder / trial.LOG_FILE
        with (
            log.open("ab") as output,
            child_process.running(command, None if verbose else output, _STOP_SECONDS) as process,
        ):
            while process.poll() is None:
                time.sleep(_LOOK_SECONDS)
                if not verbose:
                    watch(_last_line(log))
        if process.returncode and not failed.is_file():
            failed.write_text(_ended(process, log), encoding="utf-8")
        return process.returncode == 0


def _ended(process: subprocess.Popen[bytes], log: pathlib.Path) -> str:
    code = process.returncode
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    memory = " (the machine may be out of memory)" if code == -9 else ""
    return f"The process {how}{memory}. Details: {log}\n"


def _last_line(log: pathlib.Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2000))
        lines = file.read().decode("utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
