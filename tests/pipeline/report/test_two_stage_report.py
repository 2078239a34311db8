"""The page of a run with two stages: finished, refused, and stopped before its second stage."""

from __future__ import annotations

import pathlib

import pytest

from pipeline import runs
from pipeline.report import report, results, sources, verdict
from tests.pipeline.report import page_reader, small_artifacts, small_run, small_two_stage

RANKED = small_run.cfg(ranking=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("runs")
    small_run.make(root, ranking=True)
    return root


@pytest.fixture(scope="module")
def page(root: pathlib.Path) -> page_reader.Page:
    return page_reader.read(report.write(RANKED, root))


def test_values_of_every_artifact_appear(page: page_reader.Page) -> None:
    for expected in (
        "Two stages: NDCG@10 of two stages is 0.1500, recall's 0.1300.",  # the verdict
        "linear ranker, 5 weights",
        "+0.0230",  # .140 - .117
        "+0.0120 to +0.0340",
        "0.5530 ± 0.0162",  # the ceiling
        "55.3%",
        "✓ ↑ from 12",  # before and after
        "✓ now 11",
        "at place 12, in that of two stages at place 1",
        "+0.023",  # slices
        "+0.0310 (+0.0200 to +0.0420)",  # importance
        "0.00151",  # ECE
        "Objective liked",
        "521 lists",
        "-1.204",
        "requests per second",
        "1,234",
        "recall and rank",  # the release
        "transform1",
        "c0ffee",
        "Two stages: learning curves",
        "Recall: learning curves",
    ):
        assert expected in page.text, expected


def test_page_is_well_formed_and_escaped(page: page_reader.Page) -> None:
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert [link for link in page.links if link[1:] not in page.ids] == []
    # 14 of recall; 3 metrics, the ceiling, 1 slice, importance, 2 of calibration, 3 curves
    assert page.tags.count("svg") == 14 + 11
    assert page.unlabelled_charts == 0
    assert page.tags.count("table") == page.tags.count("caption")
    assert "script" not in page.tags
    assert page.text.count(small_artifacts.NASTY) >= 8


def test_without_ranking_nothing_is_said_of_two_stages(tmp_path: pathlib.Path) -> None:
    small_run.make(tmp_path)
    page = page_reader.read(report.write(small_run.cfg(), tmp_path))
    assert "Two stages" not in page.text
    assert "TwoStageEvaluator" not in page.text


def test_the_table_for_the_terminal(root: pathlib.Path) -> None:
    lines = report.results_table(runs.Run(root, small_run.NAME)).splitlines()
    assert lines[0] == "Test, 943 users (± one standard error)"
    assert lines[1].split() == ["HR@10", "NDCG@10", "MRR@10"]
    assert [line[:26].strip() for line in lines[2:7]] == [
        "popularity",
        "co-occurrence",
        "recall alone",
        "linear ranker, 5 weights",
        "two stages",
    ]
    assert [line[26:].split()[3] for line in lines[2:7]] == [
        "0.0500",
        "0.0985",
        "0.1170",
        "0.1240",
        "0.1400",
    ]
    assert lines[14:17] == [
        "Two stages minus recall alone, the same requests (95% interval)",
        "  NDCG@10   +0.0230 (+0.0120 to +0.0340)",
        "  HR@10     +0.0230 (+0.0120 to +0.0340)",
    ]
    assert (
        lines[17] == "Ceiling: 0.5530 ± 0.0162 of the held-out items are among recall's candidates."
    )
    assert lines[-2].endswith("recall and rank, in force")
    assert max(map(len, lines[:18])) <= 80


def test_refused_two_stages_are_shown_and_the_release_stays(tmp_path: pathlib.Path) -> None:
    run = small_run.make(tmp_path, ranking=True, two_stage_blessed=False)
    assert verdict.of(sources.of(run)) == verdict.Verdict(
        "bad",
        "Not blessed on validation, and not pushed.",
        ("Two stages: NDCG@10 of two stages is 0.0900, recall's 0.1300.",),
    )
    page = page_reader.read(report.write(RANKED, tmp_path))
    assert "No model was pushed by this run. No release is in force." in page.text
    assert "0.1400" in page.text  # its results are shown all the same
    assert "Release" not in results.terminal(sources.of(run)).splitlines()[-2]


def test_a_refused_run_says_which_release_is_still_in_force(tmp_path: pathlib.Path) -> None:
    run = small_run.make(tmp_path, ranking=True, two_stage_blessed=False)
    earlier = small_two_stage.push(run.serving, tmp_path / "models").release
    page = page_reader.read(report.write(RANKED, tmp_path))
    assert (
        f"No model was pushed by this run. In force: release {earlier}, of an earlier run."
        in page.text
    )


def test_a_run_that_failed_in_the_second_stage_keeps_what_recall_found(
    tmp_path: pathlib.Path,
) -> None:
    run = small_run.make(tmp_path, ranking=True, failed="RankTrainer")
    page = page_reader.read(report.write(RANKED, tmp_path))
    for sentence in (
        "The run failed in RankTrainer.",
        "Two stages: lift over recall TwoStageEvaluator has not run in the newest run.",
        "Two stages: learning curves RankTrainer failed in the newest run.",
        "+19%",  # recall over the better baseline, as without ranking
    ):
        assert sentence in page.text, sentence
    assert results.terminal(sources.of(run)).splitlines()[1].split()[0] == "recall"


@pytest.mark.parametrize(
    ("blessed", "tone", "headline", "reasons"),
    [
        (True, "", "No verdict yet.", ("TwoStageEvaluator has not run in the newest run.",)),
        (
            False,
            "bad",
            "Not blessed on validation, and not pushed.",
            ("Recall: NDCG@10 is 0.0700; expected at least 0.09.",),
        ),
    ],
)
def test_a_run_stopped_in_the_second_stage_has_no_verdict_unless_recall_was_refused(
    tmp_path: pathlib.Path, blessed: bool, tone: str, headline: str, reasons: tuple[str, ...]
) -> None:
    run = small_run.make(
        tmp_path,
        ranking=True,
        blessed=blessed,
        without=["RankTrainer", "TwoStageEvaluator", "Pusher"],
    )
    assert verdict.of(sources.of(run)) == verdict.Verdict(tone, headline, reasons)  # type: ignore[arg-type]


def test_a_run_stopped_before_the_second_stage_is_shown(tmp_path: pathlib.Path) -> None:
    small_run.make(
        tmp_path, ranking=True, without=[*small_run.RANKING, "RecallEvaluator", "Pusher"]
    )
    page = page_reader.read(report.write(RANKED, tmp_path))
    assert "No verdict yet. RecallEvaluator has not run in the newest run." in page.text
    assert (
        "Two stages: before and after TwoStageEvaluator has not run in the newest run." in page.text
    )
