"""The arguments of `recsys batch-recommend`."""

from __future__ import annotations

import argparse
import pathlib

from pipeline import arguments
from pipeline.options import lists

DATA_END, NOW = "data-end", "now"
EXAMPLES = """\
The tables are read and checked as in training, so today's events count without a new training.
Every user gets what `recsys recommend --user ID --at TIME` and the API give; users without events
get what their profile says. Beam runs where `runner` in the configuration says.

FOLDER appears when all is written, or not at all. It holds Parquet files with the columns user_id,
rank (from 1), item_id, recall_rank, recall_score and rank_score, one row an item, and
_summary.json. The same data, release and options give the same files.

All requests are made at one moment. By default it is the time of the data's last event, so that
the answers follow from the data alone, and old data is asked about its own time. `--at now` is
right where events arrive all the time and the answers are shown at once.

examples:
  recsys batch-recommend --output recommendations
  recsys batch-recommend --config shop.yaml --output /data/today --replace --k 20 --at now
  recsys batch-recommend --output some --users ids.txt
  recsys batch-recommend --output today -o runner.kind=multi_process -o runner.workers=8
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument(
        "--output", metavar="FOLDER", required=True, help="folder or URL that is to be made"
    )
    child.add_argument(
        "--replace",
        action="store_true",
        help="replace FOLDER if an earlier call of this command has made it",
    )
    child.add_argument(
        "--users",
        metavar="FILE",
        type=pathlib.Path,
        help="answer only these users: a file with an id a line (default: all users of the data)",
    )
    child.add_argument(
        "--at",
        metavar="TIME",
        type=_moment,
        default=DATA_END,
        help=f"the requests' time: {DATA_END}, {NOW}, Unix seconds, a date (UTC) or a date-time "
        "(default %(default)s)",
    )
    lists.add(child)


def _moment(text: str) -> str | int:
    """A word for a moment, or a time."""
    return text if text in (DATA_END, NOW) else arguments.time(text)
