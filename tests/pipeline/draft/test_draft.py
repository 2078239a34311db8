"""Drafts of whole data sets: what the YAML says, and that a check accepts it as it is."""

from __future__ import annotations

import gzip
import pathlib

import pyarrow as pa
import pytest
from pyarrow import parquet

from modules import config, strict
from modules.beam import check, errors
from pipeline.draft import command, writer
from tests.pipeline.draft import drafts


def test_clean_events(tmp_path):
    lines = ["visitor,product,when,action,price"]
    lines += [f"{u},{i},{t},{'view' if t % 180 else 'buy'},{t % 7}.5" for u, i, t in drafts.rows()]
    file = drafts.write(tmp_path / "clicks.csv", lines)
    text = drafts.make(file)
    data = drafts.load(text, tmp_path)
    assert drafts.roles(data.events) == {
        "visitor": "user_id",
        "product": "item_id",
        "when": "timestamp",
        "action": "action_type",
        "price": "numeric",
    }
    assert writer.marks(text) == []
    assert "8 distinct: u0, u1, u2" in text  # examples
    check.check(data, config.Split())


def test_three_tables_are_told_apart(tmp_path):
    events = [f"{u},{i},{t}" for u, i, t in drafts.rows()]
    drafts.write(tmp_path / "a.csv", ["customer_id,article_id,t_dat", *events])
    drafts.write(tmp_path / "b.csv", ["customer_id,age", *(f"u{n},{20 + n}" for n in range(8))])
    items = [f'i{n},Thing {n},{n}.5,"{"x|y" if n % 2 else "y"}"' for n in range(9)]
    drafts.write(tmp_path / "c.csv", ["article_id,prod_name,price,tags", *items])
    text = drafts.make(tmp_path)
    data = drafts.load(text, tmp_path)
    assert [pathlib.Path(t.path).name for t in (data.events, data.users, data.items)] == [
        "a.csv",
        "b.csv",
        "c.csv",
    ]
    assert drafts.roles(data.users) == {"customer_id": "user_id", "age": "numeric"}
    assert drafts.roles(data.items) == {
        "article_id": "item_id",
        "prod_name": "title",
        "price": "numeric",
        "tags": "multi_categorical",
    }
    assert data.items.columns["tags"].separator == "|"
    assert writer.marks(text) == []
    check.check(data, config.Split())


def test_dirty_events(tmp_path):
    """Every fault has a key, or a mark with what to do."""
    lines = ["InvoiceNo;CustomerID;StockCode;InvoiceDate;Quantity;UnitPrice"]
    for number, (user, item, _) in enumerate(drafts.rows()):
        day = 1 + number % 28
        invoice, quantity = (f"C{number}", -1) if number % 10 == 9 else (f"{number}", 2)
        user = "" if number == 3 else f"{user[1:]}.0"
        lines.append(f"{invoice};{user};{item};{day}/12/2010 8:26;{quantity};12,5 EUR")
    file = drafts.write(
        tmp_path / "é" / "retail.csv", [*lines, lines[-1].replace("8:26", "8:26é")], "cp1252"
    )
    text = drafts.make(file)
    table = drafts.load(text, tmp_path).events
    assert (table.delimiter, table.encoding) == (";", "cp1252")
    assert table.drop == ("CustomerID is missing",)
    assert "# drop: [CustomerID is missing, InvoiceNo startswith C, Quantity <= 0]" in text
    assert table.columns["InvoiceDate"].format == "%d/%m/%Y %H:%M"
    doubts = [doubt for _, doubt in writer.marks(text)]
    assert any("0xe9" in doubt for doubt in doubts)
    assert any(doubt.startswith("1 sampled row is not read by this") for doubt in doubts)


def test_no_header_and_no_time(tmp_path):
    file = drafts.write(
        tmp_path / "x.tsv", [f"{u}\t{i}\t{t // 60 % 5 + 1}" for u, i, t in drafts.rows()]
    )
    text = drafts.make(file)
    table = drafts.load(text, tmp_path).events
    assert table.header == ("user_id", "item_id", "rating")
    assert table.is_timeless
    assert table.columns["row_order"].role == "timestamp"
    assert len(writer.marks(text)) == 2


