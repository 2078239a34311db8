"""CSV by RFC 4180: quotes, line breaks inside them, escapes, and where a quote does not close."""

from __future__ import annotations

import csv
import io
import itertools
import pathlib
import random

import pytest

from modules.beam import delimited, text
from tests import tables

CSV = delimited.Dialect(",", quote='"')
ESCAPED = delimited.Dialect(",", quote='"', escape="\\")


def _cells(dialect: delimited.Dialect, *blocks: bytes) -> list[list[str] | str | None]:
    """Cells of the rows, or what is wrong."""
    found = [cells for _, cells in dialect.rows(blocks)]
    return [str(cells) if isinstance(cells, ValueError) else cells for cells in found]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_may_go_on_over_several_lines(end: str) -> None:
    rows = ['u,"a\nb, c",1', 'v,"say ""x""",2', "", 'w,5" disk,3', ",,"]
    content = (end.join(rows) + end).encode()
    expected = [
        ["u", "a\nb, c", "1"],
        ["v", 'say "x"', "2"],
        None,
        ["w", '5" disk', "3"],
        ["", "", ""],
    ]
    for size in (1, 2, 5, 1000):
        blocks = [content[at : at + size] for at in range(0, len(content), size)]
        assert _cells(CSV, *blocks) == expected
        raw = [line for line, _ in CSV.rows(blocks)]
        assert b"".join(raw) == content and raw[0] == f'u,"a\nb, c",1{end}'.encode()


def test_an_escape_makes_letters_of_quotes_delimiters_and_line_breaks() -> None:
    content = b'u,"i8 \\"x\\"",1\nv,a\\,b,2\nw,c\\\nd,"3\\\\"\n'
    assert _cells(ESCAPED, content) == [
        ["u", 'i8 "x"', "1"],
        ["v", "a,b", "2"],
        ["w", "c\nd", "3\\"],
    ]
    plain = delimited.Dialect(",", escape="\\")
    assert _cells(plain, b'u,"a\\,b"\n') == [["u", '"a,b"']]


def test_nulls_of_databases_are_no_escapes() -> None:
    expected = [[r"\N", r"\N", "aN", r"\N"], [r"\N", "b\nc", "d", r"\N"]]
    content = b"\\N,\\N,a\\N,\\N\n\\N,b\\\nc,d,\\N"
    assert _cells(ESCAPED, content) == expected
    assert _cells(ESCAPED, b"\\N,\\N,a\\N,\\N\r" * 2) == expected[:1] * 2


def test_without_quotes_they_are_letters() -> None:
    assert _cells(delimited.Dialect("\t"), b'i3\t"Weird Al" Yankovic\ni4\t5\'9"\n') == [
        ["i3", '"Weird Al" Yankovic'],
        ["i4", "5'9\""],
    ]


def test_only_the_line_is_bad_where_a_quote_opens_that_does_not_close() -> None:
    found = _cells(CSV, b'u,"a,1\nv,b,2\nw,"c",3\nx,d,4\n')
    assert found[1:] == [["v", "b", "2"], ["w", "c", "3"], ["x", "d", "4"]]
    assert isinstance(found[0], str)
    assert found[0].startswith(
        "the quote that opens in field 2 closes 2 lines after it, and the field goes on there."
    )
    alone = _cells(CSV, b"u,a,1\n" + b'v,"b,2\n' + b"w,c,3\n" * 5)
    assert alone[2:] == [["w", "c", "3"]] * 5
    assert isinstance(alone[1], str)
    assert alone[1].startswith(
        "the quote that opens in field 2 does not close in the file. Write a"
    )
    assert alone[1].endswith("set quote: none if quotes are letters.")


def test_a_quote_is_looked_for_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_FIELD", 100)
    try:
        found = _cells(CSV, b'u,"a,1\n' + b"v,b,2\n" * 99 + b'w,c",3\n')
    finally:
        csv.field_size_limit(2**20)
    assert found[1:] == [["v", "b", "2"]] * 99 + [["w", 'c"', "3"]]
    assert isinstance(found[0], str) and "does not close within 100 characters" in found[0]


