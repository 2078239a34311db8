"""The arguments of the commands that make lists: how long, what may be in them, in whose order."""

from __future__ import annotations

import argparse

from pipeline import arguments


def add(child: argparse.ArgumentParser) -> None:
    """Adds `--k`, `--exclude-seen` and `--stage`."""
    child.add_argument(
        "--k",
        metavar="N",
        type=arguments.positive,
        default=10,
        help="how many items a user (default %(default)s)",
    )
    child.add_argument(
        "--exclude-seen",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="leave out items of a user's history, or let them come back (default: as the release "
        "does, see data.repeats)",
    )
    child.add_argument(
        "--stage",
        choices=("recall", "two-stage"),
        help="whose order (default two-stage, if the release has a rank model)",
    )
