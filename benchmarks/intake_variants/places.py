"""Variants of names of files and folders."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.intake_variants import samples


def places() -> Iterator[samples.Variant]:
    """Names of files and folders."""
    for _name in ("a b", "q?", "{x}", "st*r", "it's", "[ab]"):
        yield samples.variant(
            f"folder {_name}",
            f"a folder called {_name}",
            {f"{_name}/e.csv": samples.PLAIN},
            path=_name,
        )
    yield samples.variant(
        "glob",
        "a glob, and a file that it does not take",
        {
            "e/1.csv": "".join(samples.PLAIN.splitlines(True)[:151]),
            "e/2.csv": "who,what,at\n" + "".join(samples.PLAIN.splitlines(True)[151:]),
            "e/old.csv": "broken",
        },
        path="e/[0-9].csv",
    )
    yield samples.variant(
        "glob_in_brackets",
        "a glob inside of a folder with brackets",
        {"p [1]/1.csv": samples.PLAIN},
        path="p [1]/*.csv",
    )
    yield samples.variant(
        "path_missing",
        "a path where nothing is",
        {"e.csv": samples.PLAIN},
        path="events.csv",
        refused=["events.csv", "nothing found"],
    )
