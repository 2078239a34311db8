"""RecBole's SASRec and GRU4Rec: the best of a grid on validation, then lists for test.

Runs in an environment of its own, with `recbole`, and reads and writes what `benchmarks.peers`
says. Early stopping watches RecBole's own NDCG@10 on validation; what chooses is that of lists
without seen items, which RecBole leaves in for sequential models. Length, widths and batches are
RecBole's defaults.
"""

import argparse
import itertools
import json
import pathlib
import resource
import tempfile
import time
from typing import Any

import numpy as np
import torch
from numpy import typing as npt
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed
from recbole.utils.case_study import full_sort_scores

DEPTH, CUT = 200, 10
USERS = 128  # a batch
NAME = "peer"
SEED = 1
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "SASRec": {
        "learning_rate": (0.001, 0.002),
        "hidden_dropout_prob": (0.2, 0.5),
        "attn_dropout_prob": (0.2,),
    },
    "GRU4Rec": {"learning_rate": (0.001, 0.002), "dropout_prob": (0.1, 0.3)},
}
FIXED = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "eval_args": {
        "split": {"LS": "valid_and_test"},
        "order": "TO",
        "group_by": "user",
        "mode": "full",
    },
    "train_neg_sample_args": None,
    "metrics": ["NDCG"],
    "topk": [CUT],
    "valid_metric": f"NDCG@{CUT}",
    "stopping_step": 5,
    "seed": SEED,
    "use_gpu": False,
    "show_progress": False,
    "state": "ERROR",
}


def main() -> None:
    """Tries the grid, writes the lists of the best and what it took."""
    options = _options()
    given = np.load(options.data)
    valid, test = given["valid_item"], given["test_item"]
    seen = _seen(given)
    known = [items | {item} for items, item in zip(seen, valid.tolist())]
    grid = GRIDS[options.model]
    best, chosen, seconds = -1.0, dict[str, float](), 0.0
    lists = np.zeros((0, DEPTH), np.int64)
    with tempfile.TemporaryDirectory() as folder:
        _write(given, pathlib.Path(folder))
        for values in itertools.product(*grid.values()):
            settings = dict(zip(grid, values))
            started = time.perf_counter()
            model, held_out = _train(options.model, folder, settings, options.epochs)
            took = time.perf_counter() - started
            ndcg = _ndcg(_lists(model, held_out[0], seen, valid, CUT), valid)
            print(f"{options.model} {settings}: NDCG@{CUT} {ndcg:.4f} on validation", flush=True)
            if ndcg > best:
                best, chosen, seconds = ndcg, settings, took
                lists = _lists(model, held_out[1], known, test, DEPTH)
    found = {
        "chosen": chosen,
        "validation": best,
        "seconds": seconds,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    np.savez(options.output, users=np.flatnonzero(test >= 0), lists=lists, about=json.dumps(found))


def _seen(given: Any) -> list[set[int]]:
    """The items of each user's training events."""
    found: list[set[int]] = [set() for _ in range(int(given["users"]))]
    for user, item in zip(given["train_user"].tolist(), given["train_item"].tolist()):
        found[user].add(item)
    return found


def _write(given: Any, folder: pathlib.Path) -> None:
    """RecBole's atomic file; the place in the user's sequence stands for the time."""
    lines, places = [], [0] * int(given["users"])
    train = zip(given["train_user"].tolist(), given["train_item"].tolist())
    held_out = (enumerate(given[f"{split}_item"].tolist()) for split in ("valid", "test"))
    for user, item in itertools.chain(train, *held_out):
        if item >= 0:
            places[user] += 1
            lines.append(f"{user}\t{item}\t{places[user]}\n")
    target = folder / NAME / f"{NAME}.inter"
    target.parent.mkdir()
    head = "user_id:token\titem_id:token\ttimestamp:float\n"
    target.write_text(head + "".join(lines), encoding="utf-8")


def _train(name: str, folder: str, settings: dict[str, float], epochs: int) -> Any:
    """(model, (validation data, test data))."""
    config = Config(
        model=name,
        dataset=NAME,
        config_dict={
            **FIXED,
            **settings,
            "epochs": epochs,
            "data_path": folder,
            "checkpoint_dir": folder,
        },
    )
    init_seed(SEED, True)
    train, valid, test = data_preparation(config, create_dataset(config))
    model = get_model(name)(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    trainer.fit(train, valid, show_progress=False)
    saved = torch.load(trainer.saved_model_file, weights_only=False)
    model.load_state_dict(saved["state_dict"])
    return model, (valid, test)


def _lists(
    model: Any, held_out: Any, seen: list[set[int]], targets: npt.NDArray[np.int64], depth: int
) -> npt.NDArray[np.int64]:
    """The best items that a user has not seen, of the users with a target: [users, depth]."""
    users = np.flatnonzero(targets >= 0)
    dataset = held_out.dataset
    tokens = dataset.field2id_token["item_id"]
    items = np.array([-1, *map(int, tokens[1:])])
    number = {item: n for n, item in enumerate(items.tolist())}
    found = []
    for start in range(0, len(users), USERS):
        batch = users[start : start + USERS]
        scores = full_sort_scores(dataset.token2id("user_id", batch.astype(str)), model, held_out)
        for row, user in zip(scores, batch.tolist()):
            row[[number[item] for item in seen[user] if item in number]] = -np.inf
            found.append(items[torch.topk(row, depth).indices.numpy()])
    return np.stack(found)


def _ndcg(lists: npt.NDArray[np.int64], targets: npt.NDArray[np.int64]) -> float:
    hits = lists == targets[targets >= 0, None]
    return float((hits / np.log2(np.arange(lists.shape[1]) + 2)).sum(axis=1).mean())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=list(GRIDS))
    parser.add_argument("data", help="interactions.npz")
    parser.add_argument("output", help="an .npz file")
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    return parser.parse_args()


if __name__ == "__main__":
    main()
