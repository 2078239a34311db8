"""Variants of ids, of tables that do not fit together, and of rules on rows."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.intake_variants import samples


def ids() -> Iterator[samples.Variant]:
    """Ids, and tables that do not fit together."""
    catalogue = {"path": "i.csv", "columns": {"what": "item_id", "price": "numeric"}}
    people = {"path": "u.csv", "columns": {"who": "user_id", "age": "numeric"}}
    goods = samples.items(lambda n: (f"p{n}", n), ("what", "price"))
    yield samples.variant(
        "ids_spaces_users",
        "users with a space before them in some rows",
        {"e.csv": samples.lines(lambda n, v: (" " * (n % 2) + v[0], *v[1:]))},
        refused=["e.csv, line", "ids: clean"],
    )
    yield samples.variant(
        "ids_clean",
        "spaces and .0, ids: clean",
        {
            "e.csv": samples.lines(
                lambda n, v: (v[0] + " " * (n % 2), v[1][1:] + ".0" * (n % 2), v[2])
            )
        },
        data={"ids": "clean"},
    )
    yield samples.variant(
        "ids_exact",
        "ids: exact",
        {"e.csv": samples.lines(lambda n, v: (v[0], v[1] + " " * (n % 2), v[2]))},
        data={"ids": "exact"},
        read={"items": 50},
    )
    yield samples.variant(
        "ids_zeros",
        "007 and 7 are two items",
        {"e.csv": samples.lines(lambda n, v: (v[0], "0" * (n % 2) + v[1][1:], v[2]))},
        read={"items": 50},
    )
    yield samples.variant(
        "ids_none",
        "None as an item",
        {"e.csv": samples.PLAIN.replace("p3,", "None,")},
        refused=["e.csv, line", "None"],
    )
    yield samples.variant(
        "ids_empty",
        "an empty user",
        {"e.csv": samples.PLAIN.replace("c05,", ",", 1)},
        refused=["e.csv, line 52", "who"],
    )
    yield samples.variant(
        "ids_512",
        "an id of 512 bytes",
        {"e.csv": samples.PLAIN.replace("p3,", "\u00fc" * 256 + ",")},
    )
    yield samples.variant(
        "ids_513",
        "an id of 513 bytes",
        {"e.csv": samples.PLAIN.replace("p3,", "\u00fc" * 256 + "x,")},
        refused=["e.csv, line", "512"],
    )
    yield samples.variant(
        "items_few_unknown",
        "two of 25 items without a row",
        {
            "e.csv": samples.PLAIN,
            "i.csv": samples.items(
                lambda n: (f"p{n}" if n < 23 else f"q{n}", n), ("what", "price")
            ),
        },
        data={"items": catalogue},
        read={"items": 27},
        says=["2 items"],
    )
    yield samples.variant(
        "items_most_unknown",
        "items written in two ways",
        {
            "e.csv": samples.PLAIN,
            "i.csv": samples.items(lambda n: (f"P-{n}", n), ("what", "price")),
        },
        data={"items": catalogue},
        refused=["p", "data.items", "unknown_share"],
    )
    yield samples.variant(
        "items_refused",
        "an item without a row, unknown_item: refuse",
        {"e.csv": samples.PLAIN, "i.csv": goods.replace("p3,", "q3,")},
        data={"items": catalogue, "unknown_item": "refuse"},
        refused=["e.csv, line", "p3", "unknown_item"],
    )
    yield samples.variant(
        "items_twice",
        "an item twice",
        {"e.csv": samples.PLAIN, "i.csv": goods + "p4,9\n"},
        data={"items": catalogue},
        refused=["i.csv, line 27", "p4", "duplicate_items: first"],
    )
    yield samples.variant(
        "items_twice_first",
        "an item twice, the first counts",
        {"e.csv": samples.PLAIN, "i.csv": goods + "p4,9\n"},
        data={"items": catalogue, "duplicate_items": "first"},
    )
    yield samples.variant(
        "users_twice_first",
        "users twice, the first counts",
        {
            "e.csv": samples.PLAIN,
            "u.csv": "who,age\n" + "".join(f"c{n:02},{n}\n" * 2 for n in range(samples.USERS)),
        },
        data={"users": people, "duplicate_users": "first"},
    )
    yield samples.variant(
        "users_unknown",
        "no user has a row",
        {
            "e.csv": samples.PLAIN,
            "u.csv": "who,age\n" + "".join(f"u{n},{n}\n" for n in range(samples.USERS)),
        },
        data={"users": people},
        refused=["data.users", "unknown_share"],
    )
    yield samples.variant(
        "price_broken",
        "prices that are no numbers, many events refer to them",
        {
            "e.csv": samples.PLAIN,
            "i.csv": samples.items(lambda n: (f"p{n}", "?" if n % 2 else n), ("what", "price")),
        },
        data={"items": catalogue},
        refused=["i.csv, line 3", "price", "missing"],
    )


def rules() -> Iterator[samples.Variant]:
    """Rules on rows."""
    rated = samples.lines(
        lambda n, v: (*v, n % 5 + 1, f"C{n}" if n % 10 == 1 else n),
        (*samples.HEADER, "stars", "invoice"),
    )
    yield samples.variant(
        "rules_keep",
        "keep: stars >= 2",
        {"e.csv": rated},
        keep=["stars >= 2"],
        read={"events": 240},
        says=["60", "stars >= 2"],
    )
    yield samples.variant(
        "rules_drop",
        "drop: invoice startswith C",
        {"e.csv": rated},
        drop=["invoice startswith C"],
        read={"events": 270},
    )
    yield samples.variant(
        "rules_both",
        "keep: stars in [2, 3, 4, 5], drop: invoice startswith C",
        {"e.csv": rated},
        keep=["stars in [2, 3, 4, 5]"],
        drop=["invoice startswith C"],
        read={"events": 210},
    )
    yield samples.variant(
        "rules_typo",
        "a rule on a column that is not there",
        {"e.csv": rated},
        keep=["star >= 4"],
        refused=["e.csv, line 1", "star >= 4"],
    )
    yield samples.variant(
        "rules_syntax",
        "a rule that is none",
        {"e.csv": rated},
        keep=["stars => 4"],
        refused=["c.yaml", "keep[0]", "stars => 4"],
    )
    yield samples.variant(
        "rules_all",
        "a rule that leaves nothing",
        {"e.csv": rated},
        keep=["stars > 9"],
        refused=["no events"],
    )
    yield samples.variant(
        "rules_hide_faults",
        "rows that a rule drops may be broken",
        {
            "e.csv": samples.lines(
                lambda n, v: ("", v[1], "?", "x") if n % 10 == 3 else (*v, "ok"),
                (*samples.HEADER, "state"),
            )
        },
        drop=["state == x"],
        read={"events": 270},
    )
