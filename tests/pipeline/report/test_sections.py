"""Sections turn plain artifacts into plain blocks."""

from __future__ import annotations

import copy
import json
import math
import re
from xml.etree import ElementTree

import pytest

from modules import config
from pipeline.report import (
    blocks,
    charts,
    columns,
    dataset,
    index,
    learning,
    metadata,
    metrics,
    popularity,
    results,
    samples,
    slices,
    systems,
    text,
    timing,
)
from tests.pipeline.report import small_artifacts, small_run


def cells(table: blocks.Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.cells]


def epochs(*values: float) -> list[learning.Epoch]:
    return [
        {"epoch": n, "val_loss": 5.0 - v, "metrics": {"NDCG@10": v}}
        for n, v in enumerate(values, start=1)
    ]


@pytest.mark.parametrize(
    ("values", "settings", "expected"),
    [
        ((0.1, 0.3, 0.2), config.EarlyStopping(monitor="NDCG@10"), 2),
        ((0.1, 0.3, 0.3), config.EarlyStopping(monitor="NDCG@10"), 2),  # the first of equals
        ((0.1, 0.3, 0.2), config.EarlyStopping(monitor="loss"), 2),  # validation loss 4.9, 4.7, 4.8
        ((0.1, 0.3, 0.2), config.EarlyStopping(enabled=False), 3),
        ((math.nan, 0.1, math.nan), config.EarlyStopping(), 2),
    ],
)
def test_exported_epoch(
    values: tuple[float, ...], settings: config.EarlyStopping, expected: int
) -> None:
    assert learning.exported(epochs(*values), settings)["epoch"] == expected


# as history files have it now, and as they had it
@pytest.mark.parametrize("missing", [None, math.nan])
def test_epochs_that_validation_could_not_measure_are_said_so(missing: float | None) -> None:
    history = copy.deepcopy(small_artifacts.HISTORY)
    for epoch in history:
        epoch |= {"val_loss": missing, "metrics": dict.fromkeys(epoch["metrics"], missing)}
    facts, figures, folded = learning.curves(
        history, learning.Learner(config.EarlyStopping(), "target positions")
    )
    # the last one, as nothing is known of any
    assert ("exported epoch", str(len(history))) in facts.facts
    assert ("its NDCG@10", "not measured") in facts.facts
    assert [re.findall('aria-label="(.*?) by epoch', f.svg) for f in figures.blocks] == [
        ["loss"],
        ["learning rate"],
    ]
    assert cells(folded.blocks[0])[0][:4] == ["1", "5.1000", "not measured", "not measured"]


def test_an_epoch_that_validation_measured_in_part_is_left_out_of_that_curve() -> None:
    history = copy.deepcopy(small_artifacts.HISTORY)
    history[-1]["val_loss"] = None
    # the exported epoch, which the figure of the loss marks
    history[-1]["metrics"]["NDCG@10"] = 1.0
    _, figures, _ = learning.curves(
        history, learning.Learner(config.EarlyStopping(), "target positions")
    )
    assert "validation from 4.9 to 4.5" in figures.blocks[0].svg


def test_gain_is_over_the_better_baseline_and_errors_keep_their_place() -> None:
    split = small_artifacts.evaluation()["splits"]["test"]
    (test, _) = results.tables({"test": split, "valid": split}, [10])
    assert test.columns == ("metric", "recall#", "popularity#", "co-occurrence#", "gain#")
    ndcg = cells(test)[1]
    assert ndcg == [
        "NDCG@10",
        "0.1170 ±\u00a00.0071",
        "0.0500 ±\u00a00.0071",
        "0.0985 ±\u00a00.0071",
        "+19%",
    ]


def test_targets_that_no_list_can_hold_are_told_of() -> None:
    report = small_artifacts.evaluation()
    assert list(results.seen_targets(report)) == []
    report["splits"]["test"]["targets_seen"] = 41
    (sentence,) = results.seen_targets(report)
    assert sentence.startswith("Of the 943 held-out events of test, 41 are of an item")


def test_last_blessed_is_a_column_where_there_was_one() -> None:
    split = small_artifacts.evaluation()["splits"]["test"]
    split["metrics"]["last_blessed"] = copy.deepcopy(split["metrics"]["recall"])
    assert systems.present(split) == ["recall", "popularity", "co_occurrence", "last_blessed"]


