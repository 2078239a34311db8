"""What a table may declare about its files, and what follows from their endings."""

from __future__ import annotations

from typing import Any

import pytest

from modules import config, formats, strict

COLUMNS = {"user": "user_id", "item": "item_id", "time": {"role": "timestamp", "source": "at"}}


def _table(**extra: Any) -> config.Table:
    return strict.read(config.Table, {"path": "e.csv", "columns": COLUMNS, **extra}, "data.events")


@pytest.mark.parametrize(
    ("path", "kind", "delimiter"),
    [
        ("a/shop.inter", "recbole", "\t"),
        ("shop.user.gz", "recbole", "\t"),
        ("shop.ITEM", "recbole", "\t"),
        ("e.csv", "csv", ","),
        ("e.csv.bz2", "csv", ","),
        ("days/*.tsv", "csv", "\t"),
        ("e.tab.zst", "csv", "\t"),
        ("ratings.dat", "csv", ","),
        ("u.data", "csv", ","),
        ("e.txt", "csv", ","),
        ("gs://shop/e.parquet", "parquet", ","),
        ("e.pq", "parquet", ","),
    ],
)
def test_an_ending_says_format_and_delimiter(path: str, kind: str, delimiter: str) -> None:
    found = formats.ending(path)
    assert found and found.format == kind
    if kind != "parquet":
        assert formats.default_delimiter(kind, path) == delimiter


@pytest.mark.parametrize("path", ["events", "e.log", "e.gz", "csv", "a.csv/part-0"])
def test_other_endings_say_nothing(path: str) -> None:
    assert formats.ending(path) is None


@pytest.mark.parametrize(
    ("given", "delimiter"),
    [
        ("tab", "\t"),
        ("comma", ","),
        ("Semicolon", ";"),
        ("pipe", "|"),
        ("space", " "),
        ("::", "::"),
        ("\t", "\t"),
        (" ", " "),
        (" | ", " | "),
        ("x", "x"),
    ],
)
def test_a_delimiter_is_a_word_or_the_text_itself(given: str, delimiter: str) -> None:
    assert _table(delimiter=given).delimiter == delimiter
    assert (
        strict.read(config.Table, strict.to_plain(_table(delimiter=given))).delimiter == delimiter
    )


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", "found an empty text"),
        ('"', "found '\"', expected the characters between the columns"),
        ("a\n", r"found 'a\\n'"),
        ("\r", r"found '\\r'"),
        ("\0", r"found '\\x00'"),
        ("\ud83d", r"found '\\ud83d'"),
        (r"\t", r"found a backslash and a t, .* Write delimiter: tab\."),
        ("semikolon", r"found 'semikolon', .* or one of comma, tab, .* Did you mean 'semicolon'\?"),
    ],
)
def test_a_delimiter_that_cannot_be_one_is_refused(given: str, found: str) -> None:
    with pytest.raises(strict.ConfigError, match=rf"^data\.events\.delimiter: {found}"):
        _table(delimiter=given)


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_refused(path: str) -> None:
    with pytest.raises(
        strict.ConfigError, match=r"^data\.events\.path: found ' ?', expected a file"
    ):
        _table(path=path)


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "latin-1", "cp1252", "utf-16", "shift_jis"])
def test_text_encodings_are_known(name: str) -> None:
    assert _table(encoding=name).encoding == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("latn-1", r"Did you mean .*latin-?1"),
        ("utf-17", r"Did you mean .*utf-1?6"),
        ("base64", r"such as utf-8, latin-1, cp1252, utf-16\. Correct it"),
        ("idna", r"found 'idna', .* Correct it"),
        ("punycode", r"such as utf-8, latin-1, cp1252, utf-16\. Correct it"),
        ("a\0b", r"found 'a\\x00b'"),
        ("\ud83d", r"found '\\ud83d'"),
        ("", r"found ''"),
    ],
)
def test_an_unknown_encoding_is_refused_with_near_names(name: str, hint: str) -> None:
    with pytest.raises(strict.ConfigError, match=rf"^data\.events\.encoding: .*{hint}"):
        _table(encoding=name)


