"""Encodings by their marks, their zeros, and what is no UTF-8."""

from __future__ import annotations

import pytest

from pipeline.draft import encodings

TEXT = "user,item\nJosé,Café\n" * 20


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_sure(encoding, found):
    assert encodings.guess(TEXT.encode(encoding)) == (found, None)


def test_western():
    name, doubt = encodings.guess(TEXT.encode("cp1252"))
    assert name == "cp1252"
    assert "0xe9 in line 2" in doubt and "José" in doubt
    assert encodings.guess(b"a\nb\xe9\x81\n")[0] == "latin-1"  # 0x81 is no character of cp1252


def test_a_character_that_the_end_cuts():
    assert encodings.guess("é".encode()[:1]) == ("utf-8", None)
