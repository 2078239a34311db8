"""The arguments of `recsys package`."""

from __future__ import annotations

import argparse
import pathlib

DESCRIPTION = """\
Builds the wheel of this project and lists all that it needs in the locked versions,
for the workers of runner.kind: portable, and for the image of serving/deploy/Dockerfile.worker.
"""
EXAMPLES = """\
examples:
  recsys package
  recsys package --output /mnt/shared/recsys
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds all arguments; it has none of those of every command."""
    child.add_argument(
        "--output",
        metavar="DIR",
        type=pathlib.Path,
        default=pathlib.Path("dist"),
        help="where they are written (default %(default)s)",
    )
    child.add_argument("--verbose", action="store_true", help="show logs and tracebacks")
