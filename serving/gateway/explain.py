"""What moved an item: its rank score against the score with a group of features at its average.

The rank model's signature `parts` splits a request into groups of features, 0 the average of
training; its signature `score_parts` scores them. All variants are asked for in one call, as one
batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy import typing as npt

from modules import signatures
from serving.gateway import models


async def effects(
    rank: models.Model, inputs: models.Inputs, version: int, until: float
) -> dict[str, npt.NDArray[np.float32]]:
    """How far each group moved each of a request's C candidates.

    Args:
      rank: the model.
      inputs: that it was asked with, B = 1.
      version: that has to answer.
      until: the deadline, as time.monotonic() counts.

    Returns:
      float32 [C] by group.

    Raises:
      models.ModelError: there is no answer.
    """
    parts = (
        await rank.predict(inputs, until=until, version=version, signature=signatures.PARTS)
    ).outputs
    names = sorted(parts)
    scored = await rank.predict(
        _variants(names, parts),
        until=until,
        version=version,
        signature=signatures.SCORE_PARTS,
        outputs=(signatures.SCORE,),
    )
    score = scored.outputs[signatures.SCORE]
    return {signatures.group_of(name): score[0] - score[n] for n, name in enumerate(names, start=1)}


def _variants(
    names: list[str], parts: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, npt.NDArray[np.float32]]:
    """A batch: the parts as they are, then for each name with this part at 0."""
    batch = {}
    for n, name in enumerate(names, start=1):
        batch[name] = np.repeat(parts[name], len(names) + 1, axis=0)
        batch[name][n] = 0
    return batch
