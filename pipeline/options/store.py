"""The arguments of `recsys store load` and `recsys store status`."""

from __future__ import annotations

import argparse

LOAD_EXAMPLES = """\
The tables are read and checked as in training. What is there already is not added
again.

examples:
  recsys store load
  recsys store load --config shop.yaml --store redis://127.0.0.1:6379/0
"""
STATUS_EXAMPLES = """\
example:
  recsys store status --store redis://127.0.0.1:6379/0
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what both have."""
    child.add_argument(
        "--store",
        metavar="URL",
        help="URL of the store: sqlite:///FILE or redis://HOST:PORT/DB (default: a file in the "
        "run's folder)",
    )


def add_load(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to `store load`."""
    add(child)
    child.add_argument(
        "--replace", action="store_true", help="first remove all that the store holds"
    )
