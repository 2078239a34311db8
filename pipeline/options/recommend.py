"""The arguments of `recsys recommend`."""

from __future__ import annotations

import argparse

from pipeline import arguments
from pipeline.options import lists

EXAMPLES = """\
examples:
  recsys recommend --user 42 --k 10 --explain
  recsys recommend --history 50,172:881250949 --profile age=24,gender=M
  recsys recommend --user 42 --at 1998-04-23T20:00 --exclude 1,50

An element of --history, --exclude or --profile with a comma stands in double quotes, a
quote inside them is written twice; so does an id that ends in a colon and digits:
  recsys recommend --history '"a,b":881250949,"tt:12","5"" disc",50'
  recsys recommend --user 42 --profile '"tags=new,blue",age=24'
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    who = child.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--user",
        metavar="ID",
        type=arguments.identifier,
        help="a user of the data set, with history and profile",
    )
    who.add_argument(
        "--history",
        metavar="ITEM[:TIME],...",
        type=arguments.history,
        help="item ids, oldest first, with Unix seconds where known, in double quotes where "
        """they hold commas or colons, like '"a,b":881250949,50'; '' for none""",
    )
    child.add_argument(
        "--profile",
        metavar="COLUMN=VALUE,...",
        type=arguments.profile,
        default={},
        help="columns of the users table; replaces those of --user",
    )
    child.add_argument(
        "--at",
        metavar="TIME",
        type=arguments.time,
        help="the request's time: Unix seconds, a date (UTC) or a date-time",
    )
    child.add_argument(
        "--exclude",
        metavar="ITEM,...",
        type=arguments.item_ids,
        default=(),
        help="item ids not to recommend",
    )
    lists.add(child)
    child.add_argument(
        "--explain",
        action="store_true",
        help="say which groups of features moved each item's rank score, and how far",
    )
    child.add_argument("--json", action="store_true", help="print the answer as JSON")
