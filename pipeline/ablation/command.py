"""`recsys ablate`: runs the trials of a plan that are not done, and shows the results."""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
import time
from collections.abc import Sequence

from modules import config, strict
from pipeline import configuration
from pipeline.ablation import page, rows, table
from pipeline.ablation import plan as plan_lib
from pipeline.ablation.trials import Trial, Workspace
from pipeline.report import text


class Failed(RuntimeError):
    """Some trials failed; the table says which."""


def main(
    plan: str,
    config_name: str,
    overrides: Sequence[str],
    root: str | pathlib.Path,
    *,
    only: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3),
    list_only: bool = False,
    verbose: bool = False,
) -> list[rows.Row]:
    """Runs what is not done of a plan; writes its table and page, and prints the table.

    Args:
      plan: name or file of the plan.
      config_name: name or file of the configuration.
      overrides: of it, `KEY=VALUE`, for all variants.
      root: folder that holds runs.
      only: names of variants; empty for all.
      seeds: of the trainings of both stages.
      list_only: only says what there is to do.
      verbose: shows what trials print.

    Raises:
      strict.ConfigError: a variant, a name or a seed that cannot be.
      trials.OtherData: the folder holds trials of other data.
      Failed: a trial failed; the others were run.
    """
    reader = plan_lib.read(plan, config_name, overrides)
    if len(set(seeds)) < len(seeds):
        raise strict.ConfigError(f"--seeds: found {' '.join(map(str, seeds))}, expected each once.")
    wanted = reader.check()
    left_out = [name for name in reader.plan.variants if name not in wanted]
    for name in only:
        if name not in reader.plan.variants:
            raise strict.ConfigError(
                f"--rows: there is no variant {name!r}."
                + strict.nearest(name, reader.plan.variants)
            )
    for name in left_out:
        print(f"{name}: changes nothing on this data, and is left out.", flush=True)
    shown = [name for name in wanted if not only or name in only]
    base = configuration.load(config_name, overrides)
    space = Workspace(base, root)
    work = _Work(reader, space, base, shown, seeds, verbose=verbose)
    if list_only:
        work.list()
        return []
    with space.locked():
        space.settle(_fingerprint(base))
        work.run()
    found = rows.of(reader, space, shown, seeds, work.choices, base.evaluation.primary)
    name = reader.document.file.stem
    table.write(space.page(name, "md"), found, reader, seeds)
    measured = json.dumps(page.summary(found), indent=1)
    space.page(name, "json").write_text(measured, encoding="utf-8")
    page.write(space.page(name, "html"), found, reader, base, seeds)
    print("\n".join(table.terminal(found)))
    print(f"\nTable   {space.page(name, 'md')}\nPage    {space.page(name, 'html')}")
    print(f"Trials  {space.folder}", flush=True)
    if failed := [row.name for row in found if row.failure]:
        raise Failed(f"failed: {', '.join(failed)}; the table says why. Run it again to retry.")
    return found


def _fingerprint(cfg: config.Config) -> str:
    from modules.beam import files  # Beam takes its seconds

    return files.fingerprint(cfg.data)


class _Work:
    """What is to be run, in its order, and how long it takes.

    Attributes:
      choices: of variants with a grid, as far as they are known.
    """

    def __init__(
        self,
        reader: plan_lib.Reader,
        space: Workspace,
        base: config.Config,
        shown: Sequence[str],
        seeds: Sequence[int],
        *,
        verbose: bool,
    ) -> None:
        self._verbose = verbose
        self._reader, self._space, self._shown, self._seeds = reader, space, shown, seeds
        self._primary = base.evaluation.primary
        self.choices: dict[str, dict[str, object]] = {}
        below = {grid for name in shown for grid in reader.plan.grids_below(name)}
        self._grids = [name for name in reader.plan.variants if name in below]
        points = sum(len(reader.choices_of(name)) for name in self._grids)
        self._total = points + len(shown) * len(seeds) - len({*self._grids} & {*shown})
        self._done, self._seconds = 0, list[float]()

    def list(self) -> None:
        """Prints the variants and what they change."""
        for name in self._shown:
            variant = self._reader.plan.variants[name]
            first = {grid: self._reader.choices_of(grid)[0] for grid in self._grids}
            values = self._reader.overrides_of(name, first)
            print(f"{name}" + (f"   (on {variant.on})" if variant.on else ""))
            for value in values:
                print(f"    -o {value}")
            for key, tried in variant.grid.items():
                print(f"    {key}: the best on validation of {', '.join(map(str, tried))}")
        print(f"{self._total} trials of {len(self._shown)} variants.")

    def run(self) -> None:
        """Runs all trials that are not done: the grids first, then seed by seed."""
        for name in self._grids:
            self._choose(name)
        for seed in self._seeds:
            for name in self._shown:
                if self._chosen(name) and not (name in self._grids and seed == self._seeds[0]):
                    self._run(self._space.of(self._reader, name, self.choices, seed))

    def _chosen(self, name: str) -> bool:
        """Whether the grids below a variant gave something to build on."""
        return all(grid in self.choices for grid in self._reader.plan.grids_below(name))

    def _choose(self, name: str) -> None:
        """Runs the points of a grid, and keeps the best on validation."""
        if not all(g in self.choices for g in self._reader.plan.grids_below(name)[:-1]):
            return
        for point in self._reader.choices_of(name):
            tried = self._space.of(
                self._reader, name, {**self.choices, name: point}, self._seeds[0]
            )
            self._run(tried, ", ".join(f"{key.split('.')[-1]} {v}" for key, v in point.items()))
        found = rows.best(
            self._reader, self._space, name, self.choices, self._seeds[0], self._primary
        )
        if found:
            best, self.choices[name] = found
            shown = ", ".join(f"{key} {value}" for key, value in self.choices[name].items())
            print(f"{name}: {shown} is the best on validation ({self._primary} {best:.4f})")

    def _run(self, wanted: Trial, more: str = "") -> None:
        self._done += 1
        label = f"[{self._done}/{self._total}] {wanted.name}" + (f" ({more})" if more else "")
        label += f", seed {wanted.seed}"
        if self._space.result(wanted):
            print(f"{label}: done before", flush=True)
            return
        started = time.monotonic()
        line = _StatusLine(label)
        if not line.is_live:
            print(f"{label} ...", flush=True)
        done = self._space.run_trial(wanted, self._reader.config, line, verbose=self._verbose)
        line.clear()
        seconds = time.monotonic() - started
        self._seconds.append(seconds)
        if not done:
            print(f"{label}: FAILED after {text.duration(seconds)}: {self._space.failure(wanted)}")
            return
        found = self._space.result(wanted)
        assert found is not None
        left = (self._total - self._done) * sum(self._seconds) / len(self._seconds)
        print(
            f"{label}: {self._primary} on validation {found.means['valid'][self._primary]:.4f}, "
            f"{text.duration(seconds)}; about {text.duration(left)} left",
            flush=True,
        )


class _StatusLine:
    """The newest line of a trial, on a terminal that can show and replace it."""

    def __init__(self, label: str) -> None:
        self._label, self.is_live = label, sys.stdout.isatty()

    def __call__(self, line: str) -> None:
        if self.is_live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{f'{self._label}: {line}'[:width]}", end="", flush=True)

    def clear(self) -> None:
        """Leaves an empty line."""
        if self.is_live:
            print("\r\x1b[K", end="", flush=True)
