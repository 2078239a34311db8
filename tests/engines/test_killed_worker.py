"""A worker is killed in a step: one line, nothing half-written, and the next run goes on."""

from __future__ import annotations

import contextlib
import pathlib
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pipeline import runs
from tests.engines import processes

# the components that run on Beam, in the order of a run
STEPS = (
    "InteractionsExampleGen",
    "StatisticsGen",
    "Transform",
    "InteractionStatistics",
    "ServingCatalogue",
    "Candidates",
    "RecallEvaluator",
    "TwoStageEvaluator",
)
SECONDS = 1800.0


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, kind: str) -> pathlib.Path:
    return tmp_path_factory.mktemp("killed")


def _run_and_kill(
    shop: pathlib.Path, root: pathlib.Path, step: str, engine: processes.Engine
) -> subprocess.CompletedProcess[str]:
    """Kills the worker of a step as soon as it is connected, until the run ends."""
    command = [sys.executable, "-m", "pipeline.cli", "run", "--config", str(shop)]
    command += ["--root", str(root), *engine.options]
    said = root / "said"
    with (
        said.open("w") as output,
        subprocess.Popen(
            command, cwd=processes.ROOT, stdout=output, stderr=subprocess.PIPE, text=True
        ) as run,
    ):
        try:
            end = time.monotonic() + SECONDS
            while run.poll() is None and time.monotonic() < end:
                if said.read_text().rstrip().endswith(f"] {step}"):
                    for worker in engine.workers():
                        with contextlib.suppress(psutil.NoSuchProcess):
                            worker.send_signal(signal.SIGKILL)
                time.sleep(0.05)
            assert run.poll() is not None, f"{step} hangs: {said.read_text()}"
        finally:
            run.kill()
        assert run.stderr is not None
        return subprocess.CompletedProcess(command, run.wait(), said.read_text(), run.stderr.read())


@pytest.mark.parametrize("step", STEPS)
def test_the_run_ends_and_the_next_one_goes_on(
    shop: pathlib.Path, root: pathlib.Path, engine: processes.Engine, step: str
) -> None:
    done = _run_and_kill(shop, root, step, engine)
    assert done.returncode == 1, done.stdout + done.stderr
    first, details = done.stderr.splitlines()[-2:]
    assert first.startswith(f"recsys: {step} failed: ") and details.startswith("Details: ")
    assert "Traceback" not in done.stderr

    run = runs.Run(root, "small-shop")
    assert not [p for p in run.artifacts.glob(f"{step}/*/*") if p.parent.name != ".system"]
    assert not run.serving.exists()  # nothing was released

    reused = re.findall(r"\] (\w+)\n +unchanged, reused", done.stdout)
    assert set(STEPS[: STEPS.index(step)]) <= set(reused)


def test_at_last_it_ends_well(
    shop: pathlib.Path, root: pathlib.Path, engine: processes.Engine
) -> None:
    done = processes.recsys("run", "--config", str(shop), "--root", str(root), *engine.options)
    assert done.returncode == 0, done.stdout + done.stderr
    reused = set(re.findall(r"\] (\w+)\n +unchanged, reused", done.stdout))
    assert {*STEPS[:-1], "Trainer", "RankTrainer"} <= reused and STEPS[-1] not in reused
    assert runs.Run(root, "small-shop").serving.is_dir()