def test_a_field_that_has_swallowed_rows_is_refused() -> None:
    """As where a title of a TSV begins with a quote, and one much later ends with one."""
    lines = ['i0,"Weird', *(f"i{n},n{n}" for n in range(1, 20)), "i20,5'9\"", "i21,x"]
    found = _cells(CSV, "\n".join(lines).encode())
    assert found[1:] == [line.split(",") for line in lines[1:]]
    assert (
        isinstance(found[0], str) and "closes 20 lines after it, and all lines between" in found[0]
    )
    letter = 'i0,"Dear all,\n' + "this is a text, with commas, here and there\n" * 20 + 'yours"\n'
    assert len(_cells(CSV, letter.encode())) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'u,"a"b,1\n', 'found "a"b, a field that goes on after its closing quote. Write a quote'),
        (b'u,"i8 \\"x\\"",1\n', 'before quotes that are letters, set escape: "\\\\".'),
        (b"u,a\0,1\n", "found a NUL character"),
        (
            b"u," + b"a" * (2**20 + 1) + b"\n",
            "found a field of more than 1,048,576 characters. Shorten it",
        ),
        (b'u,"\xff",1\n', "byte 0xff at position 4 of the line is not UTF-8"),
        (b'u,"\n\xff",1\n', "byte 0xff at position 1 of line 2 of a row that begins here is not"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(row: bytes, message: str) -> None:
    found = _cells(CSV, row)[0]
    assert isinstance(found, str) and message in found


def _starts(content: bytes, dialect: delimited.Dialect) -> list[int]:
    position, starts = 0, []
    for line, _ in dialect.rows([content]):
        position += len(line)
        starts.append(position)
    return starts


@pytest.mark.parametrize("dialect", [CSV, ESCAPED])
def test_a_text_is_cut_only_where_rows_start(dialect: delimited.Dialect) -> None:
    """Whatever quotes, escapes and line breaks stand in it, also none that fit."""
    random.seed(5)
    for _ in range(300):
        content = "".join(random.choices('ab,"\n\r\\', k=200)).encode()
        blocks = [content[at : at + 7] for at in range(0, len(content), 7)]
        starts = _starts(content, dialect)
        for step in (1, 20):
            cuts = [0, *dialect.starts(blocks, step), len(content)]
            assert set(cuts[1:]) <= set(starts)
            pieces = [content[a:b] for a, b in itertools.pairwise(cuts)]
            rows = [row for piece in pieces for row, _ in dialect.rows([piece])]
            assert rows == [row for row, _ in dialect.rows([content])]


def test_rows_agree_with_pythons_module_where_it_reads_them() -> None:
    random.seed(7)
    values = ["a", "", "b,c", 'say "x"', "two\nlines", "\r", " ", '"', "é"]
    rows = [[random.choice(values) for _ in range(3)] for _ in range(500)]
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    content = buffer.getvalue().encode()
    assert _cells(CSV, content) == rows


# --- through the pipeline ---


def test_a_big_file_with_line_breaks_in_quotes_is_read_in_pieces(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e.csv"
    rows = [f'u,i{n},{n},"a\nx,y,{n},\n"\n' for n in range(300)]
    path.write_text("user,item,time,note\n" + "".join(rows), newline="")
    columns = {"user": "user_id", "item": "item_id", "time": "timestamp", "note": "categorical"}
    data = tables.only_events(path, columns=columns)
    for chunk in (1, 100, 2000):
        monkeypatch.setattr(text, "_CHUNK", chunk)
        folder = tmp_path / str(chunk)
        folder.mkdir()
        expected = [["u", f"i{n}", n, f"a\nx,y,{n},\n"] for n in range(300)]
        assert tables.rows_read(folder, data) == expected


def test_line_numbers_count_lines_inside_quotes(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "e.csv"
    columns = {"user": "user_id", "item": "item_id", "time": "timestamp"}
    path.write_text('user,note,item,time\nu,"a\nb",i,1\nu,"c\n\nd",j,never\n', newline="")
    message = tables.refusal_of_rows(tables.only_events(path, columns=columns))
    assert "e.csv, line 4: column 'time': found 'never'" in message


def test_a_header_may_have_quotes_and_line_breaks(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text('\ufeff"user","the\nitem",time\nu,a,1\nu,b,2\nu,c,3\n', newline="")
    columns = {
        "user": "user_id",
        "item": {"role": "item_id", "source": "the\nitem"},
        "time": {"role": "timestamp", "unit": "s"},
    }
    assert tables.history(tmp_path, tables.only_events(path, columns=columns)) == ["a", "b", "c"]
