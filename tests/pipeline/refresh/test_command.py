"""`recsys refresh-index`: what it compares and refuses before any model is touched."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from modules import catalogue, release, strict
from modules.beam import errors
from pipeline import cli, declared, release_writer, runs
from pipeline.refresh import command, sources
from pipeline.report import sources as report_sources
from tests.pipeline import fake_run
from tests.pipeline.batch import shop
from tests.serving import small_serving

ITEMS = "product,name,price,group,tags\n" + "".join(
    f"m{n},Item {n},{n},{('even', 'odd')[n % 2]},{'small' if n < 5 else ''}\n" for n in range(10)
)


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    small_serving.write(tmp_path / "runs" / small_serving.NAME)
    return tmp_path / "runs"


@pytest.fixture
def small(tmp_path: pathlib.Path) -> Callable[..., Any]:
    """Makes a configuration whose table of items is the given one."""

    def make(items: str = ITEMS, **sections: Any) -> Any:
        settings = {
            "index": {"k": small_serving.K, "max_exclusions": small_serving.MAX_EXCLUSIONS},
            "evaluation": {"ks": [5], "primary": "NDCG@5", "thresholds": {}},
            **sections,
        }
        cfg = shop.configuration(tmp_path / "tables", **settings)
        (tmp_path / "tables" / "items.csv").write_text(items, encoding="utf-8")
        return cfg

    return make


def test_the_same_catalogue_is_no_release(
    root: pathlib.Path, small: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(small(), root) is None
    out = capsys.readouterr().out
    assert "10 items: 0 new, 0 gone, 0 changed" in out
    assert "has this catalogue already; nothing is released." in out
    serving = root / small_serving.NAME / "serving"
    assert len(release.ids(serving)) == 1
    assert not list(serving.parent.glob(".refresh-*"))


def test_what_differs(
    root: pathlib.Path, small: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """m9 is gone, n1 is new, m1 costs 1.5, m2 has another name; the run has no artifacts here."""
    lines = ITEMS.replace("m1,Item 1,1,", "m1,Item 1,1.5,").replace("Item 2,", "Tea,")
    lines = "".join(lines.splitlines(keepends=True)[:-1]) + "n1,New,3,odd,\n"
    with pytest.raises(report_sources.NotMade):
        command.main(small(lines), root)
    assert "10 items: 1 new (n1), 1 gone (m9), 2 changed (m1, m2)" in capsys.readouterr().out
    assert len(release.ids(root / small_serving.NAME / "serving")) == 1


def test_a_catalogue_that_was_cut_off(root: pathlib.Path, small: Callable[..., Any]) -> None:
    few = "".join(ITEMS.splitlines(keepends=True)[:8])  # seven of ten
    with pytest.raises(command.RefreshError, match=r"3 of the 10 items .* --most-gone 0\.2 allows"):
        command.main(small(few), root)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (ITEMS.replace("price,", "cost,", 1), r"items\.csv.*price"),
        (ITEMS.replace("m1,Item 1,1,", "m1,Item 1,cheap,"), r"items\.csv, line 3: .*cheap"),
        (ITEMS + "m1,Again,2,odd,\n", r"item 'm1' again"),
    ],
)
def test_bad_tables(
    root: pathlib.Path, small: Callable[..., Any], items: str, message: str
) -> None:
    with pytest.raises(errors.DataError, match=f"(?s){message}"):
        command.main(small(items), root)


def test_other_columns(root: pathlib.Path, small: Callable[..., Any]) -> None:
    cfg = small()
    plain = strict.to_plain(cfg.data)
    del plain["items"]["columns"]["group"]
    plain["items"]["columns"]["colour"] = {"kind": "categorical"}
    changed = dataclasses.replace(cfg, data=strict.read(type(cfg.data), plain))
    message = r"data\.items\.columns: group has been removed, colour has been added since release"
    with pytest.raises(declared.OtherColumns, match=message):
        command.main(changed, root)


def test_other_inputs(root: pathlib.Path, small: Callable[..., Any]) -> None:
    other = {"index": {"k": 5, "max_exclusions": small_serving.MAX_EXCLUSIONS}}
    with pytest.raises(command.RefreshError, match=r"index\.k: found 5, release .* made with 8"):
        command.main(small(**other), root)
    other = {"features": {"max_history": 7}}
    with pytest.raises(command.RefreshError, match=r"features\.max_history: found 7, .* with 5"):
        command.main(small(**other), root)


def test_without_a_release(tmp_path: pathlib.Path, small: Callable[..., Any]) -> None:
    with pytest.raises(release.NoRelease):
        command.main(small(), tmp_path / "nothing")


def test_while_a_run_is_under_way(root: pathlib.Path, small: Callable[..., Any]) -> None:
    cfg = small(ITEMS + "n1,New,3,odd,\n")
    with runs.Run(root, cfg.name).locked(), pytest.raises(runs.RunBusy):
        command.main(cfg, root)


def test_a_release_of_another_run(tmp_path: pathlib.Path) -> None:
    """The manifest of the small release names other artifacts than the newest run made."""
    run = fake_run.make(
        tmp_path,
        {"train": []},
        {("Indexer", "model"): tmp_path / "index", ("RankTrainer", "model"): tmp_path / "rank"},
    )
    small_serving.write(tmp_path / "made")
    chosen = release.in_force(tmp_path / "made" / "serving")
    with pytest.raises(sources.OtherRun, match=r"was not made by the newest run \(recall_model: "):
        sources.Sources.of(run, chosen)


def test_the_manifest_says_where_it_comes_from(root: pathlib.Path) -> None:
    before = release.in_force(root / small_serving.NAME / "serving").manifest
    assert before is not None and before.refreshed is None
    facts = release_writer.Facts.refreshing(before)
    assert facts.refreshed == before.release
    assert (facts.metrics, facts.artifacts) == (before.metrics, before.artifacts)


def test_the_command_line() -> None:
    args = cli.parser().parse_args(["refresh-index", "--most-gone", "0.5"])
    assert args.most_gone == 0.5
    assert cli.parser().parse_args(["refresh-index"]).most_gone == 0.2
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["refresh-index", "--most-gone", "2"])


def test_values_are_compared_as_they_are_kept() -> None:
    about = small_serving.ABOUT
    item = catalogue.Item("a", "A", 3, {"price": 0.1, "group": None, "tags": ["x"]})
    kept = dataclasses.replace(item, popularity=0, features={**item.features})
    before = catalogue.Catalogue(
        about,
        ("a",),
        ("A",),
        {"price": [0.10000000149011612], "group": [None], "tags": [["x"]]},
        None,  # type: ignore[arg-type] - nobody asks
        {"a": 0},
        None,  # type: ignore[arg-type]
    )
    before = dataclasses.replace(before, popularity=[3])  # type: ignore[arg-type]
    assert command.difference(before, [kept]) == command.Difference((), (), (), 1)
    other = dataclasses.replace(kept, features={**kept.features, "tags": []})
    assert command.difference(before, [other]).changed == ("a",)
