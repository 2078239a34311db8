"""EASE, a linear item-item model in closed form: a baseline, and a feature of the linear ranker.

Steck, Embarrassingly Shallow Autoencoders for Sparse Data, 2019, arXiv 1905.03375, eq. 8.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
from numpy import typing as npt
from scipy import linalg

from modules.beam import loaded
from modules.evaluation import baselines

L2 = 250.0
MOST_ITEMS = 20_000  # of a catalogue; above, the matrix takes more than 1.6 GB, and 3.2 to fit
_BLOCK = 1024


def fits(items: int) -> bool:
    """Whether a catalogue of so many items has weights."""
    return items <= MOST_ITEMS


class Fit(beam.PTransform):
    """Histories (see `baselines.Histories`) -> the path of a file with B, for `read`.

    A catalogue of more than `MOST_ITEMS` has no such file; then the path is None.
    """

    def __init__(self, popularity: beam.pvalue.AsSingleton, path: str) -> None:
        """Fits the weights and writes them to one file.

        Args:
          popularity: `baselines.Popularity`, whose order of the catalogue rows and columns have.
          path: of the file.
        """
        super().__init__()
        self._popularity, self._path = popularity, path

    def expand(self, histories: beam.PCollection) -> beam.PCollection:
        return (
            histories
            | "Places" >> beam.FlatMap(_places, self._popularity)
            | "Collect" >> beam.combiners.ToList()
            | "Fit" >> beam.Map(_fit_and_write, self._popularity, self._path)
        )


def fit(
    users: Iterable[npt.NDArray[np.int64]], items: int, l2: float = L2
) -> npt.NDArray[np.float32]:
    """Item-item weights B = I - P diag(1 / diag(P)) with P = (X'X + l2 I)^-1, so that diag(B) = 0.

    Args:
      users: distinct items of each user, int64 [n], below `items`; X is 1 there and 0 elsewhere.
      items: N.
      l2: of the penalty.

    Returns:
      float32 [N, N]; the score of item j for a user is the sum of B[i, j] over the user's items i.
    """
    gram = np.zeros((items, items), np.float32, order="F")
    for places in users:
        gram[np.ix_(places, places)] += 1.0
    return weights(gram, l2)


def weights(gram: npt.NDArray[np.float32], l2: float = L2) -> npt.NDArray[np.float32]:
    """As `fit`, of X'X, float32 [N, N] in Fortran's order, whose memory it takes."""
    gram[np.diag_indices(len(gram))] += l2
    inverse = _inverse(gram)
    inverse /= -np.diag(inverse)
    found = np.ascontiguousarray(inverse)
    np.fill_diagonal(found, 0.0)
    return found


def _inverse(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of a symmetric positive definite float32 [n, n] in Fortran's order, in its own memory.

    numpy.linalg.inv would take five times the memory and several times as long.
    """
    factor = linalg.cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)
    inverse: npt.NDArray[np.float32]
    inverse, failed = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)
    assert not failed, failed
    for first in range(0, len(inverse), _BLOCK):  # so far only the lower triangle holds it
        block = slice(first, first + _BLOCK)
        own = np.tril(inverse[block, block])
        inverse[block, block] = own + np.tril(own, -1).T
        inverse[block, first + _BLOCK :] = inverse[first + _BLOCK :, block].T
    return inverse


def all_scores(
    weights: npt.NDArray[np.float32], history: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """As `scores`, of all items: float32 [N]. Whole rows are added, much faster than cells."""
    found: npt.NDArray[np.float32] = weights[history].sum(axis=0)
    return found


def scores(
    weights: npt.NDArray[np.float32],
    history: npt.NDArray[np.int64],
    candidates: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Scores of candidates for one user.

    Args:
      weights: B, float32 [N, N].
      history: distinct items of the user, int64 [n].
      candidates: int64 [C]; -1 is an item outside the catalogue, whose score is 0.

    Returns:
      float32 [C].
    """
    found = weights[np.ix_(history, np.maximum(candidates, 0))].sum(axis=0)
    result: npt.NDArray[np.float32] = np.where(candidates >= 0, found, np.float32(0))
    return result


def read(path: str) -> npt.NDArray[np.float32]:
    """B, float32 [N, N]; of a local file, the processes of a machine share one copy."""
    weights: npt.NDArray[np.float32]
    if os.path.exists(path):
        weights = np.load(path, mmap_mode="r", allow_pickle=False)
    else:
        with tf.io.gfile.GFile(path, "rb") as file:
            weights = np.lib.format.read_array(file, allow_pickle=False)  # type: ignore[no-untyped-call]
    return weights


class Weights:
    """What a step knows of EASE: read where a worker needs it first, and then kept."""

    def __init__(self) -> None:
        self._kept: loaded.Kept[npt.NDArray[np.float32]] | None = None

    def of(self, path: str | None) -> npt.NDArray[np.float32] | None:
        """B, float32 [N, N], from a file of `Fit`; None where there is none."""
        if path is None:
            return None
        if self._kept is None:
            self._kept = loaded.once(_read, path)
        return self._kept.value


def _read(path: str) -> loaded.Kept[npt.NDArray[np.float32]]:
    return loaded.Kept(read(path))


def _places(
    history: tuple[bytes, list[bytes]], catalogue: baselines.Popularity
) -> Iterator[npt.NDArray[np.int64]]:
    if fits(len(catalogue.items)):
        yield catalogue.places_of(history[1])


def _fit_and_write(
    users: Sequence[npt.NDArray[np.int64]], catalogue: baselines.Popularity, path: str
) -> str | None:
    if not fits(len(catalogue.items)):
        return None
    with tf.io.gfile.GFile(path, "wb") as file:
        np.save(file, fit(users, len(catalogue.items)))
    return path
