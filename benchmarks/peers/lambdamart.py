"""LightGBM's LambdaMART over recall's candidates, with the ranker's own statistic features.

Runs in an environment of its own, with `lightgbm`, and reads and writes what `benchmarks.peers`
says. The best of a grid on the validation lists, with early stopping there; then the order of the
test lists.
"""

import argparse
import itertools
import json
import resource
import time
from typing import Any

import lightgbm
import numpy as np
from numpy import typing as npt

CUT = 10
MOST_TREES, PATIENCE = 1000, 50
GRID = {
    "num_leaves": (7, 15, 31),
    "learning_rate": (0.02, 0.05),
    "min_data_in_leaf": (50, 500),
}
FIXED = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [CUT],
    "lambdarank_truncation_level": 30,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "seed": 1,
    "verbosity": -1,
}

Lists = tuple[npt.NDArray[np.float32], npt.NDArray[np.int8], npt.NDArray[np.int64]]


def main() -> None:
    """Tries the grid, writes the scores of the best and what it took."""
    options = _options()
    given = np.load(options.data)
    splits = {split: _lists(given, split) for split in ("train", "valid")}
    train, valid = (
        lightgbm.Dataset(features, labels, group=sizes, free_raw_data=False)
        for features, labels, sizes in splits.values()
    )
    valid.reference = train
    best, chosen, seconds = -1.0, dict[str, float](), 0.0
    kept: Any = None
    for values in itertools.product(*GRID.values()):
        settings = dict(zip(GRID, values))
        started = time.perf_counter()
        model = lightgbm.train(
            {**FIXED, **settings, "feature_pre_filter": False},
            train,
            MOST_TREES,
            valid_sets=[valid],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )
        took = time.perf_counter() - started
        features, labels, sizes = splits["valid"]
        ndcg = _ndcg(model.predict(features), labels, sizes)
        print(f"{settings}: {model.best_iteration} trees, NDCG@{CUT} {ndcg:.4f}", flush=True)
        if ndcg > best:
            best, chosen, seconds, kept = ndcg, settings, took, model
    found = {
        "chosen": {**chosen, "trees": kept.best_iteration},
        "validation": best,
        "seconds": seconds,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    shape = given["test_features"].shape[:2]
    scores = kept.predict(given["test_features"].reshape(shape[0] * shape[1], -1)).reshape(shape)
    np.savez(options.output, scores=scores, about=json.dumps(found))


def _lists(given: dict[str, npt.NDArray[np.float32]], split: str) -> Lists:
    """(features [rows, F], labels [rows], sizes of the lists), without padding."""
    features, targets = given[f"{split}_features"], given[f"{split}_target"]
    is_given = given[f"{split}_given"]
    labels = np.zeros(features.shape[:2], np.int8)
    rows = np.flatnonzero(targets >= 0)
    labels[rows, targets[rows]] = 1
    return features[is_given], labels[is_given], is_given.sum(axis=1)


def _ndcg(
    scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int8], sizes: npt.NDArray[np.int64]
) -> float:
    """With one target a list; lists without it have 0."""
    total, start = 0.0, 0
    for size in sizes:
        hit = labels[start : start + size]
        if hit.any():
            own = scores[start : start + size]
            rank = 1 + np.sum(own > own[hit.argmax()])
            total += 1 / np.log2(rank + 1) if rank <= CUT else 0
        start += size
    return total / len(sizes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="lists.npz")
    parser.add_argument("output", help="an .npz file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
