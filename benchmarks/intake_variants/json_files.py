"""Variants of JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

from benchmarks.intake_variants import samples


def json_files() -> Iterator[samples.Variant]:
    """JSON lines."""
    yield samples.variant(
        "json_lines",
        "JSON lines by their ending",
        {"e.jsonl": samples.json_lines(samples.objects())},
    )
    yield samples.variant(
        "json_gz",
        "JSON lines, gzipped",
        {"e.json.gz": gzip.compress(samples.json_lines(samples.objects()).encode())},
    )
    yield samples.variant(
        "json_gz_cut",
        "JSON lines, the gzip file cut off",
        {"e.json.gz": gzip.compress(samples.json_lines(samples.objects()).encode())[:-100]},
        refused=["e.json.gz", "cut off"],
    )
    yield samples.variant(
        "json_nested",
        "JSON lines with objects in objects",
        {
            "e.jsonl": samples.json_lines(
                {
                    "user": {"id": v[0], "geo": {"city": "K\u00f6ln"}},
                    "item": {"sku": v[1]},
                    "ts": v[2],
                }
                for v in samples.VISITS
            )
        },
        columns={
            "user": {"role": "user_id", "source": "user.id"},
            "sku": {"role": "item_id", "source": "item.sku"},
            "ts": "timestamp",
            "city": {"role": "context", "kind": "categorical", "source": "user.geo.city"},
        },
        says=["Köln 100.0%", "2022-04-15 05:20:00 to 2022-04-20 16:16:28 UTC"],
    )
    yield samples.variant(
        "json_numbers",
        "JSON lines with numbers as ids",
        {
            "e.jsonl": samples.json_lines(
                {"who": int(v[0][1:]), "what": int(v[1][1:]), "at": v[2]} for v in samples.VISITS
            )
        },
    )
    yield samples.variant(
        "json_null_id",
        "JSON lines with a null as an id",
        {
            "e.jsonl": samples.json_lines(
                {**o, "what": None if n == 4 else o["what"]}
                for n, o in enumerate(samples.objects())
            )
        },
        refused=["e.jsonl, line 5", "what"],
    )
    yield samples.variant(
        "json_key_missing",
        "JSON lines of which one lacks the item",
        {
            "e.jsonl": samples.json_lines(
                {k: x for k, x in o.items() if n != 6 or k != "what"}
                for n, o in enumerate(samples.objects())
            )
        },
        refused=["e.jsonl, line 7", "what"],
    )
    yield samples.variant(
        "json_broken_line",
        "JSON lines of which one is broken",
        {"e.jsonl": samples.json_lines(samples.objects()).replace('"c01", ', '"c01" ', 1)},
        refused=["e.jsonl, line 11", "JSON"],
    )
    yield samples.variant(
        "json_array",
        "one JSON array",
        {"e.json": json.dumps(samples.objects(), indent=1)},
        refused=["e.json", "array"],
    )
    yield samples.variant(
        "json_typo",
        "a column that no object has",
        {"e.jsonl": samples.json_lines(samples.objects())},
        columns={"who": "user_id", "whta": "item_id", "at": "timestamp"},
        refused=["e.jsonl", "whta", "what"],
    )
    yield samples.variant(
        "json_list",
        "JSON lines with one line a user",
        {
            "e.jsonl": samples.json_lines(
                {
                    "who": f"c{u:02}",
                    "seq": [
                        {"what": v[1], "at": v[2]} for v in samples.VISITS if v[0] == f"c{u:02}"
                    ],
                }
                for u in range(samples.USERS)
            )
        },
        list_column="seq",
    )