@pytest.mark.parametrize(
    ("name", "cells", "header"),
    [
        ("u.data", "{u}\t{i}\t5\t{t}", ("user_id", "item_id", "rating", "timestamp")),
        ("ratings.dat", "{u}::{i}::5::{t}", ("user_id", "movie_id", "rating", "timestamp")),
        (
            "UserBehavior.csv",
            "{u},{i},7,pv,{t}",
            ("user_id", "item_id", "category_id", "behavior", "timestamp"),
        ),
    ],
)
def test_public_layouts_without_header(tmp_path, name, cells, header):
    lines = [cells.format(u=u[1:], i=100 + int(i[1:]), t=t) for u, i, t in drafts.rows()]
    text = drafts.make(drafts.write(tmp_path / name, lines))
    table = drafts.load(text, tmp_path).events
    assert table.header == header
    assert (
        drafts.roles(table)[header[0]] == "user_id" and drafts.roles(table)[header[1]] == "item_id"
    )
    assert drafts.roles(table)["timestamp"] == "timestamp"
    assert writer.marks(text) == []


def test_parquet_with_lists_of_events(tmp_path):
    events = [
        {"item_id": n % 5, "action_type": n % 3, "timestamp": drafts.START + 60 * n}
        for n in range(12)
    ]
    table = pa.table({"user_id": [1, 2, 3], "seq": [events[:4], events[4:8], events[8:]]})
    parquet.write_table(table, tmp_path / "seq.parquet")
    found = drafts.load(drafts.make(tmp_path / "seq.parquet"), tmp_path).events
    assert found.list_column == "seq"
    assert drafts.roles(found) == {
        "user_id": "user_id",
        "item_id": "item_id",
        "action_type": "action_type",
        "timestamp": "timestamp",
    }


def test_ids_that_differ_in_a_point_and_zero(tmp_path):
    events = [f"{u},{i[1:]}.0,{t}" for u, i, t in drafts.rows()]
    drafts.write(tmp_path / "events.csv", ["user,item,time", *events])
    drafts.write(tmp_path / "items.csv", ["item,name", *(f"{n},Thing {n}" for n in range(9))])
    data = drafts.load(drafts.make(tmp_path), tmp_path)
    assert data.ids == "clean"
    check.check(data, config.Split())


def test_many_events_of_users_without_a_row(tmp_path):
    drafts.write(
        tmp_path / "events.csv", ["user,item,time", *(f"{u},{i},{t}" for u, i, t in drafts.rows())]
    )
    drafts.write(tmp_path / "users.csv", ["user,age", *(f"u{n},{20 + n}" for n in range(4))])
    text = drafts.make(tmp_path)
    data = drafts.load(text, tmp_path)
    assert data.unknown_share == 0.6  # half of the events, and some room
    assert "50% of the sampled events" in writer.marks(text)[0][1]
    check.check(data, config.Split())


def test_parts_of_one_table(tmp_path):
    lines = [f"{u},{i},{t}" for u, i, t in drafts.rows()]
    parts = [
        drafts.write(tmp_path / f"part-{n}.csv", ["user,item,time", *lines[n::2]]) for n in range(2)
    ]
    drafts.write(tmp_path / "notes.md", ["nothing"])
    assert drafts.load(drafts.make(*parts), tmp_path).events.path == str(tmp_path / "part-*.csv")
    assert drafts.load(drafts.make(tmp_path), tmp_path).events.path == str(tmp_path)
    drafts.write(tmp_path / "part-1.csv", lines[1::2])
    assert "part-1.csv does not begin with the names" in writer.marks(drafts.make(tmp_path))[0][1]


def test_columns_without_a_name_and_with_the_same(tmp_path):
    lines = [f"{n},{u},{i},{t},x,y" for n, (u, i, t) in enumerate(drafts.rows())]
    text = drafts.make(drafts.write(tmp_path / "x.csv", [",user,item,time,tag,tag", *lines]))
    data = drafts.load(text, tmp_path)
    assert list(data.events.columns) == ["user", "item", "time"]
    assert "tag: there several times" in writer.marks(text)[0][1]
    check.check(data, config.Split())


