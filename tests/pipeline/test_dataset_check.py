"""What `recsys dataset check` prints: tables that fit the terminal, or JSON with stable keys."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest

from modules import config, strict
from modules.beam import errors
from pipeline import dataset_check
from tests import tables


def _config(folder: pathlib.Path, **changes: str) -> config.Config:
    data = tables.write(folder, **changes)
    return config.Config(name="shop", data=data, ranking=config.Ranking(enabled=False))


def test_the_tables_say_what_was_understood(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    dataset_check.main(_config(tmp_path), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    size = (tmp_path / "shop.inter").stat().st_size
    assert lines[:10] == [
        f"events: 1 file, {size} bytes; recbole (by the ending); 7 rows",
        "  column     read as    distinct  missing  values",
        "  user_id    user_id    2         0        e.g. u1, u2",
        "  item_id    item_id    3         0        e.g. a, b, c",
        "  timestamp  timestamp  7         0        1970-01-01 00:01:40 to 1970-01-01 00:07:30 UTC",
        "                                           e.g. 100, 200, 300",
        "  rating     numeric    5         14.3%    1 to 5, quartiles 2 4 4",
        "                                           e.g. 5, 4, 1",
        "                                           missing: empty 1",
        "",
    ]
    at = next(n for n, line in enumerate(lines) if line.startswith("  data"))
    assert lines[at - 1 :] == [
        "all together:",
        "  data            7 events of 2 users, a catalogue of 3 items; density 116.7%",
        "  time            1970-01-01 00:01:40 to 1970-01-01 00:07:30 UTC",
        "  events a user   3.5 on average; 3 to 4, quartiles 3 3 4",
        "  events an item  2.3 on average; 2 to 3, quartiles 2 2 3",
        "  top items       of the items, the most frequent 50% have 42.9% of the events",
        "  repeats         1 event (14.3%) and 1 of the users' last ones (50.0%) repeat an item of",
        "                    the user",
        "                  excluded (data.repeats: exclude): what a user had is never recommended,",
        "                    and no system can hit an event that repeats",
        "  splits          train 3, valid 2, test 2",
        "  max_history     200, more than they need: 90 % of the users have at most 4 events",
    ]
    assert max(map(len, lines)) <= 90


@pytest.mark.parametrize(
    ("ties", "said"),
    [
        (
            "file",
            "two items stand the same way round in 100.0% of 80 cases, by lot it would be 56.2%.",
        ),
        ("lot", "their order is drawn by lot (data.ties: lot)"),
    ],
)
def test_a_file_whose_ties_are_sorted(
    ties: str, said: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 40 users, a, b and c at one time: two pairs of neighbours, 40 times each.

    By lot the more frequent way has 22.5 of 40.
    """
    head, *_ = tables.EVENTS.splitlines()
    rows = [f"u{n}\t{item}\t5\t100" for n in range(40) for item in "abc"]
    cfg = _config(tmp_path, events="\n".join([head, *rows, ""]))
    data = dataclasses.replace(cfg.data, ties=ties, users=None)
    dataset_check.main(dataclasses.replace(cfg, data=data), as_json=False)
    assert said in " ".join(capsys.readouterr().out.split())


def test_json_has_its_keys_and_nothing_else_is_printed(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = _config(tmp_path, events=tables.EVENTS + "u1\ta\tbad\t5\n")
    with pytest.raises(errors.DataError):
        dataset_check.main(cfg, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["name", "tables", "summary", "problems"]
    events = found["tables"]["events"]
    columns = events.pop("columns")
    assert events == {
        "path": str(tmp_path / "shop.inter"),
        "format": "recbole",
        "format_is_guessed": True,
        "files": 1,
        "bytes": (tmp_path / "shop.inter").stat().st_size,
        "empty_files": 0,
        "other_files": 0,
        "rows": 8,
        "refused": 1,
    }
    assert list(columns["rating"]) == [
        "role",
        "kind",
        "rows",
        "refused",
        "cells",
        "missing",
        "missing_texts",
        "distinct",
        "distinct_is_exact",
        "examples",
        "numbers",
        "absurd",
    ]
    (problem,) = found["problems"]
    assert (problem["table"], problem["line"], problem["column"]) == ("events", 9, "rating")
    assert found["summary"]["events"] == 7


def test_a_guessed_separator_and_the_order_of_the_rows_are_said(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "e.csv").write_text("user,item\n" + "u,a\nu,b\nu,c\nv,a\nv,b\nv,c\n")
    (tmp_path / "i.csv").write_text("item,tags\na,x|y\nb,x\nc,\n")
    columns = {"user": "user_id", "item": "item_id", "at": {"from": "file_order"}}
    data = {
        "events": {"path": str(tmp_path / "e.csv"), "columns": columns},
        "items": {
            "path": str(tmp_path / "i.csv"),
            "columns": {"item": "item_id", "tags": "multi_categorical"},
        },
    }
    cfg = config.Config(
        name="shop", data=strict.read(config.Data, data), ranking=config.Ranking(enabled=False)
    )
    dataset_check.main(cfg, as_json=False)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "at timestamp the order of the rows, no time" in lines
    assert "separator (guessed): '|'" in lines
