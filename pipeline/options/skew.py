"""The arguments of `recsys skew`."""

from __future__ import annotations

import argparse
import pathlib

from pipeline import arguments

EXAMPLES = """\
Requests are logged by `python -m serving.model_server --request-log DIR`. Distances from
the training data are TFDV's; replaying proves that the served graph transforms a request
as the pipeline's Transform does, and that the release still answers as it did. The exit
code is 1 when something is skewed or unequal.

examples:
  recsys skew --logs requests/
  recsys skew --logs requests/today --against requests/last-week --threshold user_age=0.2
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument(
        "--logs", metavar="DIR", type=pathlib.Path, required=True, help="folder of logged requests"
    )
    child.add_argument(
        "--against", metavar="DIR", type=pathlib.Path, help="older ones, to compare with as well"
    )
    child.add_argument(
        "--replay",
        metavar="N",
        type=arguments.count,
        default=200,
        help="requests of each model that are asked again, 0 for none (default %(default)s)",
    )
    child.add_argument(
        "--threshold",
        dest="thresholds",
        metavar="FEATURE=X",
        action="append",
        default=[],
        type=arguments.threshold,
        help="the greatest distance of a feature, and difference in missing numbers, that "
        "is no skew; may be given again",
    )
    child.add_argument("--json", action="store_true", help="print what was found as JSON")
