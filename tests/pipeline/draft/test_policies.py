"""Rules and policies that the sampled rows ask for."""

from __future__ import annotations

from pipeline.draft import policies, samples, tables

SECONDS = [str(1_700_000_000 + n) for n in range(10)]
IDS = [str(n % 4) for n in range(10)]


def candidate(**cells) -> tables.Candidate:
    return tables.candidate(samples.Sample("x.csv", ("x.csv",), "csv", cells, rows=10))


def lines(**cells):
    found = policies.rules(candidate(**{"user_id": IDS, "item_id": IDS, "ts": SECONDS, **cells}))
    return [(line.key, line.value, line.is_suggestion) for line in found]


def test_clean_rows_need_nothing():
    assert lines() == []


def test_rows_without_an_id_or_time_are_dropped():
    assert lines(user_id=["", *IDS[1:]], ts=[*SECONDS[:9], "NULL"]) == [
        ("drop", ["user_id is missing", "ts is missing"], False)
    ]


def test_returned_and_cancelled_goods_are_suggested():
    invoices = [f"C{n}" if n < 2 else str(n) for n in range(10)]
    quantities = [str(-1 if n < 2 else 3) for n in range(10)]
    found = lines(**{"InvoiceNo": invoices, "quantity sold": quantities})
    assert found == [
        ("drop", ["InvoiceNo startswith C", "'quantity sold' <= 0"], True),
    ]


def test_liked_and_clicked_are_suggested():
    assert lines(rating=["1", "2", "3", "4", "5"] * 2) == [("keep", ["rating >= 4"], True)]
    assert lines(click=["0", "1"] * 5) == [("keep", ["click == 1"], True)]


def test_policies_of_tables():
    events = candidate(user_id=IDS, item_id=[f"{n}.0" for n in IDS], ts=SECONDS)
    items = candidate(item_id=["0", "1", "2", "3", "3"], name=list("abcde"))
    users = candidate(user_id=["0", "1"], age=["20", "30"])
    found = tables.Tables(
        events, tables.Key(users, "user_id", ""), tables.Key(items, "item_id", ""), {}
    )
    said = {line.key: (line.value, line.unsure) for line in policies.policies(found)}
    assert set(said) == {"unknown_share", "duplicate_items", "ids"}
    assert said["duplicate_items"] == ("first", None)
    assert said["ids"] == ("clean", None)
    # Users 2 and 3 have 4 of 10 events: 40 %, rounded up with some room.
    assert said["unknown_share"][0] == 0.5 and said["unknown_share"][1].startswith("40% ")
