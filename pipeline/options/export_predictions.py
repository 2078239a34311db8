"""The arguments of `recsys export-predictions`."""

from __future__ import annotations

import argparse
import pathlib

EXAMPLES = """\
A line is `user<TAB>item item ...`: original ids, best first, without seen items
where data.repeats excludes them.
On test, the validation event is part of the history. The models are those of the
newest run, as in its report, whether they were pushed or not.

example:
  recsys export-predictions --stage two-stage --on test --output test.tsv
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    default = "default %(default)s"
    child.add_argument("--stage", choices=("recall", "two-stage"), default="recall", help=default)
    child.add_argument("--on", choices=("valid", "test"), default="test", help=default)
    child.add_argument("--output", metavar="FILE", type=pathlib.Path, required=True)
