"""A small made-up shop, written as CSV files with its YAML file: what end-to-end tests run on."""

from __future__ import annotations

import pathlib

import numpy as np

USERS, ITEMS, GROUPS = 80, 60, 4
START = 1_700_000_000

CONFIG = """\
name: small-shop
data:
  events:
    path: events.csv
    format: csv
    columns: {user: user_id, item: item_id, time: timestamp, action: action_type}
  users:
    path: users.csv
    format: csv
    columns: {user: user_id, age: numeric, country: categorical}
  items:
    path: items.csv
    format: csv
    columns:
      item: item_id
      name: title
      group: categorical
      tags: {kind: multi_categorical, separator: " "}
  repeats: exclude
features:
  max_history: 12
  crosses:
    - {features: [user_age, item_group], buckets: 50}
model: {dim: 16, layers: 1, heads: 2}
training: {epochs: 2, batch_positions: 512, early_stopping: {patience: 5}}
index: {body: scann, k: 20}
ranking:
  hold_out: {requests: 5}
  model: {dim: 8, history: 6, hidden: [8]}
  training: {epochs: 2, batch_requests: 16}
  objectives:
    purchase: {column: action, values: [buy]}
evaluation:
  ks: [5, 10, 20]
  slices: [user_country, history_length]
  thresholds: {HR@20: {min: 0.05}}
  baselines: [popularity]
"""


def write(folder: pathlib.Path, seed: int = 7, *, has_times: bool = True) -> pathlib.Path:
    """Writes events, users, items and the YAML file into `folder`; returns the YAML file's path.

    Without times, the events have weights in their place, the index is exact, and what a user had
    may come back.

    Each user walks through the items of one group in a circle, with a few jumps: easy to learn, not
    trivial.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    events = ["user,item,time,action"]
    for user in range(USERS):
        group, place, clock = (
            user % GROUPS,
            int(rng.integers(100)),
            START + int(rng.integers(10**6)),
        )
        for _ in range(int(rng.integers(3, 30))):
            place += 1
            clock += int(rng.exponential(3600))
            item = (
                int(rng.integers(ITEMS)) if rng.random() < 0.1 else (place * GROUPS + group) % ITEMS
            )
            events.append(f"u{user},i{item},{clock},{'buy' if rng.random() < 0.2 else 'click'}")
    config = CONFIG
    if not has_times:
        weights = rng.choice(["0.5", "1", "", "3"], len(events)).tolist()
        parts = [line.split(",") for line in events[1:]]
        events = ["user,item,worth,action"]
        events += [f"{u},{i},{w},{a}" for (u, i, _, a), w in zip(parts, weights)]
        config = config.replace(
            "time: timestamp", "order: {from: file_order}, worth: weight"
        ).replace("body: scann", "body: exact")
        # what follows what is learned by counting, and has to be learned as well
        config = config.replace("repeats: exclude", "repeats: allow")
        config = config.replace(
            "training: {epochs: 2,", "training: {learning_rate: 0.01, epochs: 8,"
        )
    (folder / "events.csv").write_text("\n".join(events) + "\n", encoding="utf-8")
    users = [f"u{u},{20 + u % 50},{'DE' if u % 3 else 'FR'}" for u in range(USERS)]
    (folder / "users.csv").write_text(
        "\n".join(["user,age,country", *users]) + "\n", encoding="utf-8"
    )
    items = [
        f"i{i},Item {i},g{i % GROUPS},{'new ' if i > 40 else ''}t{i % 7}" for i in range(ITEMS)
    ]
    (folder / "items.csv").write_text(
        "\n".join(["item,name,group,tags", *items]) + "\n", encoding="utf-8"
    )
    path = folder / "shop.yaml"
    path.write_text(config, encoding="utf-8")
    return path
