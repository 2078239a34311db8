"""What `recsys tune` may try: a space of values by the keys of the configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from modules import strict
from modules.strict import ConfigError

SECTIONS = ("model", "training")  # of the configuration, that the recall model's training reads
_NOT_TUNED = ("training.seed", "training.early_stopping.monitor", "training.early_stopping.enabled")


@dataclasses.dataclass(frozen=True)
class Dimension:
    """The values of one key: those of a list, or all between two.

    Attributes:
      values: to choose from; the configuration's own value is one of them in any case.
      low: the lowest, with `high`; whole numbers if both are.
      high: the highest.
      log: whether what counts is the ratio of two values.
      step: between two values; None: any.
    """

    values: tuple[Any, ...] = ()
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        is_range = self.low is not None and self.high is not None
        if bool(self.values) == is_range:
            raise ConfigError("values: expected either a list of values, or low and high.")
        if is_range and not self.low < self.high:  # type: ignore[operator]
            raise ConfigError(f"low: found {self.low}, expected less than high ({self.high}).")
        if self.log and (self.step is not None or not (self.low or 0) > 0):
            raise ConfigError("log: needs low above 0, and no step.")

    def ends(self) -> tuple[Any, ...]:
        """Values that have to be possible for all of them to be."""
        return self.values or (self.low, self.high)


@dataclasses.dataclass(frozen=True)
class Space:
    """All keys with their values."""

    space: dict[str, Dimension]

    def __post_init__(self) -> None:
        if not self.space:
            raise ConfigError("space: found no key, expected at least one.")
        for key in self.space:
            if key.partition(".")[0] not in SECTIONS or key in _NOT_TUNED:
                raise ConfigError(
                    f"space: {key}: is not tuned; expected keys of {' and '.join(SECTIONS)}, "
                    f"without {', '.join(_NOT_TUNED)}."
                )


def read(content: Any) -> Space:
    """From plain values, as YAML or JSON gave them."""
    return strict.read(Space, content)


def value_of(sections: Mapping[str, Any], key: str) -> Any:
    """The value of a key like `training.early_stopping.patience` in plain sections."""
    found: Any = sections
    for step in key.split("."):
        found = found[step]
    return found
