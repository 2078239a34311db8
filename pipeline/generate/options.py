"""The arguments of `recsys dataset generate`."""

from __future__ import annotations

import argparse
import dataclasses

from modules.generator import shape
from pipeline import arguments

EXAMPLES = """\
Writes into the folder, which has to be new or empty:

  events/ users/ items/   tables, in parts
  dataset.yaml            the configuration that reads them
  attainable.json         what the best ranking reaches on users' last events: NDCG@10, HR@10, ...
  oracle/                 that ranking: predictions.tsv, a line a user, `user<TAB>item item ...`, as
                          `recsys export-predictions` writes it, and these users' events, split

Of each event it is known how probable each item was: it depends on the user's age (by category of
item), the hour, the categories of the user's events, the last category and the last item (within a
session), and on popularity, which is a power law and drifts. Country and price mean nothing. So the
best ranking is known, and a run's NDCG@10 can be given as a share of the attainable.

The same options write the same bytes, on any number of workers. The runner is that of the
configuration:

  recsys dataset generate --out shop --events 100000
  recsys run --config shop/dataset.yaml
  recsys dataset generate --out big --events 10000000 --items 100000 -o runner.kind=multi_process
  recsys dataset generate --out again --events 100000 --repeats 0.3         people buy again
  recsys dataset generate --out hostile --events 2000000 --hot-user 1000000 --hot-item 0.5
"""

_COUNTS = (
    ("users", "users, without the hot one (default: 25 events each)"),
    ("items", "items, a multiple of the categories (default: 50 events each, 2,000 at least)"),
    ("categories", "categories of items"),
    ("days", "days from the first event to the last"),
    ("seed", "of the random numbers"),
    (
        "hot_user",
        "events of one more user, a machine: evenly in time, popular items, again and again",
    ),
    ("judged", "users whose best ranking is computed (default: at most 10,000, by lot)"),
    ("part_events", "events of a part; a worker holds one part at a time"),
)
_NUMBERS = (
    ("zipf", "exponent of the items' popularity in a category, rank^-S"),
    ("drift", "share of what is taken by popularity that goes by that of the day"),
    ("session_events", "events of a session, on average"),
    ("repeats", "share of events that repeat one of the user's before"),
    ("hot_item", "share of all events that are of one item"),
)


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument("--out", metavar="DIR", required=True, help="folder or URL, new or empty")
    child.add_argument(
        "--events", metavar="N", type=arguments.positive, required=True, help="all events"
    )
    defaults = {field.name: field.default for field in dataclasses.fields(shape.Shape)}
    for names, kind, word in ((_COUNTS, arguments.count, "N"), (_NUMBERS, float, "X")):
        for name, what in names:
            shown = "" if "default" in what else " (default %(default)s)"
            child.add_argument(
                shape.option(name),
                metavar=word,
                type=kind,
                default=defaults[name],
                help=what + shown,
            )
    child.add_argument(
        "--format",
        choices=("parquet", "csv"),
        default="parquet",
        help="of the tables (default %(default)s)",
    )
    child.add_argument(
        "--name",
        type=arguments.name,
        default="generated",
        help="of the data set (default %(default)s)",
    )


def read(args: argparse.Namespace) -> shape.Shape:
    """What the arguments ask for.

    Raises:
      ConfigError: values that contradict each other.
    """
    names = ["events", *(name for name, _ in (*_COUNTS, *_NUMBERS))]
    return shape.Shape(**{name: getattr(args, name) for name in names})
