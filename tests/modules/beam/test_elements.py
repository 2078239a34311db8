"""Lists of events in a cell of text: each element makes a row."""

from __future__ import annotations

import gzip
import pathlib
from typing import Any

import pytest

from modules import config, strict
from modules.beam import elements
from tests import tables

PATTERN = r"(?P<news>N\d+)-(?P<clicked>[01])"
LOG = """\
u1,100,N7-1 N8-0
u1,200,
u1,300,N9-0|N7-1
u2,150,"[N8-1, N9-1]"
u2,250,N7-0
"""


def _data(folder: pathlib.Path, log: str = LOG, **extra: Any) -> config.Data:
    (folder / "log.csv").write_text(log)
    events = {
        "path": str(folder / "log.csv"),
        "header": ["user", "time", "shown"],
        "list_column": "shown",
        "list_pattern": PATTERN,
        "columns": {
            "user": "user_id",
            "time": {"role": "timestamp", "unit": "s"},
            "news": "item_id",
            "clicked": "categorical",
        },
    }
    return strict.read(config.Data, {"events": {**events, **extra}})


def test_each_element_makes_a_row_with_the_cells_around_it(tmp_path):
    assert tables.rows_read(tmp_path, _data(tmp_path)) == [
        ["u1", 100.0, "N7", "1"],
        ["u1", 100.0, "N8", "0"],
        ["u1", 300.0, "N9", "0"],
        ["u1", 300.0, "N7", "1"],
        ["u2", 150.0, "N8", "1"],
        ["u2", 150.0, "N9", "1"],
        ["u2", 250.0, "N7", "0"],
    ]


def test_rules_look_at_elements(tmp_path):
    found = tables.rows_read(tmp_path, _data(tmp_path, keep=["clicked == 1"]))
    assert [(user, news) for user, _, news, _ in found] == [
        ("u1", "N7"),
        ("u1", "N7"),
        ("u2", "N8"),
        ("u2", "N9"),
    ]


def test_a_compressed_file_with_a_header_and_a_column_of_its_folder(tmp_path):
    data = _data(tmp_path, path=str(tmp_path / "log"), header=None)
    data.events.columns["day"] = config.Column(kind="categorical")
    (tmp_path / "log" / "day=3").mkdir(parents=True)
    content = gzip.compress(b"time,user,shown\n1,u1,N1-0 N2-1\n")
    (tmp_path / "log" / "day=3" / "part.csv.gz").write_bytes(content)
    assert tables.rows_read(tmp_path, data) == [
        ["u1", 1.0, "N1", "0", "3"],
        ["u1", 1.0, "N2", "1", "3"],
    ]


def test_what_is_no_element_is_refused(tmp_path):
    message = tables.refusal(_data(tmp_path, LOG.replace("N9-0|", "N9-x ")))
    assert message.startswith(f"{tmp_path}/log.csv, line 3: 'shown' (list_column): found 'N9-x' in")
    assert PATTERN in message
    message = tables.refusal(_data(tmp_path, LOG.replace("u2,250,", "u2,250,1,")))
    assert f"{tmp_path}/log.csv, line 5: found 4 fields, expected 3" in message


def test_a_bad_cell_of_an_element_is_named(tmp_path):
    pattern = r"(?P<news>N\d*)-(?P<clicked>\w+)"
    data = _data(tmp_path, LOG.replace("N9-0|", "N9-0|N8-x "), list_pattern=pattern)
    data.events.columns["clicked"] = config.Column(kind="numeric")
    assert tables.refusal(data).startswith(
        f"{tmp_path}/log.csv, line 3, element 2: column 'clicked': found 'x', expected a number"
    )


def test_a_part_of_an_element_that_is_not_there_is_empty():
    table = config.Table(
        "x.csv", {}, list_column="shown", list_pattern=r"(?P<item>[a-z]+)(:(?P<times>\d+))?"
    )
    assert elements.Elements(table).of("a:2; b") == [["a", "2"], ["b", ""]]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["user", "time", "list"], "no column 'shown', which data.events.list_column names"),
        (["user", "news", "shown"], "column 'news' is in the file and in list_pattern; rename it"),
    ],
)
def test_columns_that_do_not_fit(tmp_path, header, message):
    data = _data(
        tmp_path,
        header=header,
        columns={"user": "user_id", "news": "item_id", "clicked": {"from": "file_order"}},
    )
    assert message in tables.refusal(data)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"list_pattern": None}, r"list_column: in csv a list is a text; set list_pattern"),
        ({"list_column": None}, r"list_pattern: goes with list_column"),
        (
            {"list_pattern": "(?P<a"},
            r"list_pattern: found '\(\?P<a', expected a regular expression",
        ),
        ({"list_pattern": r"\w+"}, r"list_pattern: .* with a named group for each column"),
        ({"list_pattern": r"(?P<news>\w*)"}, r"list_pattern: .* that matches no empty text"),
        (
            {"format": "json", "header": None},
            r"list_pattern: only text in columns has one, the format is json",
        ),
        (
            {"columns": {"user": "user_id", "time": "timestamp", "new": "item_id"}},
            r"columns.new: no column 'new' in header; found user, time, shown, news, clicked",
        ),
    ],
)
def test_refused_configurations(tmp_path, extra, message):
    with pytest.raises(config.ConfigError, match=message):
        _data(tmp_path, **extra)
