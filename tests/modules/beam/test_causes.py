"""Problems are told by cause: equal ones once, with their number, and consequences under them."""

from __future__ import annotations

import gzip
import json
import pathlib

import pytest

from modules import config
from modules.beam import causes, check, errors, files, problems
from tests import tables

LISTING = files.Listing("events", "csv", ("/data/a.csv", "/data/b.csv"), (9, 9))
CUT = "the file is cut off."


def _gather(*found: problems.Problem) -> dict[str, object]:
    """What the combine makes of problems that two workers found, after a trip through JSON."""
    combine = problems.GroupByKind()
    halves = []
    for half in (found[::2], found[1::2]):
        accumulator = combine.create_accumulator()
        for problem in half:
            accumulator = combine.add_input(accumulator, problem)
        halves.append(accumulator)
    merged = combine.extract_output(combine.merge_accumulators(halves))
    read: dict[str, object] = json.loads(json.dumps(merged))
    return read


def _cell(line: int, found: str, column: str = "price", file: int = 0) -> problems.Problem:
    text = f"column '{column}': found {found}, expected a number. Correct it."
    return problems.Problem("items", (file, line, 0), text, column)


def test_problems_that_differ_in_what_was_found_are_one_cause() -> None:
    found = [
        _cell(40, "'$4'"),
        _cell(10, "'$1.50'"),
        _cell(30, '"it\'s"'),
        _cell(20, "-3"),
        _cell(50, "'x'", column="age"),
    ]
    (first, second), left_out = causes.find(_gather(*found))
    assert first.first == found[1]
    assert [p.place for p in first.next] == [(0, 20, 0), (0, 30, 0)]
    assert (first.number, second.number, left_out) == (4, 1, 0)
    assert problems.rule(found[1]) == "found …, expected a number"


def test_rows_of_a_broken_file_follow_from_it_and_those_of_others_do_not() -> None:
    broken = problems.Problem("items", (0, -1, 0), CUT, refuses_file=True)
    found = [_cell(10, "'a'"), _cell(20, "'b'"), broken, _cell(30, "'c'", file=1)]
    (file, row), _ = causes.find(_gather(*found))
    assert (file.first, file.follows) == (broken, ["2 rows of it cannot be used"])
    assert (row.first, row.number, row.next) == (found[3], 1, ())


def test_what_needs_a_table_follows_from_its_broken_file() -> None:
    broken = problems.Problem("items", (0, -1, 0), CUT, refuses_file=True)
    unknown = problems.Problem(
        "events", (0, 7, 0), "item 'a' is not in data.items (3 events). Add it.", needs="items"
    )
    (cause,), _ = causes.find(_gather(unknown, unknown._replace(place=(0, 9, 0)), broken))
    assert cause.first == broken
    assert cause.follows == ["2 times, first: item 'a' is not in data.items (3 events)"]
    assert [c.first for c in causes.find(_gather(unknown))[0]] == [unknown]


def test_of_very_many_kinds_only_the_first_are_kept_and_all_are_counted() -> None:
    found = [_cell(n, "'x'", column=f"c{n:03}") for n in range(250)]
    kept, left_out = causes.find(_gather(*found))
    assert [c.first for c in kept] == found[:200]
    assert left_out == 50


def test_a_refused_item_counts_the_events_that_refer_to_it(tmp_path: pathlib.Path) -> None:
    """Items b and c cannot be read; two events of b, and two of c, refer to them."""
    items = tables.ITEMS.replace("b\tBread\t", "b\tBread\t$3").replace("Cheese\t3", "Cheese\t$4")
    with pytest.raises(errors.DataError) as caught:
        check.check(
            tables.write(tmp_path, items=items, unknown_item="refuse"),
            config.Split(),
        )
    heading, cause, more, *follows = str(caught.value).splitlines()
    assert heading == "1 problem in the data:"
    assert cause.startswith(f"  {tmp_path}/shop.item, line 3: column 'price': found '$3'")
    assert more == "    1 more case like it, next line 4"
    assert follows == [
        "    it follows: 5 events refer to these rows",
        "    it follows: a catalogue of 1, expected at least 2 items",
    ]


def test_a_refused_user_counts_the_events_that_refer_to_it(tmp_path: pathlib.Path) -> None:
    users = tables.USERS.replace("u2\t30", "u2\told")
    found = _found(tables.write(tmp_path, users=users, unknown_user="refuse"))
    (cause,), _ = causes.find(found.problems)
    assert (cause.first.column, cause.first.key, cause.events) == ("age", "u2", 4)


def test_without_events_because_of_their_times_there_is_one_problem(tmp_path: pathlib.Path) -> None:
    found = _found(tables.write(tmp_path, events=tables.EVENTS.replace("0\n", "0 o'clock\n")))
    (cause,), _ = causes.find(found.problems)
    assert (cause.first.column, cause.number) == ("timestamp", 7)
    assert cause.follows == ["no events at all"]


def test_a_bad_header_is_the_cause_of_unknown_items(tmp_path: pathlib.Path) -> None:
    items = tables.ITEMS.replace("item_id:token", "id:token", 1)
    found = _found(tables.write(tmp_path, items=items))
    (cause,), _ = causes.find(found.problems)
    assert cause.first.text.startswith("no column 'item_id'")
    assert any("is not in data.items" in text for text in cause.follows)


def test_a_cut_file_is_the_cause_of_its_garbled_last_row(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "e.csv.gz"
    rows = "".join(f"u{n % 9},i{n % 7},{n}\n" for n in range(100, 3000))
    path.write_bytes(gzip.compress(f"user,item,time\n{rows}".encode())[:-3000])
    found = _found(tables.only_events(path))
    (cause,), _ = causes.find(found.problems)
    assert cause.first.refuses_file
    assert "cut off" in cause.first.text


def test_json_names_the_file_the_line_and_the_column(tmp_path: pathlib.Path) -> None:
    events = tables.EVENTS + "u1\ta\tbad\t5\nu1\ta\tgood\t6\n"
    found = _found(tables.write(tmp_path, events=events))
    (cause,) = causes.to_json(found.problems, found.listings)
    path = str(tmp_path / "shop.inter")
    text = cause.pop("text")
    assert text.startswith("column 'rating': found 'bad', expected a number. ")
    assert cause == {
        "table": "events",
        "file": path,
        "line": 9,
        "column": "rating",
        "cause": "found …, expected a number",
        "count": 2,
        "next": [{"file": path, "line": 10}],
        "events": 0,
        "follows": [],
    }


def _found(data: config.Data) -> check.Found:
    shown: list[check.Found] = []
    with pytest.raises(errors.DataError):
        check.check(data, config.Split(), show=shown.append)
    return shown[0]
