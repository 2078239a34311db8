"""Training speed of a plain SASRec in PyTorch, which learns from every position of a sequence.

Width, depth, length, loss and negatives are those of the default model: each query against the
batch's distinct targets, by InfoNCE with logQ correction. Sequences are padded to the full length,
as usual implementations do; what counts are the target positions.

Runs in the environment of `recbole_sasrec.py`, which has PyTorch, and prints the target positions
learnt per second.
"""

import argparse
import collections
import csv
import time

import torch
from torch import nn
from torch.nn import functional

WIDTH, BLOCKS, HEADS, LENGTH, POSITIONS = 128, 2, 2, 200, 2048
DROPOUT, TEMPERATURE = 0.3, 0.1
WARM_UP = 3  # steps that do not count


class SasRec(nn.Module):
    """Pre-LayerNorm blocks over the sum of item and position embeddings; Kang and McAuley 2018."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items + 1, WIDTH, padding_idx=0)
        self.positions = nn.Embedding(LENGTH, WIDTH)
        block = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, DROPOUT, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(
            block, BLOCKS, nn.LayerNorm(WIDTH), enable_nested_tensor=False
        )
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, past: torch.Tensor) -> torch.Tensor:
        """int64 [B, LENGTH], padded with 0 on the right -> queries float32 [B, LENGTH, WIDTH]."""
        vectors = self.dropout(self.items(past) + self.positions.weight)
        mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
        return self.blocks(vectors, mask=mask, is_causal=True)


def loss_of(
    model: SasRec, past: torch.Tensor, targets: torch.Tensor, log_share: torch.Tensor
) -> torch.Tensor:
    """InfoNCE over the batch's distinct targets."""
    given = targets > 0
    queries = functional.normalize(model(past)[given], dim=-1)
    distinct, place = torch.unique(targets[given], return_inverse=True)
    vectors = functional.normalize(model.items(distinct), dim=-1)
    return functional.cross_entropy(queries @ vectors.T / TEMPERATURE - log_share[distinct], place)


def sequences(path: str) -> tuple[torch.Tensor, int]:
    """The newest LENGTH + 1 events of each user, int64 [U, LENGTH + 1], and how many items."""
    users, items = collections.defaultdict(list), dict[str, int]()
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t")
        next(rows)
        for user, item, *_, time_ in ((row[0], row[1], row[-1]) for row in rows):
            users[user].append((float(time_), items.setdefault(item, len(items) + 1)))
    result = torch.zeros(len(users), LENGTH + 1, dtype=torch.int64)
    for row, events in zip(result, users.values()):
        newest = [item for _, item in sorted(events, key=lambda event: event[0])][-LENGTH - 1 :]
        row[: len(newest)] = torch.tensor(newest)
    return result, len(items)


def main() -> None:
    """Trains a few steps and prints the target positions learnt per second."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inter", help="MovieLens-100K as RecBole's ml-100k.inter")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    torch.manual_seed(1)
    known, number = sequences(options.inter)
    share = torch.bincount(known.flatten(), minlength=number + 1).clamp(min=1).log()
    model = SasRec(number)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    targets, started = 0, 0.0
    for step in range(WARM_UP + options.steps):
        if step == WARM_UP:
            targets, started = 0, time.perf_counter()
        batch = known[torch.randint(len(known), [POSITIONS // LENGTH])]
        optimizer.zero_grad()
        loss_of(model, batch[:, :-1], batch[:, 1:], share).backward()
        optimizer.step()
        targets += int((batch[:, 1:] > 0).sum())
    print(targets / (time.perf_counter() - started))


if __name__ == "__main__":
    main()