def test_a_single_user_has_no_error_and_no_interval() -> None:
    split = small_artifacts.evaluation()["splits"]["test"]
    split["metrics"]["recall"]["NDCG@10"] = {"value": 0.117, "se": None}
    split["paired"]["popularity"]["NDCG@10"] = {"difference": 0.067, "low": None, "high": None}
    (test, _) = results.tables({"test": split, "valid": split}, [10])
    assert cells(test)[1][1] == "0.1170"
    assert cells(metrics.paired_table(split, [10]))[1][1] == ""
    assert "NDCG@10 0.117" in metrics.figure(split, "NDCG", [10]).svg


def test_differences_are_coloured_only_where_the_interval_excludes_zero() -> None:
    table = metrics.paired_table(small_artifacts.evaluation()["splits"]["test"], [10])
    assert [(c.text, c.tone) for c in table.cells[1][1:]] == [
        ("+0.0670 (+0.0400 to +0.0900)", "good"),
        ("+0.0185 (-0.0020 to +0.0300)", ""),
    ]


def test_slices_are_in_the_order_of_their_numbers() -> None:
    values = ["10-19", "> 43", "31 - 43", "1-4", "<= 31", "head", "1000+", "cold"]
    assert sorted(values, key=slices.order) == [
        "1-4",
        "10-19",
        "<= 31",
        "31 - 43",
        "> 43",
        "1000+",
        "cold",
        "head",
    ]


def test_small_slices_are_greyed() -> None:
    split = small_artifacts.evaluation()["splits"]["test"]
    card = slices.card(
        "user_gender", split["slices"]["user_gender"], split, small_run.cfg().evaluation
    )
    table = card.blocks[1]
    assert isinstance(table, blocks.Table)
    assert {row[0].text: row[0].tone for row in table.cells} == {
        "F": "",
        "M": "",
        small_artifacts.NASTY: "quiet",
    }


def test_the_setting_in_use_is_marked() -> None:
    shown = list(index.overview(small_artifacts.INDEX, config.Index()))
    (folded,) = [b for b in shown if isinstance(b, blocks.Folded)]
    (table,) = folded.blocks
    assert isinstance(table, blocks.Table)
    assert [row[0].text for row in table.cells if row[0].tone == "strong"] == ["1"]  # its effort


def test_a_measure_below_the_gate_is_bad() -> None:
    found = copy.deepcopy(small_artifacts.INDEX)
    found["search"] = {"recall": 0.95, "narrow_rows": 3, "nan_rows": 0}
    grid = next(b for b in index.overview(found, config.Index()) if isinstance(b, blocks.Grid))
    inner = grid.blocks[1]
    assert isinstance(inner, blocks.Grid)
    table = inner.blocks[0]
    assert isinstance(table, blocks.Table)
    assert [cell.tone for cell in table.cells[0][1:]] == ["bad", "bad", "good"]


def test_exact_search_has_no_curve() -> None:
    found = {
        **small_artifacts.INDEX,
        "curve": small_artifacts.INDEX["curve"][:1],
        "settings": {"body": "exact"},
    }
    assert not [
        b for b in index.overview(found, config.Index(body="exact")) if isinstance(b, blocks.Folded)
    ]


def test_popularity_bins_become_bars_with_their_values_as_text() -> None:
    bins = [
        {"from": 0.0, "to": 0.01, "items": 17, "consumed": 0.11, "recommended": {"10": 0.2}},
        {"from": 0.01, "to": 1.0, "items": 1665, "consumed": 0.89, "recommended": {"10": 0.8}},
    ]
    svg = popularity.figure(bins, "10").svg
    assert "0% to 1%: 11% of events, 20% of recommendations" in svg
    assert ">top-10 recommendations</text>" in svg


def test_sample_users_have_hits_and_misses_and_do_not_depend_on_the_order() -> None:
    ranks = [[1], [10], [11, 0], [0], [0, 5], [7], [0], [0], [200]]
    users = [f"u{n}" for n in range(9)]
    chosen = samples.choose(users, ranks)
    hits = [any(0 < rank <= 10 for rank in ranks[n]) for n in chosen]
    assert hits == [True, True, True, False, False, False]
    assert [8 - n for n in samples.choose(users[::-1], ranks[::-1])] == chosen


def test_held_out_items_are_named_by_their_titles_and_places() -> None:
    many = [f"i{n}" for n in range(12)]
    titles = {"i0": "Milk"}
    assert samples.held_out(["i0"], titles, ["at place 2"]) == "Milk (i0), at place 2"
    assert samples.held_out(many, titles).startswith("Milk (i0); item i1; ")
    assert samples.held_out(many, titles).endswith("item i9; and 2 more")


