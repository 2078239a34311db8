"""A small made-up grocery: households come back for the same things, in baskets."""

from __future__ import annotations

import pathlib

import numpy as np

USERS, ITEMS, GROUPS = 60, 90, 6
START, DAY = 1_700_000_000, 86_400

CONFIG = """\
name: small-grocery
data:
  events:
    path: baskets.csv
    columns: {household: user_id, product: item_id, when: timestamp}
  items:
    path: products.csv
    columns: {product: item_id, name: title, group: categorical}
split: {unit: basket}
features: {max_history: 12, repeat_history: 40, repeat_items: 8}
model: {dim: 16, layers: 1, heads: 2}
training: {epochs: 8, batch_positions: 512, learning_rate: 0.01}
index: {body: exact, k: 20, additional: {co_occurrence: 4, ease: 3}}
ranking:
  hold_out: {requests: 8, share: 0.5}
  model: {dim: 8, history: 6, hidden: [8]}
  training: {epochs: 8, batch_requests: 16, learning_rate: 0.01}
evaluation:
  ks: [5, 10, 20]
"""


def write(folder: pathlib.Path, seed: int = 3) -> pathlib.Path:
    """Writes events, items and the YAML file into `folder`; returns the YAML file's path.

    A household has a few products that it buys again every so many weeks, each at its own interval,
    and now and then something new.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    events = ["household,product,when"]
    for user in range(USERS):
        staples = rng.choice(ITEMS, 5, replace=False)
        every = rng.integers(1, 6, len(staples))
        for week in range(int(rng.integers(8, 20))):
            due = [int(item) for item, weeks in zip(staples, every) if week % weeks == 0]
            basket = {*due, int(rng.integers(ITEMS))} if rng.random() < 0.6 else {*due}
            when = START + week * 7 * DAY + int(rng.integers(DAY))
            events += [f"h{user},p{item},{when}" for item in sorted(basket)]
    (folder / "baskets.csv").write_text("\n".join(events) + "\n", encoding="utf-8")
    items = [f"p{item},Product {item},g{item % GROUPS}" for item in range(ITEMS)]
    (folder / "products.csv").write_text(
        "\n".join(["product,name,group", *items]) + "\n", encoding="utf-8"
    )
    path = folder / "grocery.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path