def test_only_bytes_that_are_line_breaks_let_a_text_be_read_in_pieces() -> None:
    split = ("utf-8", "utf-8-sig", "latin-1", "cp1252", "koi8-r", "shift_jis", "gb18030")
    whole = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037")
    assert [name for name in split + whole if formats.keeps_line_breaks(name)] == list(split)


def test_a_header_names_the_columns_that_are_declared() -> None:
    assert _table(header=["item", "x", "user", "at"]).header == ("item", "x", "user", "at")
    with pytest.raises(
        strict.ConfigError,
        match=r"^data\.events\.columns\.time: no column 'at' in header; found user, item, att\. "
        r"Did you mean 'att'\?",
    ):
        _table(header=["user", "item", "att"])


@pytest.mark.parametrize("path", ["events", "events/*.csv", "events/at=3/part.csv"])
def test_a_column_that_is_not_in_the_header_may_be_in_the_names_of_folders(path: str) -> None:
    assert _table(header=["user", "item"], path=path).header == ("user", "item")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ([], r"header: found no names, expected the names of all columns"),
        (["user", "item", "at", ""], r"header\[3\]: found an empty name"),
        (["user", "item", "at", "user"], r"header\[3\]: found 'user' again, .* Rename one"),
        (["user", 7], r"header\[1\]: found 7 \(a number\), expected a text"),
        ("user", r"header: found 'user' \(a text\), expected a list"),
    ],
)
def test_a_header_without_a_name_for_each_column_is_refused(header: Any, message: str) -> None:
    with pytest.raises(strict.ConfigError, match=rf"^data\.events\.{message}"):
        _table(header=header)


@pytest.mark.parametrize(
    ("key", "value"), [("header", ["user"]), ("delimiter", "tab"), ("encoding", "latin-1")]
)
@pytest.mark.parametrize("declared", [{"format": "parquet"}, {"path": "e.pq"}])
def test_what_only_text_has_is_refused_of_parquet(
    key: str, value: Any, declared: dict[str, str]
) -> None:
    with pytest.raises(strict.ConfigError, match=rf"^data\.events\.{key}: .*[Rr]emove it, or"):
        _table(**{key: value, **declared})


def test_lists_of_events_in_text_need_a_pattern() -> None:
    for extra in ({"path": "e.inter"}, {"path": "events", "format": "recbole"}):
        with pytest.raises(
            strict.ConfigError,
            match=r"^data\.events\.list_column: in recbole a list is a text; set list_pattern",
        ):
            _table(list_column="seq", **extra)
    assert _table(list_column="seq", path="events").format is None  # its files will say


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"quote": "ab"}, r"quote: found 'ab', expected the character around fields"),
        ({"quote": "x"}, r"quote: found 'x', expected the character"),
        ({"quote": "'", "format": "json"}, r"quote: only csv has one, the format is json"),
        ({"escape": "\\", "format": "recbole"}, r"escape: only csv has one, the format is recbole"),
        ({"escape": "\\", "delimiter": "::"}, r"escape: goes with a delimiter of one character"),
        ({"quote": ",", "delimiter": ","}, r"quote: found ',', which is the delimiter, too"),
        ({"escape": '"'}, r"escape: found '\"', which is the quote, too"),
        ({"delimiter": "tab", "format": "json"}, r"delimiter: only text in columns has one"),
        ({"header": ["user"], "path": "e.jsonl.gz"}, r"header: only text in columns has one"),
    ],
)
def test_quotes_and_keys_of_columns_are_refused_where_they_say_nothing(
    extra: dict[str, Any], message: str
) -> None:
    with pytest.raises(strict.ConfigError, match=rf"^data\.events\.{message}"):
        _table(**extra)


def test_none_and_the_empty_text_mean_that_quotes_are_letters() -> None:
    assert _table(quote="none").quote == _table(quote="").quote == ""
    assert _table().quote == '"'
    assert _table(quote="'").quote == "'"
