"""A plan: variants of a configuration, each declared as what it changes of another one.

```yaml
title: Is the second stage worth it?
variants:
  recall alone:
    set: {ranking.enabled: false}
  two stages:
    on: recall alone          # begins where this one ends, and is compared with it
    unset: [ranking.enabled]  # takes back what it had set: the configuration's own value holds
```
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import pathlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import yaml

from modules import config as config_lib
from modules import strict
from modules.strict import ConfigError
from pipeline import configuration, yaml_file

# of these, rows would not rank the same held-out events, or the table would not hold them
_FIXED = ("name", "split", "runner", "releases", "evaluation")
_SEEDS = ("training.seed", "ranking.training.seed")
_OF_DATA = ("data.request_time",)  # the only one of `data` that leaves the held-out events alone


@dataclasses.dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
      on: the variant that this one begins with; None: the configuration as it is.
      set: values by key, as `-o KEY=VALUE` replaces them.
      unset: keys that variants before it had set and that have the configuration's value again.
      grid: values to try by key; the best on validation is chosen, for what builds on it, too.
      against: the variant that it is compared with; None: `on`.
      optional: whether it is left out where it changes nothing, as on data without such columns.
      note: what is said of it below the table.
    """

    on: str | None = None
    set: dict[str, Any] = dataclasses.field(default_factory=dict)
    unset: tuple[str, ...] = ()
    grid: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    against: str | None = None
    optional: bool = False
    note: str = ""

    @property
    def is_as_it_is(self) -> bool:
        """Whether it declares no change."""
        return not (self.set or self.unset or self.grid)

    @property
    def compared_with(self) -> str | None:
        """Name of the variant that the row's difference is to."""
        return self.against or self.on


@dataclasses.dataclass(frozen=True)
class Plan:
    """All rows, in their order."""

    variants: dict[str, Variant]
    title: str = "What each measure is worth"

    def __post_init__(self) -> None:
        if not self.variants:
            raise ConfigError("variants: found none, expected at least one.")
        names = list(self.variants)
        for n, (name, variant) in enumerate(self.variants.items()):
            for field in ("on", "against"):
                other, before = getattr(variant, field), names[:n]
                if other is not None and other not in before:
                    raise ConfigError(
                        f"variants.{name}.{field}: found {other!r}, expected a variant that stands "
                        f"above it.{strict.nearest(other, before)}"
                    )

    def grids_below(self, name: str) -> list[str]:
        """Those with a grid among a variant and all that it builds on, lowest first."""
        variant = self.variants[name]
        below = self.grids_below(variant.on) if variant.on else []
        return [*below, *([name] if variant.grid else [])]


Choices = Mapping[str, Mapping[str, Any]]  # of a variant with a grid: what was chosen, by key


