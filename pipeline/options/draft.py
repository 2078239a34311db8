"""The arguments of `recsys dataset draft`."""

from __future__ import annotations

import argparse
import pathlib

from pipeline import arguments

DESCRIPTION = """\
Looks at a sample of files and writes the configuration that reads them:
which table each is, what each column is for, and how times, numbers and lists are
written, each with the reason and examples. What is unsure is marked UNSURE, and listed
at the end.
"""
EXAMPLES = """\
Files are CSV and other delimited text, JSON lines, Parquet, or RecBole's; also
compressed, and as a folder or a glob. Several files are told apart by the ids that they
share. A URL is opened as Beam opens it.

examples:
  recsys dataset draft clicks.csv                       print it
  recsys dataset draft clicks.csv --output shop.yaml    write it
  recsys dataset draft data/ --output shop.yaml         all tables of a folder
  recsys dataset draft ratings.dat users.dat movies.dat --output ml-1m.yaml
  recsys dataset draft --events 'logs/*.json.gz' --items products.csv
then:
  recsys dataset check --config shop.yaml               what was read, and what is wrong
  recsys run --config shop.yaml
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds all arguments; it has none of those of every command."""
    child.add_argument("files", metavar="FILE", nargs="*", help="a file, a folder or a glob")
    for name in ("events", "users", "items"):
        child.add_argument(f"--{name}", metavar="FILE", help=f"the file that holds the {name}")
    child.add_argument(
        "--name", type=arguments.name, help="of the data set (default: from the events' file)"
    )
    child.add_argument(
        "--output", metavar="FILE", type=pathlib.Path, help="the YAML (default: standard output)"
    )
    child.add_argument("--force", action="store_true", help="replace the YAML if it is there")
    child.add_argument("--verbose", action="store_true", help="show logs and tracebacks")
