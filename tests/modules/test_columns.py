"""What a column may declare."""

from __future__ import annotations

from typing import Any

import pytest

from modules import columns, config, strict


def test_from_makes_a_timestamp_without_a_column() -> None:
    column = strict.read(config.Column, {"from": "file_order"})
    assert (column.role, column.from_) == ("timestamp", "file_order")
    assert strict.to_plain(column)["from"] == "file_order"


def test_what_earlier_releases_say_of_every_column_is_read() -> None:
    plain = {"role": "feature", "kind": "numeric", "unit": "s", "separator": " ", "missing": []}
    assert strict.read(config.Column, plain).unit is None


@pytest.mark.parametrize(
    ("written", "separator"),
    [("comma", ","), ("pipe", "|"), ("tab", "\t"), ("JSON", "json"), ("::", "::"), (" ", " ")],
)
def test_separators_may_be_words(written: str, separator: str) -> None:
    declared = {"kind": "multi_categorical", "separator": written}
    assert strict.read(config.Column, declared).separator == separator


def test_a_weight_that_is_missing_is_one() -> None:
    assert config.Column(role="weight").fill == 1.0
    assert strict.read(config.Column, {"role": "weight", "default": 0}).fill == 0.0


@pytest.mark.parametrize(
    ("separator", "default", "expected"),
    [
        ("|", "x| y|", ("x", "y")),
        (",", "x", ("x",)),
        (None, "other", ("other",)),
        ("json", "other", ("other",)),
        (None, None, ()),
    ],
)
def test_the_default_of_a_list_is_read_as_a_cell(
    separator: str | None, default: str | None, expected: tuple[str, ...]
) -> None:
    column = config.Column(kind="multi_categorical", separator=separator, default=default)
    assert column.fill_texts == expected


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"kind": "numeric", "unit": "ms"}, r"^unit: only a timestamp has one"),
        ({"kind": "numeric", "format": "%Y"}, r"^format: only a timestamp has one"),
        ({"kind": "numeric", "timezone": "Europe/Berlin"}, r"^timezone: only a timestamp has one"),
        ({"role": "user_id", "from": "file_order"}, r"^from: only a timestamp has one"),
        ({"from": "file_order", "unit": "ms"}, r"^from: file_order reads no column.*no unit"),
        ({"from": "file_order", "source": "t"}, r"^from: file_order reads no column.*no source"),
        ({"role": "timestamp", "unit": "s", "format": "%Y"}, r"^format: is of a text"),
        ({"role": "timestamp", "format": "dd/mm"}, r"^format: found 'dd/mm', expected codes"),
        ({"role": "timestamp", "timezone": "Berlin"}, r"^timezone: found 'Berlin'.*Europe/Berlin"),
        ({"role": "timestamp", "unit": "sec"}, r"^unit: found 'sec'"),
        ({"kind": "categorical", "number": {}}, r"^number: only a column of numbers"),
        ({"kind": "categorical", "scaling": "z_score"}, r"^scaling: only a numeric column"),
        ({"kind": "multi_categorical", "separator": ""}, r"^separator: found an empty text"),
        (
            {"kind": "multi_categorical", "separator": "slash"},
            r"^separator: found 'slash', expected the characters between the values",
        ),
        ({"role": "timestamp", "format": "%d/%m/%Y %d"}, r"^format: found.*a code stands twice"),
        ({"role": "timestamp", "format": "%Q"}, r"^format: found '%Q'.*bad directive"),
        ({"role": "timestamp", "format": "%H:%M"}, r"^format: found '%H:%M'.*no year"),
        (
            {"role": "timestamp", "format": "%m/%d/%Y %H:%M %p"},
            r"^format: .* %p \(AM or PM\) and %I",
        ),
        ({"kind": "numeric", "default": 1e50}, r"^default: found 1e\+50, .* at most 3.4e38"),
        ({"kind": "numeric", "number": {"symbols": ["("]}}, r"^number\.symbols\[0\]: found '\('"),
        (
            {"kind": "multi_categorical", "default": "a|b"},
            r"^default: found 'a\|b', which is one value or several",
        ),
        ({"kind": "numeric", "number": {"decimal": "x"}}, r"^number\.decimal: found 'x'"),
        ({"kind": "numeric", "number": {"thousands": ".."}}, r"^number\.thousands: found '\.\.'"),
        (
            {"kind": "numeric", "number": {"thousands": "."}},
            r"^number\.thousands: found '\.', which",
        ),
        ({"kind": "numeric", "number": {"symbols": ["5"]}}, r"^number\.symbols\[0\]: found '5'"),
    ],
)
def test_refuses(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(config.ConfigError, match=message):
        strict.read(columns.Column, declared)
