"""Where item ids' embeddings start: at what counting who follows whom already knows.

Rows of a factorised matrix of positive pointwise mutual information, which is what skip-gram with
negative sampling approaches (Levy and Goldberg, Neural Word Embedding as Implicit Matrix
Factorization, NeurIPS 2014; of items: Barkan and Koenigstein, Item2Vec, 2016, arXiv 1603.04259).
On sparse data a Transformer sees most pairs of items too seldom to find them from random vectors;
where items have many events, it makes no difference that could be shown.
"""

from __future__ import annotations

import numpy as np
from numpy import typing as npt
from scipy import sparse
from scipy.sparse import linalg

from modules.recall import training_events

DISTANCE = 5  # events; a pair weighs 1/distance, as in the baseline of co-occurrence
FEW = 30  # training events an item, below which data count as sparse
_SMOOTHING = 0.75  # power of the context's counts; Levy, Goldberg and Dagan 2015, TACL, section 3.1
_SEED = 0


def are_wanted(declared: str, events: training_events.Events) -> bool:
    """Whether embeddings start from these vectors.

    Args:
      declared: `training.initial_vectors`; auto: where the items that are targets are so `FEW`
          times on average.
      events: of the training windows.
    """
    if declared != "auto":
        return declared == "co_occurrence"
    targets = events.items[events.targets]
    return len(targets) < FEW * len(np.unique(targets))


def of(events: training_events.Events, items: int, dim: int) -> npt.NDArray[np.float32]:
    """Vectors of the catalogue's rows, float32 [items + 2, dim], of mean length 1.

    0 for padding, the unknown item, and items that follow and precede nothing.

    Args:
      events: of the training windows.
      items: N; rows 1 to N are counted.
      dim: their width. Where the matrix has no more than that many rows, the rest is 0.
    """
    matrix = _pmi(_pairs(events, items))
    vectors = np.zeros((items + 2, dim), np.float32)
    rank = min(dim, items - 1)
    if matrix.nnz and rank > 0:
        start = np.random.default_rng(_SEED).normal(size=items)
        left, values, _ = linalg.svds(matrix, k=rank, v0=start)
        # half of the weight on each side (Levy, Goldberg and Dagan 2015, equation 9)
        vectors[1 : items + 1, :rank] = left * np.sqrt(values)
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors / max(lengths[lengths > 0].mean() if lengths.any() else 0.0, 1e-9)


def _pairs(events: training_events.Events, items: int) -> sparse.csr_array:
    """How often two items stand within a few events of each other, float64 [N, N]; symmetric."""
    counts = sparse.csr_array((items, items))
    for distance in range(1, DISTANCE + 1):
        one, other = events.items[:-distance], events.items[distance:]
        kept = (events.windows[:-distance] == events.windows[distance:]) & (one != other)
        kept &= events.targets[distance:]
        for rows in (one, other):
            kept &= (rows > 0) & (rows <= items)
        weights = np.full(int(kept.sum()), 1.0 / distance)
        counts += sparse.csr_array((weights, (one[kept] - 1, other[kept] - 1)), counts.shape)
    return counts + counts.T


def _pmi(counts: sparse.csr_array) -> sparse.csr_array:
    """Positive pointwise mutual information with smoothed contexts, [N, N]; symmetric."""
    of_item = np.asarray(counts.sum(axis=1)).ravel()
    contexts = of_item**_SMOOTHING
    found = counts.tocoo()
    expected = of_item[found.row] * contexts[found.col] / contexts.sum()
    found.data = np.maximum(np.log(found.data / expected), 0.0)
    matrix = (found + found.T).tocsr() / 2
    matrix.eliminate_zeros()
    return matrix
