"""YAML with comments."""

from __future__ import annotations

import pytest
import yaml

from pipeline.draft import proposals, writer, yaml_text


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "User-ID",
        "a: b",
        "#id",
        "NULL",
        "no",
        "7",
        "1e3",
        "",
        " x",
        "x ",
        "*",
        "::",
        "|",
        "\\",
        "\t",
        'a "b"',
        "é, ü",
        "%d/%m/%Y %H:%M",
        "[a]",
        "a, b",
        "- a",
        "2024-01-31",
        ["NULL", "a b", "x is missing"],
        {"kind": "numeric", "number": {"symbols": ["$", "€"]}, "missing": ["\\N"]},
        0.5,
        4,
    ],
)
def test_scalars_are_read_back(value):
    assert yaml.safe_load(f"key: {yaml_text.scalar(value)}  # why") == {"key": value}


def draft(*columns: proposals.Line) -> str:
    table = proposals.Table("events", "3 rows", (proposals.Line("path", "a.csv"),), columns)
    return writer.text(proposals.Draft("shop", (table,), notes=("b.csv is not used.",)), "s.yaml")


def test_text():
    text = draft(
        proposals.Line("user", "user_id", "2 distinct: a, b"),
        proposals.Line("when", {"role": "timestamp"}, "why " * 40, "either " * 30),
        proposals.Line("drop", ["x <= 0"], "if so", is_suggestion=True),
    )
    assert all(len(line) <= 118 for line in text.splitlines())
    assert "      user: user_id  # 2 distinct: a, b\n" in text
    assert "      # drop: [x <= 0]  # if so\n" in text
    assert text.endswith("  # b.csv is not used.\n")
    ((number, mark),) = writer.marks(text)
    assert text.splitlines()[number - 1].strip().startswith("# UNSURE: either")
    assert mark == ("either " * 30).strip()


def test_long_lists_are_broken():
    names = [f"column_{n}" for n in range(40)]
    text = draft(proposals.Line("header", names, "no names"))
    assert all(len(line) <= 118 for line in text.splitlines())
    assert yaml.safe_load(text)["data"]["events"]["columns"]["header"] == names
