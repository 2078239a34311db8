"""`recsys dataset check` says what is there and shows several problems at once."""

from __future__ import annotations

import pathlib

import pytest

from modules import config, strict
from modules.beam import check, errors
from tests import tables


def test_good_data_are_summarised(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = check.check(
        tables.write(
            tmp_path, events=tables.EVENTS + "u1\tz\t\t9\n", unknown_item="keep", unknown_share=0.2
        ),
        config.Split(),
        config.Features(max_history=50),
    )
    assert summary["targets"] == {"train": 4, "valid": 2, "test": 2}
    assert capsys.readouterr().out.splitlines() == [
        f"events: 1 file, {(tmp_path / 'shop.inter').stat().st_size} bytes",
        f"users: 1 file, {(tmp_path / 'shop.user').stat().st_size} bytes",
        f"items: 1 file, {(tmp_path / 'shop.item').stat().st_size} bytes",
        "8 events of 2 users, a catalogue of 3 items",
        "targets: train 4, valid 2, test 2",
        "unknown_item (keep): 1 items, 1 events",
        "90 % of the users have at most 4 events; features.max_history is 50, more than they need.",
    ]


def test_the_first_problems_are_shown_in_order_and_all_are_counted(tmp_path: pathlib.Path) -> None:
    bad = "".join(f"u1\ta\t1\tbad{n}\n" for n in range(12))
    items = tables.ITEMS + "a\tAgain\t1\t\t\n"
    with pytest.raises(errors.DataError) as caught:
        check.check(tables.write(tmp_path, events=tables.EVENTS + bad, items=items), config.Split())
    first, *lines = str(caught.value).splitlines()
    assert first == "13 problems in the data:"
    places = [line.split(":")[0].split("/")[-1] for line in lines[:10]]
    assert places == [f"shop.inter, line {9 + n}" for n in range(10)]
    assert lines[10] == "  and 3 more"


def test_problems_of_several_files_and_steps_are_in_the_order_of_the_files(
    tmp_path: pathlib.Path,
) -> None:
    """Whichever step finds them: reading finds a bad rating, joining an unknown user or item."""
    plain = strict.to_plain(tables.write(tmp_path))
    (tmp_path / "events").mkdir()
    header, *rows = tables.EVENTS.splitlines()
    for name in ("b", "a"):
        lines = [header, *rows, "u3\ta\t1\t5", "u1\ta\tbad\t5", "u1\tz\t1\t5", "u1\ta"]
        (tmp_path / "events" / f"{name}.inter").write_text("\n".join(lines) + "\n")
    (tmp_path / "shop.user").write_text(tables.USERS + "u2\tolder\t\nu1\t\t\n")
    (tmp_path / "shop.item").write_text(tables.ITEMS + "a\tAgain\t1\t\t\n")
    plain |= {"unknown_user": "refuse", "unknown_item": "refuse"}
    plain["events"]["path"] = str(tmp_path / "events")
    with pytest.raises(errors.DataError) as caught:
        check.check(strict.read(config.Data, plain), config.Split())
    _, *lines = str(caught.value).splitlines()
    places = [line.split(":")[0].split("/")[-1] for line in lines]
    assert places == [
        "a.inter, line 9",
        "a.inter, line 10",
        "a.inter, line 11",
        "a.inter, line 12",
        "b.inter, line 10",
        "b.inter, line 12",
        "shop.item, line 5",
        "shop.user, line 4",
        "shop.user, line 5",
    ]


def test_a_data_set_that_is_useless_as_a_whole_is_told(tmp_path: pathlib.Path) -> None:
    header = tables.EVENTS.splitlines()[0]
    with pytest.raises(
        errors.DataError, match=r"^1 problem in the data:\n  data\.events: no events at all"
    ):
        check.check(tables.write(tmp_path, events=header), config.Split())
