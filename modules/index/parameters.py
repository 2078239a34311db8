"""Parameters of the index bodies, derived from the catalogue's size where not configured."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np

from modules import config

BodyName = Literal["exact", "ivf", "scann"]

# ScaNN: items, leaves, leaves searched, number reordered, training sample. Each was measured to
# reach a recall@200 of 0.993 on clustered 64-d vectors with an anisotropic threshold of 0.3
# (benchmarks/index.md).
_SCANN_POINTS = np.array(
    [
        [5e3, 70, 70, 800, 5e3],
        [20e3, 140, 70, 800, 20e3],
        [200e3, 1000, 40, 700, 200e3],
        [1e6, 4000, 110, 1250, 1e6],
    ]
)
_SCANN_POINTS_K = 200  # the k of these measurements
# ivf: items, and the share of the partitions to search for the same recall.
_IVF_POINTS = np.array([[200e3, 0.02], [1e6, 0.027]])

# items for which `auto` takes exact search: about as fast (benchmarks/index.md)
EXACT_UP_TO = 5_000
SMALLEST_PARTITIONED = 1_000  # items; below, ScaNN compares with every one: there is nothing to win
_SMALLEST_LEAF = 8  # items


@dataclasses.dataclass(frozen=True)
class Exact:
    """Nothing to choose."""

    body: BodyName = dataclasses.field(default="exact", init=False)

    def deepened(self, effort: float) -> Exact:
        """The same: an exact search has no depth."""
        del effort
        return self


@dataclasses.dataclass(frozen=True)
class Ivf:
    """A partitioned index."""

    partitions: int  # the index may have more, where it cuts those that are too large
    probes: int  # partitions searched for a query
    body: BodyName = dataclasses.field(default="ivf", init=False)

    def deepened(self, effort: float) -> Ivf:
        """The same index searched `effort` times as deeply."""
        return dataclasses.replace(
            self, probes=min(self.partitions, max(1, round(self.probes * effort)))
        )


@dataclasses.dataclass(frozen=True)
class Scann:
    """ScaNN's tree, product quantisation and exact reordering."""

    leaves: int  # 1: no tree and no quantisation, every item is compared
    leaves_to_search: int
    reorder: int  # candidates scored exactly for a search of width k
    # of the quantiser's loss (Guo et al. 2020, arXiv:1908.10396, eq. 2)
    anisotropic_threshold: float
    training_sample: int  # vectors that the tree is trained on
    k: int
    body: BodyName = dataclasses.field(default="scann", init=False)

    def deepened(self, effort: float) -> Scann:
        """The same index searched `effort` times as deeply."""
        if self.leaves == 1:
            return self
        return dataclasses.replace(
            self,
            leaves_to_search=min(self.leaves, max(1, round(self.leaves_to_search * effort))),
            reorder=max(self.k, round(self.reorder * effort)),
        )


Parameters = Exact | Ivf | Scann


def choose_body(index: config.Index, items: int) -> BodyName:
    """The configured body; for `auto` exact search as long as it is the fastest, then ScaNN.

    Choose `ivf` for a stock TensorFlow Serving, which has no ScaNN ops.
    """
    if index.body != "auto":
        return index.body
    return "exact" if items <= EXACT_UP_TO else "scann"


def derive(index: config.Index, items: int) -> Parameters:
    """Parameters for a catalogue of so many items; what is configured wins, as far as possible."""
    name = choose_body(index, items)
    if name == "exact":
        return Exact()
    return _ivf(index, items) if name == "ivf" else _scann(index, items)


def is_fixed(index: config.Index) -> bool:
    """Whether the configuration fixes the depth of the search, so that nobody may deepen it."""
    return index.leaves_to_search is not None or index.reorder is not None


def _ivf(index: config.Index, items: int) -> Ivf:
    partitions = min(
        index.leaves or math.ceil(4 * math.sqrt(items)), max(1, items // _SMALLEST_LEAF)
    )
    # The measured share finds the neighbours; the floor holds k items after exclusions of common
    # length.
    measured = float(np.interp(math.log(items), np.log(_IVF_POINTS[:, 0]), _IVF_POINTS[:, 1]))
    share = max(measured, min(1.0, 8 * index.k / items))
    return Ivf(
        partitions=partitions,
        probes=min(partitions, index.leaves_to_search or math.ceil(share * partitions)),
    )


def _scann(index: config.Index, items: int) -> Scann:
    leaves, searched, reorder, sample = (_interpolated(items, column) for column in range(1, 5))
    if items < SMALLEST_PARTITIONED:
        leaves, searched = 1, 1
    else:
        leaves = min(index.leaves or leaves, items // _SMALLEST_LEAF)
        searched = min(index.leaves_to_search or searched, leaves)
    reorder = index.reorder or math.ceil(reorder * max(1.0, index.k / _SCANN_POINTS_K))
    return Scann(
        leaves=leaves,
        leaves_to_search=searched,
        reorder=max(reorder, index.k),
        training_sample=sample,
        anisotropic_threshold=index.anisotropic_threshold,
        k=index.k,
    )


def _interpolated(items: int, column: int) -> int:
    """Linear in the logarithms between measured points; beyond, leaves grow as the size's root."""
    sizes, values = _SCANN_POINTS[:, 0], _SCANN_POINTS[:, column]
    if column == 4:  # the training sample
        return int(min(items, values[-1]))
    grows = column in (1, 2)  # leaves, and leaves searched; the number reordered stays
    if items <= sizes[0]:
        return max(1, round(float(values[0]) * (math.sqrt(items / sizes[0]) if grows else 1)))
    if items >= sizes[-1]:
        return round(float(values[-1]) * (math.sqrt(items / sizes[-1]) if grows else 1))
    return round(float(np.exp(np.interp(math.log(items), np.log(sizes), np.log(values)))))