@dataclasses.dataclass(frozen=True)
class Reader:
    """A plan for one configuration: turns names of variants into overrides and configurations."""

    plan: Plan
    document: yaml_file.Document
    config: str
    overrides: tuple[str, ...]

    def overrides_of(self, name: str, choices: Choices) -> tuple[str, ...]:
        """What `configuration.load` is to replace for a variant: `KEY=VALUE` texts."""
        values = self._values(name, choices)
        return (*self.overrides, *(f"{key}={_yaml(value)}" for key, value in values.items()))

    def _values(self, name: str, choices: Choices) -> dict[str, Any]:
        variant = self.plan.variants[name]
        found = self._values(variant.on, choices) if variant.on else {}
        for key in variant.unset:
            if key not in found:
                raise ConfigError(
                    f"{self._place(name)}: unset: nothing below it sets {key!r}."
                    f"{strict.nearest(key, found)}"
                )
            del found[key]
        return {**found, **variant.set, **choices.get(name, {})}

    def load(self, name: str, choices: Choices, seed: int | None = None) -> config_lib.Config:
        """A variant's configuration, for a seed of both stages."""
        overrides = self.overrides_of(name, choices)
        seeds = [] if seed is None else seeded(seed)
        try:
            return configuration.load(self.config, (*overrides, *seeds))
        except ConfigError as error:
            raise ConfigError(f"{self._place(name)}: {error}") from None

    def choices_of(self, name: str) -> list[dict[str, Any]]:
        """All points of a variant's grid."""
        grid = self.plan.variants[name].grid
        return [dict(zip(grid, values)) for values in itertools.product(*grid.values())]

    def check(self) -> list[str]:
        """Looks at every variant, and every point of the grids.

        Returns:
          The names of the variants to run, without the optional ones that change nothing.

        Raises:
          ConfigError: a variant cannot be read, changes nothing, or changes what has to stay.
        """
        for name, variant in self.plan.variants.items():
            self._refuse_fixed(name, variant)
        first = {name: self.choices_of(name)[0] for name, v in self.plan.variants.items() if v.grid}
        base = configuration.load(self.config, self.overrides)
        digests: dict[str | None, str] = {None: digest(base)}
        wanted = []
        for name, variant in self.plan.variants.items():
            points = self.choices_of(name) if variant.grid else [{}]
            for point in points:
                found = digest(self.load(name, {**first, name: point}))
                if point is points[0]:
                    digests[name] = found
            if digests[name] != digests[variant.on]:
                wanted.append(name)
            elif variant.is_as_it_is and (variant.on is None or variant.against):
                wanted.append(name)  # the configuration itself, or compared with another one
            elif not variant.optional:
                raise ConfigError(
                    f"{self._place(name)}: changes nothing of "
                    f"{variant.on or f'the configuration {self.config}'}; set a key that does, or "
                    "say `optional: true` if it is meant for other data."
                )
        return wanted

    def _refuse_fixed(self, name: str, variant: Variant) -> None:
        for key in (*variant.set, *variant.unset, *variant.grid):
            section = key.partition(".")[0]
            if key in _SEEDS:
                raise ConfigError(
                    f"{self._place(name)}: {key}: every variant runs with every seed of --seeds."
                )
            if section in _FIXED or (section == "data" and key not in _OF_DATA):
                raise ConfigError(
                    f"{self._place(name)}: {key}: has to be the same in all variants, which are "
                    "compared on the same held-out events; change it for all of them, with -o."
                )
        for key, values in variant.grid.items():
            texts = [_yaml(value) for value in values]
            if not values or len(set(texts)) < len(texts):
                raise ConfigError(
                    f"{self._place(name)}: grid.{key}: found {list(values)}, expected values that "
                    "differ."
                )

    def _place(self, name: str) -> str:
        return f"{self.document.place(f'variants.{name}')}: variant {name!r}"


def read(name_or_file: str, config_name: str, overrides: Sequence[str]) -> Reader:
    """Reads a plan of the package, or a file.

    Args:
      name_or_file: of the plan.
      config_name: name or file of the configuration that it is for.
      overrides: `KEY=VALUE` texts for all variants.

    Raises:
      ConfigError: it cannot be read, or there is none.
    """
    document = yaml_file.read(_find(name_or_file))
    try:
        plan = strict.read(Plan, document.content)
    except ConfigError as error:
        place = document.place(str(error).partition(":")[0])
        raise ConfigError(f"{place}: {error}") from None
    return Reader(plan, document, config_name, tuple(overrides))


def names() -> list[str]:
    """The plans that come with the package."""
    return sorted(file.stem for file in _folder().glob("*.yaml"))


def _folder() -> pathlib.Path:
    return pathlib.Path(str(resources.files(__package__))) / "plans"


def _find(name_or_file: str) -> pathlib.Path:
    if name_or_file in names():
        return _folder() / f"{name_or_file}.yaml"
    file = pathlib.Path(name_or_file).expanduser()
    if not file.is_file():
        raise ConfigError(
            f"{name_or_file}: no such plan; expected a YAML file or one of {', '.join(names())}."
        )
    return file


def seeded(seed: int) -> tuple[str, str]:
    """Overrides that give both stages' trainings a seed."""
    first, second = (f"{key}={seed}" for key in _SEEDS)
    return first, second


def digest(cfg: config_lib.Config, *more: str) -> str:
    """Of everything that decides a variant's result, and more: 12 hex digits."""
    plain = strict.to_plain(cfg)
    known = {
        key: value for key, value in plain.items() if key not in ("name", "runner", "releases")
    }
    text = json.dumps([known, more], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _yaml(value: Any) -> str:
    """A value in one line, as `-o` reads it."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**9)
    return text.removesuffix("\n").removesuffix("\n...")
