"""Tables to raw features, end to end: values by hand, formats, policies, no target lost."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math
import pathlib
import random
import re
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from modules import config, features, ranking_config, strict
from modules.beam import text
from tests import tables

TEMPORAL = config.Split(method="temporal", valid_from=300.0, test_from=400.0)


def test_the_features_of_every_split_by_hand(tmp_path: pathlib.Path) -> None:
    made = tables.make(tmp_path, tables.write(tmp_path))
    u2 = {"user_id": ["u2"], "user_age": [30.0], "user_gender": ["?"]}  # no gender: the default
    assert tables.of_user(made["train"], "u2") == [
        {
            **u2,
            "event_item_id": ["b", "c"],
            "event_timestamp": [150, 250],
            "event_rating": [1.0, 2.0],
            "window_start": [0],
            "seen_item_id": ["b", "c"],
            "repeats_allowed": [0],
        }
    ]
    assert tables.of_user(made["valid"], "u2") == [
        {
            **u2,
            "event_item_id": ["b", "c", "a"],
            "event_timestamp": [150, 250, 350],
            "event_rating": [1.0, 2.0, 3.0],
            "window_start": [0],
            "seen_item_id": ["b", "c"],
            "repeats_allowed": [0],
            "target_item_id": ["a"],
        }
    ]
    assert tables.of_user(made["test"], "u2") == [
        {
            **u2,
            "event_item_id": ["b", "c", "a", "b"],
            "event_timestamp": [150, 250, 350, 450],
            "event_rating": [1.0, 2.0, 3.0, 4.0],
            "window_start": [0],
            "seen_item_id": ["b", "c", "a"],
            "repeats_allowed": [0],
            "target_item_id": ["b"],
        }
    ]
    (last,) = tables.of_user(made["test"], "u1")
    # empty: not known
    assert last["event_rating"] == pytest.approx([5.0, 4.0, math.nan], nan_ok=True)
    assert sorted(made["catalogue"], key=str) == [
        {
            "item_id": ["a"],
            "item_title": ["Apple"],
            "item_price": [1.5],
            "item_tags": ["red", "round"],
            "item_image": [0.0, 1.0],
        },
        {
            "item_id": ["b"],
            "item_title": ["Bread"],
            "item_price": [2.0],
            "item_tags": [],
            "item_image": [0.25, 0.25],
        },
        {
            "item_id": ["c"],
            "item_title": ["Cheese"],
            "item_price": [3.0],
            "item_tags": ["round"],
            "item_image": [1.0, 0.5],
        },
    ]


def test_the_summary_counts_by_hand(tmp_path: pathlib.Path) -> None:
    (summary,) = tables.make(tmp_path, tables.write(tmp_path))["summary"]
    assert (summary["users"], summary["items"]) == (2, 3)
    assert summary["events"] == 7
    assert (summary["first_timestamp"], summary["last_timestamp"]) == (100, 450)
    assert summary["targets"] == {"train": 3, "valid": 2, "test": 2}
    assert summary["examples"] == {"train": 2, "valid": 2, "test": 2, "catalogue": 3}
    assert summary["history_lengths"] == {"4": 2}  # 3 and 4 events
    assert summary["item_uses"] == {"2": 2, "4": 1}  # a 2, b 3, c 2
    assert summary["item_use_events"] == {"2": 4, "4": 3}
    assert summary["events_a_user"]["mean"] == 3.5
    assert summary["events_an_item"]["max"] == 3
    # u2 has b first and last
    assert summary["repeats"] == {
        "events": 1,
        "last_events": 1,
        "train_events": 3,
        "train_repeats": 0,
        "declared": "exclude",
        "allowed": False,
    }


def test_long_histories_become_windows(tmp_path: pathlib.Path) -> None:
    rows = "".join(f"u1\t{'abc'[n % 3]}\t1\t{n}\n" for n in range(8))
    data = tables.write(tmp_path, events=tables.EVENTS.splitlines()[0] + "\n" + rows)
    made = tables.make(tmp_path, data, max_history=3)
    train = tables.of_user(made["train"], "u1")  # events 0..5: targets 0, 1, 2 and 3, 4, 5
    assert [(row["window_start"], row["event_timestamp"]) for row in train] == [
        ([0], [0, 1, 2]),
        ([1], [1, 2, 3, 4, 5]),
    ]
    assert all(row["seen_item_id"] == ["a", "b", "c"] for row in train)
    held_out = [
        (row["window_start"], row["event_timestamp"]) for row in (*made["valid"], *made["test"])
    ]
    assert held_out == [([2], [2, 3, 4, 5, 6]), ([3], [3, 4, 5, 6, 7])]


def test_a_temporal_split_has_an_example_for_every_held_out_event(tmp_path: pathlib.Path) -> None:
    made = tables.make(tmp_path, tables.write(tmp_path), TEMPORAL)
    assert sorted((row["user_id"][0], row["event_item_id"]) for row in made["train"]) == [
        ("u1", ["a", "b"]),
        ("u2", ["b", "c"]),
    ]
    assert sorted((row["user_id"][0], row["event_item_id"]) for row in made["valid"]) == [
        ("u1", ["a", "b", "c"]),
        ("u2", ["b", "c", "a"]),
    ]
    assert [row["event_item_id"] for row in made["test"]] == [["b", "c", "a", "b"]]


def test_ties_keep_the_order_of_file_and_line(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    head, shop = "user_id,item_id,timestamp\n", "u,{},5\n"
    (folder / "2.csv").write_text(head + shop.format("c"))
    (folder / "1.csv").write_text(head + shop.format("b") + shop.format("a"))
    data = _csv(folder)
    made = tables.make(tmp_path, data)
    assert made["test"][0]["event_item_id"] == ["b", "a", "c"]
    assert made["summary"][0]["events_with_the_time_of_the_one_before"] == 2
    # no items' table
    assert sorted(row["item_id"][0] for row in made["catalogue"]) == ["a", "b", "c"]


def test_ties_by_lot_do_not_depend_on_the_order_of_the_file(tmp_path: pathlib.Path) -> None:
    """20 users with the same six items at one time, and a seventh after it."""
    found = []
    for items in ("abcdef", "fedcba"):
        folder = tmp_path / items
        folder.mkdir()
        rows = [f"u{n},{item},5\n" for n in range(20) for item in items]
        rows += [f"u{n},last,6\n" for n in range(20)]
        (folder / "e.csv").write_text("user_id,item_id,timestamp\n" + "".join(rows))
        for drawn in ("lot", "file"):
            data = dataclasses.replace(_csv(folder / "e.csv"), ties=drawn)
            made = tables.make(folder, data)
            ties = made["summary"][0]["ties"]
            test = sorted(
                (row["user_id"][0], "".join(row["event_item_id"])) for row in made["test"]
            )
            found.append(({items for _, items in test}, ties["same_way"] / ties["cases"]))
            assert len(test) == 20 and all(items.endswith("last") for _, items in test)
    (lot, share), (file, sorted_share), (other, other_share), (reverse, _) = found
    assert lot == other and len(lot) > 10 and share == other_share < 0.9
    assert (file, reverse, sorted_share) == ({"abcdeflast"}, {"fedcbalast"}, 1.0)


def test_csv_reads_quotes_windows_line_ends_a_mark_and_blank_lines(tmp_path: pathlib.Path) -> None:
    rows = '\ufeffuser_id;item_id;timestamp\r\nu;"a;1";1\r\n\r\nu;b;2\r\nu;c;3'
    (tmp_path / "e.csv").write_bytes(rows.encode())
    made = tables.make(tmp_path, _csv(tmp_path / "e.csv", delimiter=";"))
    assert made["test"][0]["event_item_id"] == ["a;1", "b", "c"]


def test_compressed_text_is_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "e.csv.gz").write_bytes(
        gzip.compress(b"user_id,item_id,timestamp\nu,a,1\nu,b,2\nu,c,3\n")
    )
    made = tables.make(tmp_path, _csv(tmp_path / "e.csv.gz"))
    assert made["test"][0]["event_item_id"] == ["a", "b", "c"]


def test_a_file_read_in_many_pieces_gives_every_line_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "_CHUNK", 7)  # bytes; lines are longer and shorter than that
    made = tables.make(tmp_path, tables.write(tmp_path))
    assert made["summary"][0]["events"] == 7
    assert tables.of_user(made["test"], "u2")[0]["event_item_id"] == ["b", "c", "a", "b"]


@pytest.mark.parametrize(("column", "stays"), [("feature", True), ("action_type", False)])
def test_a_column_called_action_type_is_what_its_role_says(
    tmp_path: pathlib.Path, column: str, stays: bool
) -> None:
    plain = tables.PLAIN["events"]
    declared = {"role": column, "default": "click"} | ({"kind": "categorical"} if stays else {})
    (tmp_path / "shop.inter").write_text(
        "user_id:token\titem_id:token\taction_type:token\ttimestamp:float\nu1\ta\t\t100\nu1\tb\tbuy\t200\nu1\ta\tbuy\t300\n"
    )
    data = strict.read(
        config.Data,
        {
            "events": {
                "path": str(tmp_path / "shop.inter"),
                "columns": {
                    **{n: c for n, c in plain["columns"].items() if n != "rating"},
                    "action_type": declared,
                },
            }
        },
    )
    (made,) = tables.make(tmp_path, data)["train"]
    assert made["event_action_type"] == ["" if stays else "click"]
    (feature,) = features.event_features(data)
    assert (feature.name, feature.stays_unknown) == ("event_action_type", stays)


def test_a_weight_comes_with_its_event_and_is_1_where_it_is_missing(
    tmp_path: pathlib.Path,
) -> None:
    data = tables.write(tmp_path)
    columns = {n: c for n, c in tables.PLAIN["events"]["columns"].items() if n != "rating"}
    weighted = strict.read(
        config.Table, {"path": data.events.path, "columns": {**columns, "rating": "weight"}}
    )
    made = tables.make(tmp_path, dataclasses.replace(data, events=weighted))
    (test,) = tables.of_user(made["test"], "u1")
    assert test["event_item_id"] == ["a", "b", "c"]
    assert test["event_weight"] == [5.0, 4.0, 1.0]
    assert "event_rating" not in test


def test_flat_and_nested_parquet_give_what_text_gives(tmp_path: pathlib.Path) -> None:
    expected = tables.make(tmp_path, tables.write(tmp_path))
    rows = [line.split("\t") for line in tables.EVENTS.splitlines()[1:]]
    flat = [
        {
            "user_id": user,
            "item_id": item,
            "timestamp": int(time),
            "rating": float(rating) if rating else None,
        }
        for user, item, rating, time in rows
    ]
    nested = [
        {
            "user_id": user,
            "seq": [
                {k: v for k, v in row.items() if k != "user_id"}
                for row in flat
                if row["user_id"] == user
            ],
        }
        for user in ("u1", "u2")
    ]
    parquet.write_table(pa.Table.from_pylist(flat), tmp_path / "flat.parquet", row_group_size=2)
    parquet.write_table(pa.Table.from_pylist(nested), tmp_path / "nested.parquet", row_group_size=1)
    for name, extra in (("flat", {}), ("nested", {"list_column": "seq"})):
        folder = tmp_path / name
        folder.mkdir()
        plain = strict.to_plain(tables.write(tmp_path))
        plain["events"] |= {"path": str(tmp_path / f"{name}.parquet"), "format": "parquet", **extra}
        made = tables.make(folder, strict.read(config.Data, plain))
        for split in ("train", "valid", "test", "summary"):
            assert sorted(map(json.dumps, made[split])) == sorted(map(json.dumps, expected[split]))


def test_any_name_in_the_file_is_read_by_its_source(tmp_path: pathlib.Path) -> None:
    """Names no feature key may have: spaces, dots, slashes; in every format and nested Parquet."""
    names = {
        "user": "the user",
        "item": "item.id",
        "time": "when/s",
        "fav_cat": "Fav Cat",
        "a_b": "a.b",
    }
    roles = {
        "user": {"role": "user_id"},
        "item": {"role": "item_id"},
        "time": tables.SMALL_TIMES,
        "fav_cat": {"kind": "categorical"},
        "a_b": {"role": "context", "kind": "categorical"},
    }
    columns = {key: {**role, "source": names[key]} for key, role in roles.items()}
    rows = [
        dict(zip(names.values(), ("u", item, n, f"cat {n}", f"ctx {n}")))
        for n, item in enumerate("abc")
    ]
    lines = [",".join(names.values()), *(",".join(map(str, row.values())) for row in rows)]
    (tmp_path / "e.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "e.recbole").write_text("\n".join(lines).replace(",", "\t") + "\n")
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    nested = [
        {
            "the user": "u",
            "all.events": [{k: v for k, v in row.items() if k != "the user"} for row in rows],
        }
    ]
    parquet.write_table(pa.Table.from_pylist(nested), tmp_path / "e.nested")
    for kind, extra in (
        ("csv", {}),
        ("recbole", {}),
        ("parquet", {}),
        ("nested", {"format": "parquet", "list_column": "all.events"}),
    ):
        folder = tmp_path / kind
        folder.mkdir()
        table = {"path": str(tmp_path / f"e.{kind}"), "format": kind, "columns": columns, **extra}
        (row,) = tables.make(folder, strict.read(config.Data, {"events": table}))["test"]
        assert row["user_id"] == ["u"] and row["event_item_id"] == ["a", "b", "c"], kind
        assert row["event_fav_cat"] == ["cat 0", "cat 1", "cat 2"], kind
        assert row["context_a_b"] == ["ctx 0", "ctx 1", "ctx 2"], kind


def test_action_type_context_and_source_are_carried(tmp_path: pathlib.Path) -> None:
    (tmp_path / "e.csv").write_text(
        "who,item_id,timestamp,kind,device\nu,a,1,click,tv\nu,b,2,,tv\nu,c,3,buy,\n"
    )
    columns = {
        "user_id": {"role": "user_id", "source": "who"},
        "item_id": "item_id",
        "timestamp": tables.SMALL_TIMES,
        "kind": {"role": "action_type", "default": "view"},
        "device": {"role": "context", "kind": "categorical", "default": "web"},
    }
    table = {"path": str(tmp_path / "e.csv"), "format": "csv", "columns": columns}
    data = strict.read(config.Data, {"events": table})
    (row,) = tables.make(tmp_path, data)["test"]
    assert row["event_action_type"] == ["click", "view", "buy"]
    assert row["context_device"] == ["tv", "tv", "web"]


@pytest.mark.parametrize(
    ("policies", "events", "expected"),
    [
        (
            {"duplicate_events": "keep"},
            "u1\tc\t\t300\n",
            {"events": 8, "duplicate_events": {"policy": "keep", "events": 1}},
        ),
        (
            {"duplicate_events": "drop"},
            "u1\tc\t\t300\n",
            {"events": 7, "duplicate_events": {"policy": "drop", "events": 1}},
        ),
        (
            {"unknown_item": "keep", "unknown_share": 0.3},
            "u1\tz\t\t300\nu2\tz\t\t1\n",
            {"events": 9, "items": 3, "unknown_item": {"policy": "keep", "items": 1, "events": 2}},
        ),
        (
            {"unknown_user": "keep", "unknown_share": 0.3},
            "u3\ta\t\t1\n",
            {
                "events": 8,
                "users": 3,
                "unknown_user": {"policy": "keep", "users": 1, "events": 1},
                "users_only_in_train": 1,
            },
        ),
    ],
)
def test_policies_are_counted(
    tmp_path: pathlib.Path, policies: dict[str, Any], events: str, expected: dict[str, Any]
) -> None:
    made = tables.make(tmp_path, tables.write(tmp_path, events=tables.EVENTS + events, **policies))
    (summary,) = made["summary"]
    found = {**summary, **summary["policies"]}
    assert {name: found[name] for name in expected} == expected


def test_an_unknown_user_gets_the_defaults_of_every_kind(tmp_path: pathlib.Path) -> None:
    events = tables.EVENTS + "u3\ta\t\t1\n"
    users = "user_id:token\tlikes:token_seq\ttaste:float_seq\nu1\tx\t1 2\nu2\ty\t1 2\n"
    plain = strict.to_plain(tables.write(tmp_path, events=events, users=users, unknown_share=1))
    plain["users"]["columns"] = {
        "user_id": "user_id",
        "likes": {"kind": "multi_categorical", "default": "none yet", "separator": " "},
        "taste": {"kind": "vector", "dimension": 2, "default": -1},
    }
    (row,) = tables.of_user(tables.make(tmp_path, strict.read(config.Data, plain))["train"], "u3")
    assert (row["user_likes"], row["user_taste"]) == (["none", "yet"], [-1.0, -1.0])


def test_the_first_of_duplicate_items_is_kept_if_so_declared(tmp_path: pathlib.Path) -> None:
    data = tables.write(
        tmp_path, items=tables.ITEMS + "a\tAvocado\t9\tgreen\t0 0\n", duplicate_items="first"
    )
    made = tables.make(tmp_path, data)
    assert [row["item_title"] for row in made["catalogue"] if row["item_id"] == ["a"]] == [
        ["Apple"]
    ]
    assert made["summary"][0]["policies"]["duplicate_items"] == {"policy": "first", "items": 1}


@pytest.mark.parametrize("seed", range(3))
def test_random_users_lose_and_double_no_target(tmp_path: pathlib.Path, seed: int) -> None:
    random.seed(seed)
    history = {f"u{n}": random.randrange(1, 25) for n in range(30)}
    rows = [
        f"{user},i{random.randrange(9)},{random.randrange(40)},{user}-{n}"
        for user, events in history.items()
        for n in range(events)
    ]
    random.shuffle(rows)
    (tmp_path / "e.csv").write_text("\n".join(["user_id,item_id,timestamp,mark", *rows]))
    data = _csv(tmp_path / "e.csv", mark="categorical")  # the mark tells one event from the other
    made = tables.make(tmp_path, data, max_history=4)
    targets = Counter(
        mark
        for row in made["train"]
        for mark in row["event_mark"][2 if row["window_start"][0] else 0 :]
    )
    targets.update(row["event_mark"][-1] for split in ("valid", "test") for row in made[split])
    assert targets == Counter(row.split(",")[3] for row in rows)


def test_what_ranking_and_its_recall_model_get_by_hand(tmp_path: pathlib.Path) -> None:
    """Eight training events of u1, a b c a b c a b; a quarter, the last two, are requests."""
    rows = "".join(f"u1\t{'abc'[n % 3]}\t{n}\t{n}\n" for n in range(10))
    data = tables.write(tmp_path, events=tables.EVENTS.splitlines()[0] + "\n" + rows)
    made = tables.make(tmp_path, data, max_history=3, hold_out=ranking_config.HoldOut(share=0.25))
    assert [
        (row["window_start"], row["event_timestamp"], row["seen_item_id"])
        for row in tables.of_user(made["recall_0"], "u1")
    ] == [
        ([0], [0, 1, 2], ["a", "b", "c"]),  # targets 0, 1, 2 and 3, 4, 5
        ([1], [1, 2, 3, 4, 5], ["a", "b", "c"]),
    ]
    assert tables.of_user(made["rank_0"], "u1") == [
        {
            "user_id": ["u1"],
            "user_age": [20.0],
            "user_gender": ["F"],
            "window_start": [start],
            "event_item_id": items,
            "event_timestamp": [start + n for n in range(5)],
            "event_rating": [float(start + n) for n in range(5)],
            "seen_item_id": ["a", "b", "c"],
            "repeats_allowed": [0],
            "target_item_id": items[-1:],
        }
        for start, items in ((2, ["c", "a", "b", "c", "a"]), (3, ["a", "b", "c", "a", "b"]))
    ]
    (summary,) = made["summary"]
    assert summary["targets"] == {"train": 8, "valid": 1, "test": 1, "recall_0": 6, "rank_0": 2}
    assert summary["examples"] == {
        "train": 3,
        "valid": 1,
        "test": 1,
        "recall_0": 2,
        "rank_0": 2,
        "catalogue": 3,
    }


def test_a_recall_model_of_ranking_sees_no_event_that_it_is_asked_about(
    tmp_path: pathlib.Path,
) -> None:
    """Nor does it know the item as seen; what is not asked of it trains it, under each method."""
    random.seed(5)
    rows = [
        f"u{n},i{random.randrange(200)},{place},u{n}-{place}"
        for n in range(20)
        for place in range(random.randrange(8, 30))
    ]
    (tmp_path / "e.csv").write_text("\n".join(["user_id,item_id,timestamp,mark", *rows]))
    data = _csv(tmp_path / "e.csv", mark="categorical")
    for settings in (
        ranking_config.HoldOut(requests=4),
        ranking_config.HoldOut(starts=10),
        ranking_config.HoldOut(method="cross_fit", folds=3),
    ):
        folder = tmp_path / f"{settings.method}-{settings.starts}"
        folder.mkdir()
        made = tables.make(folder, data, max_history=4, hold_out=settings)
        asked = {
            row["event_mark"][-1] for part in range(settings.parts) for row in made[f"rank_{part}"]
        }
        assert asked < {mark for row in made["train"] for mark in row["event_mark"]}
        for part in range(settings.parts):
            learned = {mark for row in made[f"recall_{part}"] for mark in row["event_mark"]}
            requests = {row["event_mark"][-1] for row in made[f"rank_{part}"]}
            assert requests and learned and not requests & learned
            for row in made[f"recall_{part}"]:
                own = {
                    line.split(",")[1]
                    for line in rows
                    if line.split(",")[3] in learned and line.split(",")[0] == row["user_id"][0]
                }
                assert set(row["seen_item_id"]) == own
            for row in made[f"rank_{part}"]:
                user, place = row["event_mark"][-1].split("-")
                before = [line.split(",")[1] for line in rows if line.split(",")[0] == user][
                    : int(place)
                ]
                assert sorted(row["seen_item_id"]) == sorted(set(before))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {},
            (
                "is left for rank_0; it needs users of whose training events a share of 0.2 is a "
                "whole event, found 2 users with 3 training events. Raise ranking.hold_out.share"
            ),
        ),
        ({"method": "cross_fit", "folds": 2, "share": 0.1}, "users in each of 2 folds of whose"),
        (
            {"starts": 251},
            r"falls into rank_0; events last from 100 to 450 \(Unix seconds\), starts is 251.",
        ),
        ({"starts": 50}, "falls into recall_0; events last"),
    ],
)
def test_a_hold_out_that_holds_nothing_is_refused(
    tmp_path: pathlib.Path, settings: dict[str, Any], text: str
) -> None:
    message = tables.refusal(tables.write(tmp_path), hold_out=ranking_config.HoldOut(**settings))
    assert re.search(f"ranking.hold_out: no training event .*{text}", message)


def _csv(path: pathlib.Path, delimiter: str | None = None, **features: str) -> config.Data:
    keys = {"user_id": "user_id", "item_id": "item_id", "timestamp": tables.SMALL_TIMES}
    columns = {**keys, **features}
    return strict.read(
        config.Data,
        {
            "events": {
                "path": str(path),
                "format": "csv",
                "delimiter": delimiter,
                "columns": columns,
            }
        },
    )
