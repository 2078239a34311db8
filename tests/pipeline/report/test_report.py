"""The page holds what the artifacts say, loads nothing, lets no markup in, is written at once."""

from __future__ import annotations

import html
import os
import pathlib
import re

import pytest

from pipeline import runs
from pipeline.report import dataset, report, results, sources, verdict
from tests.pipeline.report import page_reader, small_artifacts, small_run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("runs")
    small_run.make(root)
    return root


@pytest.fixture(scope="module")
def page(root: pathlib.Path) -> page_reader.Page:
    return page_reader.read(report.write(small_run.cfg(), root))


def test_values_of_every_artifact_appear(page: page_reader.Page) -> None:
    for expected in (
        "Blessed on validation, and pushed.",
        "NDCG@10 is 0.1300; expected at least 0.09.",
        "/serving/recall/893286900",
        "0.1170 ± 0.0071",
        "0.0985 ± 0.0071",
        "+19%",  # .117 / .0985 - 1
        "0.121 ± 0.007",
        "41.2%",
        "168.2",  # slices, coverage, popularity
        "User a",
        "✓ the held-out item",
        "at place 2",
        "exported epoch 2",
        "0.1370",
        "3 min 01 s",  # 61 + 60 + 60 seconds
        "0.9962",
        "at least 0.99",
        "0.21",
        "100,000",
        "98,114",
        "1998-04-22 23:10 UTC",
        "17 users",
        "No anomalies",
        "3.53",
        "StatisticsGen",
        "3 min 05 s",
        "4 min 14 s",  # the sum of small_run.SECONDS is 253.6
        "0123456789ab",
        "apache-beam",
        "max_history: 200",
    ):
        assert expected in page.text, expected


def test_titles_and_values_are_escaped(root: pathlib.Path, page: page_reader.Page) -> None:
    markup = (root / small_run.NAME / "report.html").read_text(encoding="utf-8")
    assert "script" not in page.tags
    assert "<script" not in markup
    # title, held-out item, value of a slice, most frequent value
    assert page.text.count(small_artifacts.NASTY) >= 4
    # in a chart, and no formula
    assert f"{html.escape(small_artifacts.NASTY, quote=False)}</text>" in markup


def test_page_loads_nothing(root: pathlib.Path, page: page_reader.Page) -> None:
    markup = (root / small_run.NAME / "report.html").read_text(encoding="utf-8")
    assert page.links
    assert [link for link in page.links if not link.startswith("#")] == []
    assert set(re.findall(r"url\((.)", markup)) == {"#"}
    assert "@import" not in markup
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(page.tags)
    assert "default-src 'none'" in markup


def test_page_is_well_formed_and_accessible(page: page_reader.Page) -> None:
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    # 3 metrics, 1 slice, 2 of popularity, 4 curves, 1 index, 2 of the data
    assert page.tags.count("svg") == 14
    assert page.unlabelled_charts == 0
    assert page.tags.count("table") == page.tags.count("caption")
    assert page.tags.count("h1") == 1


def test_charts_take_their_colours_from_the_page(root: pathlib.Path) -> None:
    markup = (root / small_run.NAME / "report.html").read_text(encoding="utf-8")
    charts = "".join(re.findall(r"<svg.*?</svg>", markup, flags=re.DOTALL))
    assert "var(--series-1)" in charts
    assert re.findall(r"#00[ab]0\d\d", charts) == []
    for variable in set(re.findall(r"var\((--[\w-]+)\)", charts)):
        assert markup.count(f"{variable}:") == 3, variable  # light, dark and print


def test_missing_artifacts_are_said_in_one_line(tmp_path: pathlib.Path) -> None:
    run = small_run.make(tmp_path, without=["InteractionsExampleGen", "Trainer", "RecallEvaluator"])
    (run.artifacts / "Indexer/model/1/Format-Serving/assets.extra/index.json").unlink()
    page = page_reader.read(report.write(small_run.cfg(), tmp_path))
    for sentence in (
        "No verdict yet. RecallEvaluator has not run in the newest run.",
        "Recall: learning curves Trainer has not run in the newest run.",
        "Data InteractionsExampleGen has not run in the newest run.",
        "Recall: index Indexer made no Format-Serving/assets.extra/index.json in the newest run.",
    ):
        assert sentence in page.text, sentence
    assert "No model was pushed" not in page.text


def test_a_failed_run_names_the_component(tmp_path: pathlib.Path) -> None:
    source = sources.of(small_run.make(tmp_path, failed="DataValidator"))
    assert verdict.of(source).headline == "The run failed in DataValidator."
    assert "The data break the schema" in dataset.anomalies(source).text
    assert source.json("InteractionsExampleGen", "examples", "summary.json")["events"] == 100_000
    with pytest.raises(sources.NotMade, match="DataValidator failed in the newest run"):
        source.artifact("DataValidator", "anomalies")


def test_a_refused_model_is_called_so(tmp_path: pathlib.Path) -> None:
    source = sources.of(small_run.make(tmp_path, blessed=False))
    assert verdict.of(source) == verdict.Verdict(
        "bad",
        "Not blessed on validation, and not pushed.",
        ("NDCG@10 is 0.0700; expected at least 0.09.",),
    )
    assert "/serving/recall" not in results.terminal(source)


def test_reused_components_are_read_from_the_run_that_made_them(tmp_path: pathlib.Path) -> None:
    source = sources.of(small_run.make(tmp_path, cached=True))
    assert source.pipeline_run.name == "second"
    trainer = source.pipeline_run.execution("Trainer")
    assert trainer is not None
    assert (trainer.id, trainer.made_by, trainer.state, trainer.seconds) == (11, 4, "cached", 185.0)
    assert [(a.id, a.key) for a in trainer.outputs] == [(4, "model"), (5, "model_run")]
    assert verdict.of(source).headline == "Blessed on validation, and pushed."


def test_no_run_yet_is_an_error_with_a_remedy(tmp_path: pathlib.Path) -> None:
    with pytest.raises(sources.NotMade, match=r"no pipeline has run here yet.*recsys run"):
        report.write(small_run.cfg(), tmp_path)
    assert not (tmp_path / small_run.NAME).exists()


def test_a_page_that_cannot_be_finished_leaves_the_old_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run.make(tmp_path)
    run.report.write_text("old", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(report, "render", lambda _: "new")
    assert report.write(small_run.cfg(), tmp_path).read_text(encoding="utf-8") == "new"
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        report.write(small_run.cfg(), tmp_path)
    assert run.report.read_text(encoding="utf-8") == "new"
    assert [p.name for p in run.folder.iterdir() if p.name.startswith(".report")] == []


def test_the_table_for_the_terminal(root: pathlib.Path) -> None:
    lines = report.results_table(runs.Run(root, small_run.NAME)).splitlines()
    assert lines[1].split() == ["recall", "popularity", "co-occurrence"]
    assert lines[4].split() == [
        "NDCG@10",
        "0.1170",
        "±",
        "0.0071",
        "0.0500",
        "±",
        "0.0071",
        "0.0985",
        "±",
        "0.0071",
    ]
    assert lines[-2:] == [
        "Model /serving/recall/893286900",
        f"Report  {root / small_run.NAME / 'report.html'}",
    ]
    assert max(map(len, lines[:8])) <= 80
