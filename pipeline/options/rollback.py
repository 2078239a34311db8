"""The arguments of `recsys rollback`."""

from __future__ import annotations

import argparse

from pipeline import arguments

EXAMPLES = """\
Both models of the release take effect at once, after their files have been checked.

examples:
  recsys rollback              back to the one before
  recsys rollback 1795565736   this one, earlier or later
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument(
        "id",
        metavar="ID",
        nargs="?",
        type=arguments.positive,
        help="as `recsys releases` lists it (default: the one before the one in force)",
    )
