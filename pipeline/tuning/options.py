"""The arguments of `recsys tune`."""

from __future__ import annotations

import argparse

from pipeline import arguments
from pipeline.tuning import space

EXAMPLES = """\
A space is a YAML file of keys, below `model` and `training`, with the values to try:

  space:
    training.learning_rate: {low: 0.0005, high: 0.008, log: true}
    model.layers: {values: [1, 2, 3]}

A trial is a whole training of the recall model on the data stages of one run; the first one is the
configuration as it is. What is maximised is the validation metric of training.early_stopping.
monitor. Stop it and go on at any time, also with more minutes. Writes the best values as a YAML
file, which `recsys ablate` compares with the configuration over several seeds, and a page.

examples:
  recsys tune --minutes 60
  recsys tune my-space.yaml --config shop.yaml --minutes 240
  recsys tune --config shop.yaml -o runner.artifacts=gs://BUCKET/tuning \\
    --vertex PROJECT/REGION/IMAGE --minutes 240
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument(
        "space",
        metavar="SPACE",
        nargs="?",
        default="recall",
        help=f"a YAML file, or one of {', '.join(space.names())} (default %(default)s)",
    )
    child.add_argument(
        "--minutes",
        metavar="N",
        type=arguments.positive,
        default=60,
        help="that trials may take, those of earlier searches included; one that has begun is "
        "finished (default %(default)s)",
    )
    child.add_argument(
        "--vertex",
        metavar="PROJECT/REGION/IMAGE",
        type=space.vertex,
        help="search on Vertex AI instead of this machine, in a container of that image; artifacts "
        "have to lie in a bucket (runner.artifacts)",
    )
