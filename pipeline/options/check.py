"""The arguments of `recsys dataset check`."""

from __future__ import annotations

import argparse

EXAMPLES = """\
examples:
  recsys dataset check --config shop.yaml
  recsys dataset check --config shop.yaml --json
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument("--json", action="store_true", help="print what was found as JSON")
