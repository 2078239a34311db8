"""What the trainings of both stages declare alike."""

from __future__ import annotations

import dataclasses
import re

from modules import strict
from modules.strict import ConfigError


@dataclasses.dataclass(frozen=True)
class EarlyStopping:
    """Training ends when `monitor` has not improved for `patience` epochs.

    `monitor` is the validation loss, or a ranking metric like NDCG@10. The best weights are
    restored and exported.
    """

    enabled: bool = True
    monitor: str = "NDCG@10"
    patience: int = 8

    def __post_init__(self) -> None:
        strict.at_least(self, patience=1)
        if not re.fullmatch(r"loss|(HR|NDCG|MRR|Recall)@[1-9]\d*", self.monitor):
            raise ConfigError(
                f"monitor: found {self.monitor!r}, expected loss, or HR, NDCG, MRR or Recall with "
                "a depth, like NDCG@10."
            )


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """What replaces the same key in a training that goes on from the release in force."""

    epochs: int = 5

    def __post_init__(self) -> None:
        strict.at_least(self, epochs=1)
