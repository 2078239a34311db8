"""What an id may be: its length in bytes of UTF-8, and what it must not hold."""

from __future__ import annotations

import pytest

from modules import ids

# 512 bytes each: one, two, three and four a character
LONGEST = ("x" * 512, "é" * 256, "€" * 170 + "xx", "😀" * 128)


@pytest.mark.parametrize("text", ["a", "0", " ", '"', "a,b:5", "a\nb", *LONGEST])
def test_what_may_be_used(text: str) -> None:
    assert ids.problem(text) is None
    assert ids.check(text) == text


@pytest.mark.parametrize("text", [f"{longest}x" for longest in LONGEST])
def test_a_byte_too_many(text: str) -> None:
    assert ids.problem(text) == "an id has at most 512 bytes of UTF-8, found 513"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "an id is not empty"),
        ("a\0b", "an id holds no NUL character"),
        ("a\udcff", "an id is text that UTF-8 can hold"),
        ("x" * 1728, "an id has at most 512 bytes of UTF-8, found 1,728"),
    ],
)
def test_what_may_not(text: str, expected: str) -> None:
    assert ids.problem(text) == expected
    with pytest.raises(ValueError, match=expected):
        ids.check(text)
