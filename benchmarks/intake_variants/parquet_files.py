"""Variants of Parquet, and of folders that hold a column."""

from __future__ import annotations

import decimal
from collections.abc import Iterator

import pyarrow as pa

from benchmarks.intake_variants import samples


def parquet_files() -> Iterator[samples.Variant]:
    """Parquet."""
    yield samples.variant(
        "pq_timestamps_tz",
        "Parquet with milliseconds in a time zone",
        {
            "e.parquet": samples.parquet_file(
                at=pa.array(
                    [1000 * v[2] for v in samples.VISITS], pa.timestamp("ms", "Europe/Berlin")
                )
            )
        },
        says=["2022-04-15 05:20:00 to 2022-04-20 16:16:28 UTC"],
    )
    yield samples.variant(
        "pq_int96",
        "Parquet with times of Spark and Impala",
        {
            "e.parquet": samples.parquet_of(
                pa.table(
                    {
                        "who": [v[0] for v in samples.VISITS],
                        "what": [v[1] for v in samples.VISITS],
                        "at": pa.array([10**9 * v[2] for v in samples.VISITS], pa.timestamp("ns")),
                    }
                ),
                use_deprecated_int96_timestamps=True,
            )
        },
        says=["2022-04-15 05:20:00 to 2022-04-20 16:16:28 UTC"],
    )
    yield samples.variant(
        "pq_date64",
        "Parquet with date64",
        {
            "e.parquet": samples.parquet_file(
                at=pa.array([1000 * (v[2] // 86400 * 86400) for v in samples.VISITS], pa.date64())
            )
        },
    )
    yield samples.variant(
        "pq_dictionary",
        "Parquet with dictionaries",
        {
            "e.parquet": samples.parquet_file(
                what=pa.array([v[1] for v in samples.VISITS]).dictionary_encode()
            )
        },
    )
    yield samples.variant(
        "pq_binary_ids",
        "Parquet with ids as bytes",
        {
            "e.parquet": samples.parquet_file(
                what=pa.array([v[1].encode() for v in samples.VISITS], pa.binary())
            )
        },
    )
    yield samples.variant(
        "pq_double_ids",
        "Parquet with ids as doubles",
        {"e.parquet": samples.parquet_file(what=[float(v[1][1:]) for v in samples.VISITS])},
    )
    yield samples.variant(
        "pq_decimal_price",
        "Parquet with decimals of 256 bits",
        {
            "e.parquet": samples.parquet_file(
                value=pa.array([decimal.Decimal("1.25")] * samples.EVENTS, pa.decimal256(50, 2))
            )
        },
        columns=samples.with_value("numeric"),
    )
    yield samples.variant(
        "pq_null_id",
        "Parquet with a null as an id",
        {
            "e.parquet": samples.parquet_file(
                what=[None if n == 7 else v[1] for n, v in enumerate(samples.VISITS)]
            )
        },
        refused=["e.parquet, row 8", "what"],
    )
    yield samples.variant(
        "pq_nulls",
        "Parquet with nulls in a feature",
        {
            "e.parquet": samples.parquet_file(
                value=[None if n % 3 else 1.5 for n in range(samples.EVENTS)]
            )
        },
        columns=samples.with_value("numeric"),
    )
    yield samples.variant(
        "pq_time_seconds_ms",
        "Parquet with milliseconds as whole numbers",
        {"e.parquet": samples.parquet_file(at=[1000 * v[2] for v in samples.VISITS])},
        refused=["e.parquet, row 1", "unit: ms"],
    )
    yield samples.variant(
        "pq_hive_two",
        "folders country=DE/day=2022-04-15",
        {
            f"e/country={c}/day=2022-04-1{d}/part.parquet": samples.parquet_of(
                pa.table(
                    {
                        n: [v[k] for v in samples.VISITS[s : s + 75]]
                        for k, n in enumerate(samples.HEADER)
                    }
                )
            )
            for s, (c, d) in zip(
                range(0, 300, 75), (("DE", 5), ("DE", 6), ("AT", 5), ("%C3%96", 6))
            )
        },
        path="e",
        columns={
            **samples.COLUMNS,
            "country": {"role": "context", "kind": "categorical"},
            "day": "categorical",
        },
        says=["DE 50.0%, AT 25.0%, Ö 25.0%"],
    )
    yield samples.variant(
        "csv_hive_time",
        "CSV in folders, the day only in their names",
        {
            f"e/dt=2022-04-{15 + d}/part.csv": "who,what\n"
            + "".join(f"{v[0]},{v[1]}\n" for v in samples.VISITS[d::10])
            for d in range(10)
        },
        path="e",
        columns={"who": "user_id", "what": "item_id", "dt": "timestamp"},
        says=["2022-04-15 00:00:00 to 2022-04-24 00:00:00 UTC"],
    )
    yield samples.variant(
        "csv_hive_header",
        "CSV without a header in folders, the day only in their names",
        {
            f"e/dt=2022-04-{15 + d}/part.csv": "".join(
                f"{v[0]},{v[1]}\n" for v in samples.VISITS[d::10]
            )
            for d in range(10)
        },
        path="e",
        header=["who", "what"],
        columns={"who": "user_id", "what": "item_id", "dt": "timestamp"},
    )
    whole = samples.parquet_file()
    yield samples.variant(
        "pq_corrupt_page",
        "Parquet with damaged bytes inside",
        {"e.parquet": whole[:300] + b"\xff" * 200 + whole[500:]},
        refused=["e.parquet", "corrupt"],
    )
    yield samples.variant(
        "pq_typo",
        "a column that Parquet lacks",
        {"e.parquet": samples.parquet_file()},
        columns={"who": "user_id", "wat": "item_id", "at": "timestamp"},
        refused=["e.parquet", "wat", "what"],
    )
