"""The end of `recsys run`: refused models are errors, as is silence on another release in force."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import types

import pytest
from tfx import v1 as tfx

from modules import config, release
from pipeline import dag, release_writer, releases, runs
from pipeline import run as pipeline_run
from pipeline.report import report as page
from tests import held_out, small_release
from tests.pipeline import fake_run

REASON = "NDCG@10 is lower than that of recall alone."


@pytest.fixture
def _page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page has tests of its own."""
    monkeypatch.setattr(page, "write", lambda cfg, root: None)
    monkeypatch.setattr(page, "results_table", lambda place: "the table")


def _run(folder: pathlib.Path, *, recall: bool = True, two_stage: bool | None = None) -> runs.Run:
    """A run whose evaluations said so; without `two_stage`, it has no second stage."""
    outputs = {}
    for component, file_name, blessed in (
        ("RecallEvaluator", "evaluation.json", recall),
        ("TwoStageEvaluator", "two_stage.json", two_stage),
    ):
        if blessed is not None:
            outputs[component, "evaluation"] = folder / component
            (folder / component).mkdir()
            (folder / component / file_name).write_text(
                json.dumps(
                    {"blessing": {"blessed": blessed, "reasons": [] if blessed else [REASON]}}
                )
            )
    return fake_run.make(
        folder, held_out.splits({"anna": ["a", "b", "c"]}, ["a", "b", "c"], 2), outputs
    )


@pytest.mark.usefixtures("_page")
@pytest.mark.parametrize(
    "verdicts", [{"recall": False}, {"recall": False, "two_stage": True}, {"two_stage": False}]
)
def test_refused_models_are_an_error(tmp_path: pathlib.Path, verdicts: dict[str, bool]) -> None:
    with pytest.raises(
        pipeline_run.NotBlessed, match=f"refused: {REASON} What is served stays as it was"
    ):
        pipeline_run.report(fake_run.configuration(), _run(tmp_path, **verdicts))


@pytest.mark.usefixtures("_page")
@pytest.mark.parametrize("verdicts", [{}, {"two_stage": True}])
def test_another_release_in_force_is_pointed_out(
    tmp_path: pathlib.Path,
    verdicts: dict[str, bool],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = _run(tmp_path, **verdicts)
    made = small_release.push(
        run.serving, small_release.pair(tmp_path / "models"), small_release.facts()
    )
    pipeline_run.report(fake_run.configuration(), run)
    assert (
        f"the table\nNote: release {made.release} is in force, and this run's"
        in capsys.readouterr().out
    )
    monkeypatch.setattr(releases, "remark", lambda place: "")
    pipeline_run.report(fake_run.configuration(), run)
    assert capsys.readouterr().out == "\nthe table\n"


def test_a_run_deletes_old_releases(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not the one that was in force when it began."""
    cfg = dataclasses.replace(fake_run.configuration(), releases=config.Releases(keep=2))
    serving, models = runs.Run(tmp_path, cfg.name).serving, small_release.pair(tmp_path / "models")
    made = [small_release.push(serving, models, small_release.facts()).release for _ in range(4)]

    class Runner:
        def run(self, pipeline: object) -> None:
            small_release.push(serving, models, small_release.facts())

    monkeypatch.setattr(dag, "create", lambda *_, **__: types.SimpleNamespace(components=[]))
    monkeypatch.setattr(tfx.orchestration, "LocalDagRunner", Runner)
    release_writer.switch(serving, made[1])
    pipeline_run.run(cfg, tmp_path)
    newest = release.in_force(serving).id
    assert release.ids(serving) == [made[1], made[3], newest]
    assert (
        f"Old releases deleted (releases.keep: 2): {made[0]}, {made[2]}\n"
        in capsys.readouterr().out
    )
    pipeline_run.run(cfg, tmp_path)
    assert release.ids(serving) == [newest, release.in_force(serving).id]
