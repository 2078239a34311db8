"""Builds the index body that parameters describe."""

from __future__ import annotations

import numpy as np
from numpy import typing as npt

from modules.index import body, exact, ivf, parameters


def build(vectors: npt.NDArray[np.float32], settings: parameters.Parameters) -> body.Body:
    """Builds an index of float32 [N, D] vectors. Only a ScaNN body loads ScaNN's op library."""
    if isinstance(settings, parameters.Exact):
        return exact.Exact(vectors, settings)
    if isinstance(settings, parameters.Ivf):
        return ivf.Ivf(vectors, settings)
    # its op library has to be absent from a process that does without
    from modules.index import scann

    return scann.Scann(vectors, settings)
