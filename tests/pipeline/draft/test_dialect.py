"""Delimiters, escapes and headers, by DuckDB and by counting."""

from __future__ import annotations

import pytest

from pipeline.draft import dialect

ROWS = [("u1", "i1", "5"), ("u2", "i2", "3"), ("u1", "i3", "4")]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "::", " "])
@pytest.mark.parametrize("header", [True, False])
def test_delimiters_and_headers(delimiter, header):
    rows = [("user", "item", "rating"), *ROWS] if header else ROWS
    found = dialect.sniff("\n".join(map(delimiter.join, rows)) + "\n")
    assert (found.delimiter, found.has_header, found.unsure) == (delimiter, header, None)


def test_a_backslash_before_quotes():
    found = dialect.sniff('user,item,n\nu1,"a \\"b\\" c",1\nu2,"d, \\"e\\"",2\n')
    assert found.escape == "\\"
    assert list(found.rows('u1,"a \\"b\\" c",1\n')) == [["u1", 'a "b" c', "1"]]


def test_doubled_quotes_and_line_breaks_in_quotes():
    found = dialect.sniff('user,item,n\nu1,"a ""b""",1\nu2,"d\ne",2\n')
    assert (found.quote, found.escape) == ('"', "")
    assert list(found.rows('u2,"d\ne",2\n')) == [["u2", "d\ne", "2"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines(end):
    found = dialect.sniff(end.join(["user,item,n", "u1,i1,1", "u2,i2,2", ""]))
    assert list(found.rows(f"u1,i1,1{end}u2,i2,2{end}")) == [["u1", "i1", "1"], ["u2", "i2", "2"]]


def test_values_that_come_again_are_no_names():
    found = dialect.sniff("ann,lamp\nbob,mug\nann,mug\n")
    assert not found.has_header and found.unsure is not None


def test_names_over_texts_alone():
    assert dialect.sniff("user,product\nann,lamp\nbob,mug\n").unsure is None
    found = dialect.sniff("foo,bar\nann,lamp\nbob,mug\n")
    assert found.has_header and found.unsure is not None


def test_one_column():
    assert dialect.sniff("user\nann\nbob\n").delimiter == ","
