"""Variants of numbers and lists."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.intake_variants import samples


def numbers() -> Iterator[samples.Variant]:
    """Numbers and lists."""
    yield samples.variant(
        "n_euro",
        "prices like 12,50 EUR",
        {"e.csv": samples.valued(lambda n: f'"{n},50 EUR"')},
        columns=samples.with_value("numeric"),
        refused=["e.csv, line 2", "0,50 EUR", "decimal", "EUR"],
    )
    yield samples.variant(
        "n_euro_declared",
        "prices like 1.012,50 EUR, declared",
        {"e.csv": samples.valued(lambda n: f'"1.{n:03},50 EUR"')},
        columns=samples.with_value(
            {"kind": "numeric", "number": {"decimal": ",", "thousands": ".", "symbols": ["EUR"]}}
        ),
        says=["1000.5 to 1299.5"],
    )
    yield samples.variant(
        "n_pound",
        "prices like \u00a312.50",
        {"e.csv": samples.valued(lambda n: f"\u00a3{n}.50")},
        columns=samples.with_value("numeric"),
        refused=["e.csv, line 2", "symbols", "\u00a3"],
    )
    yield samples.variant(
        "n_underscore",
        "1_000, which Python takes for a number",
        {"e.csv": samples.valued(lambda n: "1_000" if n == 3 else n)},
        columns=samples.with_value("numeric"),
        refused=["e.csv, line 5", "1_000"],
    )
    yield samples.variant(
        "n_infinite",
        "inf",
        {"e.csv": samples.valued(lambda n: "inf" if n == 3 else n)},
        columns=samples.with_value("numeric"),
        refused=["e.csv, line 5", "inf"],
    )
    yield samples.variant(
        "n_word",
        "n.a. among numbers",
        {"e.csv": samples.valued(lambda n: "n.a." if n % 5 == 3 else n)},
        columns=samples.with_value("numeric"),
        refused=["e.csv, line 5", "n.a.", "missing"],
    )
    yield samples.variant(
        "n_word_missing",
        "n.a. among numbers, missing",
        {"e.csv": samples.valued(lambda n: "n.a." if n % 5 == 3 else n)},
        columns=samples.with_value({"kind": "numeric", "missing": ["n.a."]}),
    )
    yield samples.variant(
        "n_spaces",
        "spaces around numbers",
        {"e.csv": samples.valued(lambda n: f" {n}.5 ")},
        columns=samples.with_value("numeric"),
        says=["0.5 to 299.5"],
    )
    yield samples.variant(
        "n_outlier",
        "one value of 1e15 among small ones",
        {"e.csv": samples.valued(lambda n: "1e15" if n == 33 else n % 7)},
        columns=samples.with_value("numeric"),
        says=["1e", "line 35 of e.csv"],
    )
    yield samples.variant(
        "missing_nulls",
        "missing: [null, no, -1]",
        {"e.csv": samples.valued(lambda n: ("null", "no", "-1", "5")[n % 4])},
        columns=samples.with_value({"kind": "numeric", "missing": [None, False, -1, "no"]}),
        says=["null 75, no 75, -1 75"],
    )
    for name, separator in {"pipe": "|", "semicolon": ";", "comma": ", "}.items():
        yield samples.variant(
            f"lists_{name}",
            f"lists with a {name}, not declared",
            {"e.csv": samples.PLAIN, "i.csv": _lists(separator)},
            data={
                "items": {
                    "path": "i.csv",
                    "columns": {"what": "item_id", "tags": "multi_categorical"},
                }
            },
            says=["tags multi_categorical 3", "separator"],
        )
    yield samples.variant(
        "lists_json_broken",
        "a list that does not end, separator: json",
        {
            "e.csv": samples.PLAIN,
            "i.csv": samples.items(
                lambda n: (f"p{n}", '"[""a"", ""b"""' if n == 4 else '"[""a""]"'), ("what", "tags")
            ),
        },
        data={
            "items": {
                "path": "i.csv",
                "columns": {
                    "what": "item_id",
                    "tags": {"kind": "multi_categorical", "separator": "json"},
                },
            }
        },
        refused=["i.csv, line 6", "tags"],
    )
    yield samples.variant(
        "vector_length",
        "a vector of two numbers among vectors of three",
        {
            "e.csv": samples.PLAIN,
            "i.csv": samples.items(
                lambda n: (f"p{n}", "1 2" if n == 4 else "1 2 3"), ("what", "image")
            ),
        },
        data={
            "items": {
                "path": "i.csv",
                "columns": {"what": "item_id", "image": {"kind": "vector", "dimension": 3}},
            }
        },
        refused=["i.csv, line 6", "image", "3"],
    )


def _lists(separator: str) -> str:
    tags = ("red", "big", "old")
    return samples.items(
        lambda n: (f"p{n}", f'"{separator.join(tags[: 1 + n % 3])}"'), ("what", "tags")
    )
