"""The arguments of `recsys run`."""

from __future__ import annotations

import argparse

EXAMPLES = """\
What has not changed since the last run is reused; a run that was stopped goes on.

examples:
  recsys run
  recsys run --config shop.yaml -o training.epochs=3 -o index.body=exact
  recsys run --config shop.yaml --warm-start     the next day, on yesterday's models
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument(
        "--warm-start",
        action="store_true",
        help="go on from the models of the release in force, for as many epochs as "
        "training.warm_start and ranking.training.warm_start say",
    )
    child.add_argument("--no-cache", action="store_true", help="run every component again")