@pytest.mark.parametrize(
    ("row", "expected"), [({"target": "a"}, ("a",)), ({"targets": ["a", "b"]}, ("a", "b"))]
)
def test_targets_of_a_row(row: dict[str, object], expected: tuple[str, ...]) -> None:
    assert samples.targets_of(row) == expected


def test_history_lengths_are_named_by_their_upper_ends() -> None:
    shown = list(dataset.overview(json.loads(json.dumps(small_artifacts.SUMMARY))))
    lengths, uses = [
        b
        for grid in shown
        if isinstance(grid, blocks.Grid)
        for b in grid.blocks
        if isinstance(b, blocks.Figure)
    ]
    assert "≤32 21%, ≤64 47%, ≤128 32%" in lengths.svg  # 200, 443 and 300 of 943
    assert "≤1 5% with 0%, ≤512 95% with 100%" in uses.svg
    assert uses.caption == "Of the items, the most frequent 1% have 7.3% of the events."


def test_columns_are_told_as_by_dataset_check() -> None:
    guesses = {"guessed_separators": {"events.item_id": "|"}}
    (table,) = columns.tables(small_artifacts.PROFILE, guesses)
    assert table == blocks.Table(
        "The events as they were read, 100,000 rows",
        ("column", "read as", "distinct#", "missing#", "values"),
        (
            (
                "item_id",
                "item_id",
                "~67,800",
                "0",
                blocks.Cell("", note="e.g. 242, 302; separator (guessed): '|'"),
            ),
            (
                "price",
                "context, numeric",
                "7",
                "2.5%",
                blocks.Cell(
                    "0 to 1e+30, quartiles 1 1.5 2",
                    note="e.g. 1.5; missing: empty 2,000, NA 500; "
                    "far outside: 1e+30 in line 7 of e.csv",
                ),
            ),
        ),
    )


def execution(
    component: str, state: metadata.State, started: float, seconds: float
) -> metadata.Execution:
    return metadata.Execution(1, component, state, started, seconds, 1, {}, (), ())


def test_elapsed_time_leaves_reused_components_out() -> None:
    facts, _, table = timing.bars(
        [
            execution("A", "cached", 0.0, 500.0),
            execution("B", "executed", 10.0, 20.0),
            execution("C", "executed", 35.0, 5.0),
        ]
    )
    assert isinstance(facts, blocks.Facts)
    assert facts.facts[0] == ("this run, start to end", "30 s")  # 10 to 40
    assert isinstance(table, blocks.Table)
    assert [row[2].share for row in table.cells] == [1.0, 0.04, 0.01]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert text.duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1998.0, "1998"),
        (98114, "98,114"),
        (3.5298, "3.53"),
        (0.00012, "0.00012"),
        (123456.7, "123,457"),
    ],
)
def test_compact_numbers(value: float, expected: str) -> None:
    assert text.compact(value) == expected


def test_a_table_refuses_rows_of_another_length() -> None:
    with pytest.raises(ValueError, match=r"'t': a row has 1 cells, expected 2"):
        blocks.Table("t", ("a", "b"), (("1",),))


def test_charts_are_small_well_formed_and_keep_text() -> None:
    name = 'a "b" <c> \\1 id="d"'
    svg = charts.lines(
        {name: [(1, 2.0), (2, 1.0)], "e": [(1, 1.0), (2, 3.0)]},
        alt=f"x {name}",
        x_label="epoch",
        y_label="$loss$",
        mark=(2, "best"),
    )
    tree = ElementTree.fromstring(svg)
    assert tree.get("aria-label") == f"x {name}"
    assert {name, "e", "epoch", "$loss$", "best"} <= {
        "".join(t.itertext()) for t in tree.iter("text")
    }
    assert len(svg) < 15_000


def test_charts_share_no_id_and_keep_their_references() -> None:
    one, other = (
        charts.lines({"a": [(1, 2.0), (2, y)]}, alt="", x_label="", y_label="") for y in (1.0, 3.0)
    )
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", one)) == ids[0]


def test_a_chart_shows_recall_and_the_strongest_of_many_systems() -> None:
    values = {"recall": 0.1, "a": 0.3, "b": 0.2, "c": 0.5, "last_blessed": 0.0}
    shown = systems.charted(list(values), values.__getitem__)
    assert shown == ["recall", "a", "c", "last_blessed"]
