"""The arguments of `recsys ablate`."""

from __future__ import annotations

import argparse

from pipeline import arguments
from pipeline.ablation import plan

EXAMPLES = """\
A plan is a YAML file of variants, each of which says what it changes of another one:

  title: Is the second stage worth it?
  variants:
    recall alone:
      set: {ranking.enabled: false}
    recall alone, Post-LayerNorm:
      on: recall alone             # begins where that one ends, and is compared with it
      set: {model.norm_first: false}
      grid: {training.learning_rate: [0.001, 0.002]}   # the best on validation is taken
    two stages:
      on: recall alone
      unset: [ranking.enabled]     # has the configuration's own value again

Each variant and seed is a run of the pipeline up to its evaluations, in DIR/NAME-ablation; steps
that variants have in common run once. What is done is not run again: stop it and go on at any time.
Writes a table (Markdown), a page (HTML), and the predictions of each trial.

examples:
  recsys ablate                                        the packaged plan, three seeds: hours
  recsys ablate --seeds 1 --rows "full system" "without crosses"
  recsys ablate depth --config shop.yaml -o model.dim=64
  recsys ablate my-plan.yaml --config shop.yaml --list     what it would run
"""


def add(child: argparse.ArgumentParser) -> None:
    """Adds what is peculiar to the command."""
    child.add_argument(
        "plan",
        metavar="PLAN",
        nargs="?",
        default="plan",
        help=f"a YAML file, or one of {', '.join(plan.names())} (default %(default)s)",
    )
    child.add_argument(
        "--rows", metavar="NAME", nargs="+", default=[], help="only these variants of it"
    )
    child.add_argument(
        "--seeds",
        metavar="N",
        type=arguments.count,
        nargs="+",
        default=[1, 2, 3],
        help="of the trainings of both stages (default 1 2 3)",
    )
    child.add_argument("--list", action="store_true", help="say what would be run, and run nothing")
