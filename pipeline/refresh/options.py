"""The arguments of `recsys refresh-index`."""

from __future__ import annotations

import argparse

from pipeline import arguments

MOST_GONE = 0.2
EXAMPLES = """\
Reads the tables of items and events again and makes a release of the same models for the catalogue
as it is now: new items can be recommended, changed features count, and items that are gone are not
recommended any more. Nothing is trained; what new events teach has to wait for `recsys run`.

New items go through the release's transform graph and get vectors from their features, like items
of training that nobody had taken. Values of a category that training has not seen count as unknown.
The index is built again and has to pass its gate; the rank model has to answer for the new items,
and as before for the others. Then both models are pushed as one release, or neither. The run that
made the release in force has to be the newest one, and its artifacts have to be there.

examples:
  recsys refresh-index --config shop.yaml
  recsys refresh-index --config shop.yaml --most-gone 0.5
  recsys rollback --config shop.yaml                       back to the catalogue of before
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument(
        "--most-gone",
        metavar="SHARE",
        type=arguments.share,
        default=MOST_GONE,
        help="refuse a catalogue that lacks a greater share of the release's items; it may have "
        "been cut off (default %(default)s)",
    )
