"""`recsys dataset check` counts what is there and tells several problems at once."""

from __future__ import annotations

import pathlib

import pytest

from modules import config, strict
from modules.beam import check, errors
from tests import tables


def test_good_data_are_summarised_and_shown(tmp_path: pathlib.Path) -> None:
    shown: list[check.Found] = []
    found = check.check(
        tables.write(
            tmp_path,
            events=tables.EVENTS + "u1\tz\t\t9\n",
            unknown_item="keep",
            unknown_share=1,
        ),
        config.Split(),
        show=shown.append,
    )
    assert shown == [found]
    assert found.summary["targets"] == {"train": 4, "valid": 2, "test": 2}
    assert found.summary["policies"]["unknown_item"] == {"policy": "keep", "items": 1, "events": 1}
    assert found.profile["events"]["rating"]["rows"] == 8
    assert found.problems == {"groups": [], "left_out": 0}


def test_causes_are_told_in_order_each_with_its_number_and_the_next_places(
    tmp_path: pathlib.Path,
) -> None:
    bad = "".join(f"u1\ta\t1\tbad{n}\n" for n in range(12))
    items = tables.ITEMS + "a\tAgain\t1\t\t\n"
    with pytest.raises(errors.DataError) as caught:
        check.check(tables.write(tmp_path, events=tables.EVENTS + bad, items=items), config.Split())
    first, *lines = str(caught.value).splitlines()
    assert first == "2 problems in the data:"
    assert lines[0].startswith(
        f"  {tmp_path}/shop.inter, line 9: column 'timestamp': found 'bad0', expected "
    )
    assert lines[1] == "    11 more cases like it, next line 10, line 11"
    assert lines[2].startswith(f"  {tmp_path}/shop.item, line 5: item 'a' again;")
    assert len(lines) == 3


def test_problems_of_several_files_and_steps_are_in_the_order_of_the_files(
    tmp_path: pathlib.Path,
) -> None:
    """Whichever step finds them: reading finds a bad rating, joining an unknown user or item."""
    plain = strict.to_plain(tables.write(tmp_path, unknown_user="refuse", unknown_item="refuse"))
    (tmp_path / "events").mkdir()
    header, *rows = tables.EVENTS.splitlines()
    for name in ("b", "a"):
        lines = [header, *rows, "u3\ta\t1\t5", "u1\ta\tbad\t5", "u1\tz\t1\t5", "u1\ta"]
        (tmp_path / "events" / f"{name}.inter").write_text("\n".join(lines) + "\n")
    (tmp_path / "shop.user").write_text(tables.USERS + "u2\tolder\t\nu1\t\t\n")
    (tmp_path / "shop.item").write_text(tables.ITEMS + "a\tAgain\t1\t\t\n")
    plain["events"]["path"] = str(tmp_path / "events")
    with pytest.raises(errors.DataError) as caught:
        check.check(strict.read(config.Data, plain), config.Split())
    heading, *lines = str(caught.value).splitlines()
    assert heading == "7 problems in the data:"
    assert [line.split(": ")[0].split("/")[-1] for line in lines] == [
        "a.inter, line 9",
        "a.inter, line 10",
        "b.inter, line 10",  # 1 more case like it, next .../b.inter, line 10
        "a.inter, line 11",
        "a.inter, line 12",
        "b.inter, line 12",
        "shop.item, line 5",
        "shop.user, line 4",
        "shop.user, line 5",
    ]
