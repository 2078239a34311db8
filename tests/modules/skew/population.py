"""Users with histories, cut into windows of training and validation requests as by ExampleGen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tfx_bsl.coders import example_coder

from modules import config, earlier, repeats, request_arrays, requests
from modules.beam import sequences
from modules.skew import measure
from tests import examples

DATA = examples.data()
REPEATING = repeats.resolved(DATA, allow=True)
MAX_HISTORY = 6
USERS = 300
BEGIN = 10**9
ITEMS = [f"i{n}" for n in range(50)]
VOCABULARIES = {
    "event_item_id": set(ITEMS),
    "user_gender": {"F", "M"},
    "user_hobbies": {"chess", "go"},
    "event_action_type": {"click", "buy"},
    "context_device": {"app", "web"},
}

Row = dict[str, Any]
Arrays = dict[str, np.ndarray]


def windows(seed: int = 0) -> tuple[list[Row], list[Row]]:
    """(of training, of validation): the last event of each user validates."""
    rng = np.random.default_rng(seed)
    train: list[Row] = []
    valid: list[Row] = []
    for user in range(USERS):
        n = int(rng.integers(3, 20))
        sequence = {
            "event_item_id": rng.choice(ITEMS, n).tolist(),
            "event_timestamp": (BEGIN + np.cumsum(rng.integers(1, 10**6, n))).tolist(),
            "event_action_type": rng.choice(["click", "buy"], n, p=[0.8, 0.2]).tolist(),
            "event_rating": rng.integers(1, 6, n).astype(float).tolist(),
            "context_device": rng.choice(["app", "web"], n).tolist(),
            "context_battery": rng.uniform(0, 100, n).tolist(),
        }
        profile = {
            "user_id": f"u{user}",
            "user_age": float(rng.integers(10, 80)),
            "user_gender": str(rng.choice(["F", "M"])),
            "user_taste": rng.normal(size=2).tolist(),
            "user_hobbies": rng.choice(
                ["chess", "go"], int(rng.integers(0, 3)), replace=False
            ).tolist(),
        }
        cuts = [(train, *window) for window in sequences.train_windows(n - 1, MAX_HISTORY)]
        for rows, start, stop in [*cuts, (valid, *sequences.request_window(n - 1, MAX_HISTORY))]:
            part = {name: values[start:stop] for name, values in sequence.items()}
            row = {**profile, **part, "window_start": start, "seen_item_id": []}
            rows.append({**row, **_earlier(sequence, start)} if rows is valid else row)
    return train, valid


def _earlier(sequence: Row, start: int) -> Row:
    """What came before a request's window."""
    found = earlier.of(sequence["event_item_id"][:start], sequence["event_timestamp"][:start], 256)
    return {
        "earlier_item_id": list(found.items),
        "earlier_count": list(found.counts),
        "earlier_first_timestamp": list(found.first),
        "earlier_last_timestamp": list(found.last),
    }


def statistics(rows: Sequence[Row]) -> measure.Statistics:
    """What StatisticsGen measures of the examples."""
    return measure.training(statistics_list(rows))


def statistics_list(rows: Sequence[Row]) -> Any:
    """The same, as it writes them."""
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(
        list(map(examples.serialize, rows))
    )
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())


def asked(rows: Sequence[Row], max_history: int = MAX_HISTORY, data: config.Data = DATA) -> Arrays:
    """The requests that the last events of the windows were, as a client sends them."""
    parsed = [requests.read_raw_example(examples.serialize(row)) for row in rows]
    return request_arrays.from_examples(parsed, data, max_history)
