"""The arguments of `recsys releases`."""

from __future__ import annotations

import argparse

EXAMPLES = """\
examples:
  recsys releases
  recsys releases --json
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument("--json", action="store_true", help="print them as JSON")
