"""Headers that are declared, that are missing, and delimiters that do not fit them."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from modules import config
from modules.beam import check, errors, text
from tests import tables

NAMES = ["user", "item", "time"]


def _written(folder: pathlib.Path, content: str, name: str = "e.csv", **extra: Any) -> config.Data:
    (folder / name).write_bytes(content.encode())
    return tables.only_events(folder / name, **extra)


# --- a declared header ---


def test_a_declared_header_makes_the_first_line_a_row(tmp_path: pathlib.Path) -> None:
    data = _written(
        tmp_path, "\ufeffa,7,1,u\nb,7,2,u\nc,7,3,u\n", header=["item", "x", "time", "user"]
    )
    assert tables.history(tmp_path, data) == ["a", "b", "c"]


def test_a_declared_header_holds_for_every_file_of_a_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "ev").mkdir()
    (tmp_path / "ev" / "1.csv").write_text("u,a,1\n")
    (tmp_path / "ev" / "2.csv").write_text("u,b,2\nu,c,3\n")
    data = tables.only_events(tmp_path / "ev", header=NAMES)
    assert tables.history(tmp_path, data) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("line", "delimiter", "remedy"),
    [
        ("# of the shop", "comma", "This line looks like a comment. Take such lines out"),
        ("# of user, item, time", "comma", "This line looks like a comment."),
        ("sep=;", "semicolon", "tells Excel the delimiter. Take it out"),
        ('"sep=;"', "comma", "FILE > NEW, and set delimiter: semicolon."),
        ("SEP=\t", "comma", "set delimiter: tab."),
        ("#user,item,time", "comma", "Did you mean '#user'?"),
    ],
)
def test_a_first_line_that_is_no_header_is_named(
    tmp_path: pathlib.Path, line: str, delimiter: str, remedy: str
) -> None:
    content = f"{line}\nuser,item,time\nu,a,1\n"
    message = tables.refusal_of_rows(_written(tmp_path, content, delimiter=delimiter))
    assert "e.csv, line 1: " in message
    assert remedy in message


def test_a_declared_header_is_taken_literally_in_recboles_format(tmp_path: pathlib.Path) -> None:
    rows = "u\ta\t1\nu\tb\t2\nu\tc\t3\n"
    data = _written(tmp_path, rows, "e.inter", header=NAMES)
    assert tables.history(tmp_path, data) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("u,a\nu,b,2\n", "e.csv, line 1: found 2 fields, expected 3 (user, item, time). Correct"),
        ("u,a,1\nu,b,x\n", "e.csv, line 2: column 'time': found 'x', expected a number of seconds"),
        ("u,a,1\n# of May\n", "e.csv, line 2: found 1 fields, expected 3 (user, item, time). This"),
        (
            "sep=;\nu,a,1\n",
            "e.csv, line 1: found 1 fields, expected 3 (user, item, time). This line",
        ),
        ("u;a;1\n", "found 1 fields, expected 3 (user, item, time). Set delimiter: semicolon."),
        ("u::a::1\n", 'found 1 fields, expected 3 (user, item, time). Set delimiter: "::".'),
        (
            "user,item,time\nu,a,1\n",
            (
                "e.csv, line 1: found user, item, time, the names of columns, expected a row, for "
                "header declares that the files have none. Remove header from the configuration"
            ),
        ),
    ],
)
def test_rows_are_held_against_the_declared_header(
    tmp_path: pathlib.Path, rows: str, message: str
) -> None:
    assert message in tables.refusal_of_rows(_written(tmp_path, rows, header=NAMES))


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_file_in_pieces_without_header_gives_every_row_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(text, "_CHUNK", 2**14)
    rows = [f"u,i{n},{n}" for n in range(3_000)]  # more than one chunk
    data = _written(tmp_path, end.join(rows), header=NAMES)
    assert (tmp_path / "e.csv").stat().st_size > text._CHUNK
    assert [time for _, _, time in tables.rows_read(tmp_path, data)] == list(range(3_000))
    (tmp_path / "e.csv").write_bytes(end.join([*rows, "u,z,never"]).encode())
    assert "e.csv, line 3001: column 'time': found 'never'" in tables.refusal_of_rows(data)


# --- a header that is missing ---


@pytest.mark.parametrize(
    ("line", "extra", "remedy"),
    [
        (
            "u,a,1\n",
            {},
            (
                "found u, a, 1. This looks like data, not like a header. If no file of the table "
                "has a header, name its 3 columns in their order, as in header: [user, item, time]."
            ),
        ),
        (
            "u,a,1,5,6\n",
            {},
            "5 columns in their order, as in header: [user, item, time, column_4,",
        ),
        ("u,a,2023-11-17T20:46:22Z\n", {}, "This looks like data, not like a header."),
        (
            "1::108::5\n",
            {},
            (
                'This looks like data, not like a header. Set delimiter: "::". If no file of the '
                "table has a header, name its 3 columns in their order, as in header: [user, item,"
            ),
        ),
        ("1\t108\t5\n", {"delimiter": "tab"}, "as in header: [user, item, time]."),
        ("u,a,b\n", {}, "found u, a, b. Correct the column's name or source"),
    ],
)
def test_a_first_line_of_data_is_told_with_the_remedy(
    tmp_path: pathlib.Path, line: str, extra: dict[str, str], remedy: str
) -> None:
    message = tables.refusal_of_rows(_written(tmp_path, line * 3, **extra))
    assert "e.csv, line 1: no column 'user', which data.events.columns.user reads;" in message
    assert remedy in message


def test_a_name_that_is_no_plain_text_of_yaml_is_quoted(tmp_path: pathlib.Path) -> None:
    (tmp_path / "e.csv").write_text("u,a,1\n")
    columns = {"User ID": "user_id", "no": "item_id", "time": "timestamp"}
    message = tables.refusal_of_rows(tables.only_events(tmp_path / "e.csv", columns=columns))
    assert message.endswith('as in header: ["User ID", "no", time].')


def test_a_part_without_header_is_told_that_another_has_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "1.csv").write_text("user,item,time\nu,a,1\nu,b,2\nu,c,3\n")
    (tmp_path / "2.csv").write_text("u,d,4\n")
    with pytest.raises(errors.DataError) as caught:
        check.check(tables.only_events(tmp_path), config.Split())
    assert str(caught.value).endswith(
        f"2.csv, line 1: no column 'user', which data.events.columns.user reads; found u, d, 4. "
        f"This looks like data, not like a header. {tmp_path}/1.csv has a header, so give this "
        "file one, too, or take it from all files and set header: [user, item, time]."
    )


# --- delimiters ---


@pytest.mark.parametrize(
    ("delimiter", "between"),
    [
        ("::", "::"),
        ("tab", "\t"),
        ("semicolon", ";"),
        ("pipe", "|"),
        ("space", " "),
        (" - ", " - "),
    ],
)
def test_cells_stand_between_the_delimiter(
    tmp_path: pathlib.Path, delimiter: str, between: str
) -> None:
    rows = ["user,item,time", "u,a,1", "u,b,2", "u,c,3"]
    data = _written(tmp_path, "\n".join(rows).replace(",", between), delimiter=delimiter)
    assert tables.history(tmp_path, data) == ["a", "b", "c"]


def test_tsv_means_tabs_with_the_quotes_of_csv_and_longer_delimiters_split_plainly(
    tmp_path: pathlib.Path,
) -> None:
    data = _written(tmp_path, 'user\titem\ttime\nu\t"a\tb"\t1\nu\tb\t2\nu\tc\t3\n', "e.tsv")
    assert tables.history(tmp_path, data) == ["a\tb", "b", "c"]
    (tmp_path / "plain").mkdir()
    plain = 'user::item::time\nu::"a"::1\nu::b"::2\nu::c::3\n'
    data = _written(tmp_path / "plain", plain, delimiter="::")
    assert tables.history(tmp_path / "plain", data) == ['"a"', 'b"', "c"]


@pytest.mark.parametrize(
    ("between", "name"),
    [(";", "semicolon"), ("\t", "tab"), ("|", "pipe"), (" ", "space"), ("::", '"::"')],
)
def test_the_delimiter_that_would_fit_the_header_is_named(
    tmp_path: pathlib.Path, between: str, name: str
) -> None:
    message = tables.refusal_of_rows(_written(tmp_path, between.join(NAMES) + "\n"))
    assert message.endswith(
        f"found {' '.join(between.join(NAMES).split())}. Set delimiter: {name}."
    )


def test_a_delimiter_that_is_unknown_is_suspected_where_there_is_one_column(
    tmp_path: pathlib.Path,
) -> None:
    message = tables.refusal_of_rows(_written(tmp_path, "user~item~time\n"))
    assert message.endswith("found user~item~time. Correct the delimiter in the configuration.")