def test_hive_folders(tmp_path):
    for day in (1, 2):
        lines = [f"{u},{i},{t}" for u, i, t in drafts.rows()]
        drafts.write(tmp_path / f"day={day}" / "a.csv", ["user,item,time", *lines])
    assert "day: numeric" in drafts.make(tmp_path)


def test_compressed_files_are_read_and_broken_ones_refused(tmp_path):
    packed = gzip.compress(
        "".join(
            f"{line}\n"
            for line in ["user,item,time", *(f"{u},{i},{t}" for u, i, t in drafts.rows())]
        ).encode()
    )
    (tmp_path / "events.csv.gz").write_bytes(packed)
    assert writer.marks(drafts.make(tmp_path / "events.csv.gz")) == []
    (tmp_path / "events.csv.gz").write_bytes(packed[:-12])
    with pytest.raises(
        errors.DataError, match=r"events.csv.gz: the file is cut off.*copy it again"
    ):
        drafts.make(tmp_path / "events.csv.gz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.xlsx",
            b"PK\x03\x04" + b"\0" * 30 + b"xl/workbook",
            r"Excel workbook.*Export it as CSV",
        ),
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"user,item,time\n", "found a header .* and no row"),
        ("a.csv", b"price,cost\n1.5,2.5\n2.5,3.5\n", "no column looks like the id of the user or"),
        ("a.parquet", b"PAR1" + b"\0" * 40, "cut off or corrupt"),
        (
            "a.parquet.gz",
            gzip.compress(b"PAR1" + b"\0" * 40 + b"PAR1", mtime=0),
            "Parquet inside of gzip, .*Unpack it",
        ),
        ("a.csv.gz", b"user,item,time\nu,i,1\n", "ending says gzip, but it is not compressed so"),
        (
            "behaviors.tsv",
            b"".join(
                b"%d\tU1\t11/13/2019 8:36:57 AM\tN1 N2\tN3-1 N4-0 N5-0\n" % n for n in (1, 2, 3)
            ),
            "impressions holds lists of items.*unnest",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.DataError, match=f"{name}.*{message}"):
        drafts.make(tmp_path / name)


def test_nothing_there(tmp_path):
    with pytest.raises(errors.DataError, match="nothing found"):
        drafts.make(tmp_path / "none.csv")


def test_paths_are_relative_to_the_yaml(tmp_path, monkeypatch):
    drafts.write(
        tmp_path / "data" / "x.csv",
        ["user,item,time", *(f"{u},{i},{t}" for u, i, t in drafts.rows())],
    )
    monkeypatch.chdir(tmp_path)
    assert "path: data/x.csv" in drafts.make("data/x.csv")
    assert "path: ../data/x.csv" in drafts.make("data/x.csv", folder="configs")


def test_the_tables_that_are_said(tmp_path):
    events = drafts.write(
        tmp_path / "one.csv", ["user,item,time", *(f"{u},{i},{t}" for u, i, t in drafts.rows())]
    )
    items = drafts.write(tmp_path / "two.csv", ["id,name", *(f"i{n},Thing {n}" for n in range(9))])
    data = drafts.load(drafts.make(given={"events": events, "items": items}), tmp_path)
    assert drafts.roles(data.items) == {"id": "item_id", "name": "title"}


def test_output(tmp_path, capsys):
    file = drafts.write(
        tmp_path / "x.csv", ["user,item,time", *(f"{u},{i},{t}" for u, i, t in drafts.rows())]
    )
    output = tmp_path / "shop.yaml"
    told = {"given": {}, "name": "shop", "output": output}
    command.main([file], **told, force=False)
    assert output.read_text().splitlines()[3] == "name: shop"
    assert capsys.readouterr() == (
        "",
        f"draft: {output}, no place marked UNSURE\nNext: recsys dataset check --config {output}\n",
    )
    with pytest.raises(strict.ConfigError, match=r"is there.*--force"):
        command.main([file], **told, force=False)
    command.main([file], **told, force=True)
    command.main([file], **{**told, "output": None}, force=False)
    assert "--config FILE.yaml" in capsys.readouterr().out
