"""Values of the command line: any id can be said, and what cannot be meant is named."""

from __future__ import annotations

import argparse

import pytest

from pipeline import arguments, listed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (" , ,", ()),
        ("50", (("50", None),)),
        ("50,172:881250949", (("50", None), ("172", 881250949))),
        (" 50 , 172:881250949 ,", (("50", None), ("172", 881250949))),
        ("tt:x,a:b:5", (("tt:x", None), ("a:b", 5))),
        (':5,5",a"b', ((":5", None), ('5"', None), ('a"b', None))),
        ('"a,b"', (("a,b", None),)),
        ('"a,b":5,c', (("a,b", 5), ("c", None))),
        ('"tt:12", "tt:12":7 ,tt:12', (("tt:12", None), ("tt:12", 7), ("tt", 12))),
        ('"5"" disc","""",""",""":3', (('5" disc', None), ('"', None), ('","', 3))),
        ('" a "," "', ((" a ", None), (" ", None))),
        (
            '"https://shop/p?a=1,2&t=10:30","\n"',
            (("https://shop/p?a=1,2&t=10:30", None), ("\n", None)),
        ),
    ],
)
def test_histories(text: str, expected: tuple[tuple[str, int | None], ...]) -> None:
    assert arguments.history(text) == expected


@pytest.mark.parametrize("item", ["a,b", "a:5", '"', '"",":', ",", " x", "a\nb", "é,😀", "-5"])
def test_any_id_can_be_said(item: str) -> None:
    quoted = '"' + item.replace('"', '""') + '"'
    assert listed.written(item) == (item if item in ("a\nb", "-5") else quoted)
    expected = ((item, None), ("x", None), (item, 5))
    assert arguments.history(f"{quoted},x,{quoted}:5") == expected
    assert arguments.item_ids(f"{quoted},x") == (item, "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '50,"a,b',
            (
                "element 2: found '\"a,b', a quote that nothing closes; expected ITEM or "
                '"ITEM", with each quote inside written twice.'
            ),
        ),
        (
            'x,"a"b,c',
            (
                "element 2: found 'b' behind the closing quote of 'a', expected a comma or "
                ":TIME with Unix seconds, like :881250949; a quote inside is written twice."
            ),
        ),
        ('"a":noon', "element 1: found ':noon' behind the closing quote of 'a', expected a comma"),
        ('"a":', "element 1: found ':' behind the closing quote of 'a', expected a comma or :TIME"),
        ('a,,""', "element 2: found ''; an id is not empty."),
        ("a,b:881250949000", "element 2, 'b': time: found '881250949000', which looks like milli"),
        (
            f"a,{'x' * 513}",
            f"element 2: found '{'x' * 60}...'; an id has at most 512 bytes of UTF-8, found 513.",
        ),
        ("a,\udcff", "element 2: found '\\udcff'; an id is text that UTF-8 can hold."),
    ],
)
def test_histories_that_cannot_be_meant(text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as said:
        arguments.history(text)
    assert str(said.value).startswith(message)


@pytest.mark.parametrize("item", ["50", "tt:x", '5"', "a b", ":5x"])
def test_what_needs_no_quotes_is_written_without(item: str) -> None:
    assert listed.written(item) == item
    assert arguments.history(item) == ((item, None),)


def test_ids() -> None:
    assert arguments.item_ids(' 1, 50 ,"a,b",') == ("1", "50", "a,b")
    assert arguments.item_ids("") == ()
    with pytest.raises(
        argparse.ArgumentTypeError,
        match="element 2: found ':5' behind the closing quote of 'a', expected a comma; a quote",
    ):
        arguments.item_ids('1,"a":5')


def test_one_id_is_taken_as_it_is() -> None:
    for user in ("42", "a,b", '"a"', " ", "x" * 512):
        assert arguments.identifier(user) == user
    with pytest.raises(argparse.ArgumentTypeError, match="found ''; an id is not empty"):
        arguments.identifier("")


def test_profiles() -> None:
    assert arguments.profile("age=24, gender = M") == {"age": "24", "gender": "M"}
    assert arguments.profile('"tags=new,blue",age=') == {"tags": "new,blue", "age": ""}
    with pytest.raises(
        argparse.ArgumentTypeError, match="element 2: found 'age', expected COLUMN=VALUE, like"
    ):
        arguments.profile('"tags=a,b",age')
