"""Signature and output names of a release's SavedModels, for those who write and who ask them.

The inputs are in modules/request_arrays.py and modules/features.py. What the outputs mean is said
where they are made: modules/index/recall_module.py, modules/recall/export.py and
modules/ranking/export.py.
"""

from __future__ import annotations

DEFAULT = "serving_default"  # signature of both models
SCORE = "score"  # output of it

ITEM_ID = "item_id"  # output of recall
RECOMMENDED = (ITEM_ID, SCORE)  # outputs of recall that a recommendation needs
SOURCE = "source"  # output of recall where candidates are of several: numbers of SOURCES
SOURCES = ("index", "own_items", "co_occurrence", "ease")
QUERY = "query"  # signature of recall, and its output
CANDIDATES = "candidates"  # signature of recall, without inputs
VECTOR = "vector"  # output of CANDIDATES, which has ITEM_ID, too
FEATURES = "features"  # signature of recall: what its encoder gets of a request

PROBABILITY, MISSING_INPUTS = "probability", "missing_inputs"  # outputs of rank
PARTS, SCORE_PARTS = "parts", "score_parts"  # signatures of rank; the latter's output is SCORE
ITEMS = "items"  # signature of rank: what it makes of new items; output VECTOR
_PART = "part_"


def part(group: str) -> str:
    """The output of PARTS, and input of SCORE_PARTS, of a group of features."""
    return f"{_PART}{group}"


def group_of(name: str) -> str:
    """The group of features of a `part`."""
    return name.removeprefix(_PART)


def probability(objective: str) -> str:
    """The output of rank for an objective."""
    return f"{PROBABILITY}_{objective}"


def objective_of(name: str) -> str:
    """The objective of a `probability`."""
    return name.removeprefix(f"{PROBABILITY}_")
