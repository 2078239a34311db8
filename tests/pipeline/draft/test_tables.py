"""Which file is which table."""

from __future__ import annotations

from pipeline.draft import samples, tables

SECONDS = [str(1_700_000_000 + n) for n in range(60)]


def candidate(name: str, **cells) -> tables.Candidate:
    sample = samples.Sample(name, (name,), "csv", cells, rows=len(next(iter(cells.values()))))
    return tables.candidate(sample)


EVENTS = candidate(
    "log.csv",
    who_user=[f"u{n % 10}" for n in range(60)],
    item=[f"i{n % 20}" for n in range(60)],
    time=SECONDS,
)


def test_by_the_ids_that_they_share():
    users = candidate("a.csv", id=[f"u{n}" for n in range(10)], age=["20"] * 10)
    items = candidate("b.csv", key=[f"i{n}" for n in range(20)], price=["1.5"] * 20)
    found = tables.assign([items, users, EVENTS], {})
    assert found.events is EVENTS
    assert (found.users.candidate, found.users.column) == (users, "id")
    assert (found.items.candidate, found.items.column) == (items, "key")
    assert found.items.reason == "100% in common with item of events"
    assert found.unused == {}


def test_what_repeats_is_no_table_of_items():
    coupons = candidate("c.csv", item=[f"i{n % 5}" for n in range(60)], coupon=SECONDS)
    other = candidate("d.csv", campaign=["1", "2"], start=["2020-01-01", "2020-02-01"])
    found = tables.assign([coupons, EVENTS, other], {})
    assert found.items is None and found.users is None
    assert found.unused == {
        "c.csv": tables.Unused("item repeats in its rows", is_unsure=True),
        "d.csv": tables.Unused("it shares no ids with the events"),
    }


def test_small_numbers_are_told_apart_by_names():
    events = candidate(
        "log.csv",
        user=[str(n % 10) for n in range(60)],
        movie=[str(n % 20) for n in range(60)],
        time=SECONDS,
    )
    movies = candidate("m.csv", movieId=[str(n) for n in range(20)], year=["1990"] * 20)
    people = candidate("p.csv", userId=[str(n) for n in range(10)], age=["20"] * 10)
    found = tables.assign([people, movies, events], {})
    assert (found.users.candidate, found.items.candidate) == (people, movies)


def test_properties_in_rows_of_their_own():
    long = candidate(
        "item_properties.csv", item=["i1", "i1"], property=["a", "b"], value=["1", "2"]
    )
    found = tables.assign([EVENTS, long], {})
    assert found.items is None and "one property" in found.unused["item_properties.csv"].text


def test_the_command_line_wins():
    other = candidate("x.csv", sku=[f"i{n}" for n in range(20)])
    found = tables.assign([EVENTS, other], {"events": EVENTS, "items": other})
    assert found.items.column == "sku"
