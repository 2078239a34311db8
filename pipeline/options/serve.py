"""The arguments of `recsys serve`."""

from __future__ import annotations

import argparse
import pathlib

from pipeline import arguments

EXAMPLES = """\
Serves the recommendation API, a page to inspect and to try, and the models by
TensorFlow Serving's protocol. A release that is pushed or rolled back meanwhile
takes effect without a restart. Ctrl-C stops it.

examples:
  recsys serve --open
  recsys serve --store redis://127.0.0.1:6379/0 --api-keys keys.txt
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument(
        "--host", default="127.0.0.1", help="address of page and API (default %(default)s)"
    )
    child.add_argument(
        "--models-host",
        default="127.0.0.1",
        help="address of the models, which have neither keys nor encryption (default %(default)s)",
    )
    child.add_argument(
        "--separate",
        action="store_true",
        help="the models in a process of their own, as in production; a recommendation takes "
        "half as long again",
    )
    child.add_argument(
        "--request-log",
        metavar="DIR",
        type=pathlib.Path,
        help="log a sample of what the models are asked there, for `recsys skew`",
    )
    child.add_argument(
        "--request-log-rate",
        metavar="SHARE",
        type=arguments.share,
        default=0.01,
        help="the share of the requests that is logged (default %(default)s)",
    )
    for name, number, what in (
        ("--port", 8080, "of the page and the API"),
        ("--grpc-port", 8500, "of the models' gRPC"),
        ("--rest-port", 8501, "of the models' REST"),
    ):
        child.add_argument(
            name,
            metavar="N",
            type=arguments.positive,
            default=number,
            help=f"port {what} (default %(default)s)",
        )
    child.add_argument(
        "--store",
        metavar="URL",
        help="where histories are kept, as `recsys store load` "
        "filled it (default: an SQLite file in the run's folder, filled when it is empty)",
    )
    child.add_argument(
        "--api-keys",
        metavar="FILE",
        type=pathlib.Path,
        help="accept only requests with one of these keys, one a line",
    )
    child.add_argument("--open", action="store_true", help="show the page in the browser")
