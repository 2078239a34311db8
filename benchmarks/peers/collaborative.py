"""EASE, and implicit's ALS and BPR: the best of a grid on validation, then lists for test.

Runs in an environment of its own, with `implicit` and `scipy`, and reads and writes what
`benchmarks.peers` says. On test, ALS and EASE see the validation event as a part of the history;
BPR, which cannot, learns from it.
"""

import argparse
import itertools
import json
import resource
import time
from collections.abc import Callable, Iterator

import implicit.als
import implicit.bpr
import numpy as np
import scipy.sparse as sp
from numpy import typing as npt

DEPTH = 200
CUT = 10  # of the NDCG that chooses
USERS = 256  # a batch
SEED = 1
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "als": {
        "factors": (64, 128),
        "regularization": (0.01, 0.1, 1.0),
        "alpha": (1.0, 5.0, 20.0),
        "iterations": (15,),
    },
    "bpr": {
        "factors": (64, 128),
        "learning_rate": (0.01, 0.05),
        "regularization": (0.001, 0.01),
        "iterations": (100, 300),
    },
    "ease": {"penalty": (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)},
}

Scorer = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]  # users to scores


def main() -> None:
    """Tries the grid, writes the lists of the best and what it took."""
    options = _options()
    given = np.load(options.data)
    users, items = int(given["users"]), int(given["items"])
    train = _matrix(given["train_user"], given["train_item"], users, items)
    valid, test = given["valid_item"], given["test_item"]
    has = valid >= 0
    known = train + _matrix(np.flatnonzero(has), valid[has], users, items)
    fits: dict[str, Callable[..., Scorer]] = {"als": _als, "bpr": _bpr, "ease": _ease}
    fit = fits[options.model]
    grid = GRIDS[options.model]
    best, chosen, seconds = -1.0, dict[str, float](), 0.0
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values))
        started = time.perf_counter()
        scorer = fit(train, train, **settings)
        took = time.perf_counter() - started
        ndcg = _ndcg(_lists(scorer, train, valid, CUT), valid)
        print(f"{options.model} {settings}: NDCG@{CUT} {ndcg:.4f} on validation", flush=True)
        if ndcg > best:
            best, chosen, seconds = ndcg, settings, took
    scorer = fit(train, known, **chosen)
    lists = _lists(scorer, known, test, DEPTH)
    found = {
        "chosen": chosen,
        "validation": best,
        "seconds": seconds,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    np.savez(options.output, users=np.flatnonzero(test >= 0), lists=lists, about=json.dumps(found))


def _matrix(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], users: int, items: int
) -> sp.csr_matrix:
    found = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(users, items))
    found.data[:] = 1  # an event that comes twice counts once
    return found


def _als(train: sp.csr_matrix, known: sp.csr_matrix, **settings: float) -> Scorer:
    """Hu, Koren and Volinsky, 2008; users of `known` are folded in."""
    model = implicit.als.AlternatingLeastSquares(random_state=SEED, **settings)
    model.fit(train, show_progress=False)
    users = model.recalculate_user(np.arange(known.shape[0]), known)
    return lambda rows: np.asarray(users[rows] @ model.item_factors.T)


def _bpr(train: sp.csr_matrix, known: sp.csr_matrix, **settings: float) -> Scorer:
    """Rendle et al., 2009, on `known`, as there is no folding in."""
    del train
    model = implicit.bpr.BayesianPersonalizedRanking(random_state=SEED, **settings)
    model.fit(known, show_progress=False)
    return lambda rows: np.asarray(model.user_factors[rows] @ model.item_factors.T)


def _ease(train: sp.csr_matrix, known: sp.csr_matrix, penalty: float) -> Scorer:
    """Steck, 2019, equation 8."""
    gram = (train.T @ train).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = (inverse / -np.diag(inverse)).astype(np.float32)
    np.fill_diagonal(weights, 0)
    return lambda rows: known[rows] @ weights


def _lists(
    scorer: Scorer, seen: sp.csr_matrix, targets: npt.NDArray[np.int64], depth: int
) -> npt.NDArray[np.int64]:
    """The best items that a user has not seen, of the users with a target: [users, depth]."""
    return np.concatenate(
        [_best(scorer, seen, rows, depth) for rows in _batches(np.flatnonzero(targets >= 0))]
    )


def _best(
    scorer: Scorer, seen: sp.csr_matrix, rows: npt.NDArray[np.int64], depth: int
) -> npt.NDArray[np.int64]:
    scores = np.array(scorer(rows))
    scores[seen[rows].nonzero()] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :depth]


def _batches(rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, len(rows), USERS):
        yield rows[start : start + USERS]


def _ndcg(lists: npt.NDArray[np.int64], targets: npt.NDArray[np.int64]) -> float:
    hits = lists == targets[targets >= 0, None]
    return float((hits / np.log2(np.arange(lists.shape[1]) + 2)).sum(axis=1).mean())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=list(GRIDS))
    parser.add_argument("data", help="interactions.npz")
    parser.add_argument("output", help="an .npz file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
