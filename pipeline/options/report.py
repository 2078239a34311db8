"""The arguments of `recsys report`."""

from __future__ import annotations

import argparse

EXAMPLES = """\
examples:
  recsys report
  recsys report --config shop.yaml --open
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument("--open", action="store_true", help="show it in the browser")
