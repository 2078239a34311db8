"""Training speed of RecBole's SASRec on its MovieLens-100K.

Width, depth and length are those of the default model.

Runs in an environment of its own (RecBole needs PyTorch and another NumPy), made with

  python3.11 -m venv recbole
  recbole/bin/pip install torch recbole==1.2.1 'numpy<2' 'pandas<2.3' 'setuptools<81'

and prints the target positions learnt per second. RecBole cuts a user's n events into n - 1
examples of one target each, so a step encodes a whole history for every target.
"""

import argparse
import os
import time

import recbole
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender import SASRec
from recbole.utils import init_seed

WARM_UP = 1  # steps that do not count


def main() -> None:
    """Trains a few steps and prints the target positions learnt per second."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=256, help="examples a step")
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    config = Config(
        model="SASRec",
        dataset="ml-100k",
        config_dict={
            "data_path": os.path.join(os.path.dirname(recbole.__file__), "dataset_example"),
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "eval_args": {
                "split": {"LS": "valid_and_test"},
                "order": "TO",
                "group_by": "user",
                "mode": "full",
            },
            "hidden_size": 128,
            "inner_size": 512,
            "n_layers": 2,
            "n_heads": 2,
            "MAX_ITEM_LIST_LENGTH": 200,
            "loss_type": "CE",
            "train_neg_sample_args": None,
            "train_batch_size": options.batch,
            "use_gpu": False,
            "show_progress": False,
            "state": "ERROR",
        },
    )
    init_seed(1, True)
    train, *_ = data_preparation(config, create_dataset(config))
    model = SASRec(config, train.dataset)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    targets, started = 0, 0.0
    for step, batch in enumerate(train):
        if step == WARM_UP:
            targets, started = 0, time.perf_counter()
        optimizer.zero_grad()
        model.calculate_loss(batch).backward()
        optimizer.step()
        targets += len(batch["item_id"])
        if step == WARM_UP + options.steps - 1:
            break
    print(targets / (time.perf_counter() - started))


if __name__ == "__main__":
    main()
