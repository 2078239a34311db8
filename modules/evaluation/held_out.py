"""Whether a model may have trained on the events that another split holds out."""

from __future__ import annotations

import json

from modules import config

MODEL_PROPERTY = "split"  # of the Indexer's Model artifact: what `describe` says


def describe(split: config.Split) -> str:
    """What decides which events train, as JSON; times in Unix seconds."""
    if split.method == "temporal":
        return json.dumps({"method": split.method, "valid_from": split.cutoffs[0]})
    basket = {} if split.unit == "event" else {"unit": split.unit}
    return json.dumps({"method": split.method, "min_events": split.min_events, **basket})


def overlap(described: str | None, split: config.Split) -> str:
    """Why a model may have trained on validation events of `split`, as a sentence; "" if not.

    Under one method it has not if it held out at least as much: `temporal` from the same time or
    earlier, `leave_one_out` the same unit, for users with as few events or fewer.

    Args:
      described: what `describe` said of the split that the model was trained under; None if
          unknown.
      split: the split whose validation events it is judged on.
    """
    if not described:
        return "It is not known how the last blessed model's training events were split off."
    old, new = json.loads(described), json.loads(describe(split))
    if old["method"] != new["method"]:
        found = f"split.method was {old['method']} and is {new['method']}"
    elif (old_unit := old.get("unit", "event")) != (new_unit := new.get("unit", "event")):
        found = f"split.unit was {old_unit} and is {new_unit}"
    elif (key := "valid_from" if new["method"] == "temporal" else "min_events") and old[key] > new[
        key
    ]:
        found = f"split.{key} was {old[key]} and is {new[key]}"
    else:
        return ""
    return f"The last blessed model may have trained on events that are held out now: {found}."
