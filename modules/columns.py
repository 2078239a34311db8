"""A table's column as the configuration declares it: what it is for, and how its cells are read.

The readers (modules/beam/values.py) turn cells into values by these declarations alone.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import zoneinfo
from collections.abc import Mapping
from typing import Any, Literal, get_args

from modules import formats, strict
from modules.strict import ConfigError

Kind = Literal["categorical", "multi_categorical", "numeric", "vector"]
Role = Literal[
    "user_id",
    "item_id",
    "timestamp",
    "action_type",
    "weight",
    "title",
    "feature",
    "context",
    "ignore",
]
Unit = Literal["s", "ms", "us", "ns", "min", "h", "d"]
Scaling = Literal["robust", "z_score"]
KINDS: tuple[str, ...] = get_args(Kind)
ROLES: tuple[str, ...] = get_args(Role)
SECONDS: Mapping[str, float] = {  # in a unit of time
    "s": 1,
    "ms": 1e-3,
    "us": 1e-6,
    "ns": 1e-9,
    "min": 60,
    "h": 3600,
    "d": 86400,
}
# Texts that programs write for nothing: no id, and no time.
NOTHING = frozenset(("NULL", "null", "Null", "NaN", "nan", "NAN", "None", r"\N", "<NA>"))
LARGEST = 3.4028234663852886e38  # that float32, the models' type, holds
FILE_ORDER: Literal["file_order"] = "file_order"
JSON = "json"  # a separator: the cell is a list in JSON or Python


@dataclasses.dataclass(frozen=True)
class Number:
    """How a numeric column writes its numbers, where float() of Python does not read them.

    Attributes:
      decimal: what stands before the fraction, such as the comma of 12,5.
      thousands: what groups the digits, such as the comma of 1,234; empty: nothing.
      symbols: texts that may stand before or after a number, such as $ or %; they are taken off,
          so that 45 % is 45.
    """

    decimal: str = "."
    thousands: str = ""
    symbols: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.decimal) != 1 or self.decimal.isalnum() or self.decimal in "+- ":
            raise ConfigError(
                f"decimal: found {self.decimal!r}, expected one character, such as '.' or ','."
            )
        if len(self.thousands) > 1 or self.thousands.isalnum() or self.thousands in ("+", "-"):
            raise ConfigError(
                f"thousands: found {self.thousands!r}, expected one character, such as ',', '.' "
                "or ' ', or the empty text."
            )
        if self.thousands == self.decimal:
            raise ConfigError(
                f"thousands: found {self.thousands!r}, which is decimal, too; expected another "
                'one. Set decimal as well, as in number: {decimal: ",", thousands: "."}.'
            )
        for at, symbol in enumerate(self.symbols):
            if not symbol.strip() or any(c.isdigit() or c in "+-\u2212()" for c in symbol):
                raise ConfigError(
                    f"symbols[{at}]: found {symbol!r}, expected a text without digits and signs "
                    "that stands beside a number, such as $ or %. Minus signs and brackets around "
                    "negative numbers are read without it."
                )


@dataclasses.dataclass(frozen=True)
class Column:
    """A table's column: `role` says what it is for, `kind` how it is read, `default` fills gaps.

    Attributes:
      role: what the column is for. Events have `user_id`, `item_id` and `timestamp` once, and
          `action_type` and `weight` at most once; users have `user_id` once, items `item_id` once.
          A `feature` is what is known after the event, such as a rating; a `context` is what is
          known before it, such as the device. A `weight`, a number of 0 or more, says how much an
          event counts as a target in training.
      kind: how a feature or context is read; the other roles have none. Events have categorical and
          numeric columns only.
      separator: what stands between the values of a multi_categorical, or the numbers of a vector:
          a text, or `json` for lists of JSON or Python; without it, it is guessed from the values.
          Spaces around the values do not count.
      unit: of a timestamp that is a number; without it, seconds, and times that a person would
          doubt are refused.
      format: of a timestamp that is a text, as Python's strptime has it, such as
          `%d/%m/%Y %H:%M`; without it, ISO 8601.
      timezone: of a timestamp that is a text without a zone, such as `Europe/Berlin`.
      from_: `file_order` where the events have no column of time: the order of a user's rows is all
          that is known. It makes the column's role `timestamp`.
      number: how numbers are written, such as `{decimal: ",", symbols: [EUR]}`.
      scaling: of a numeric column for the models: `robust` pulls in values that lie far outside
          of the others before the z-score, `z_score` leaves them.
    """

    role: Role = "feature"
    kind: Kind | None = None
    default: float | str | None = None
    missing: tuple[str, ...] = ()  # texts that count as an empty cell, like NA
    separator: str | None = None
    dimension: int | None = None  # of a vector
    unit: Unit | None = None
    format: str | None = None
    timezone: str = "UTC"
    from_: Literal["file_order"] | None = None
    number: Number | None = None
    scaling: Scaling = "robust"
    source: str | None = None  # the column's name in the file, where the key differs

    @classmethod
    def shorthand(cls, text: str, path: str) -> Mapping[str, str]:
        """Reads `age: numeric` and `id: user_id` as `{kind: numeric}` and `{role: user_id}`."""
        if text in KINDS:
            return {"kind": text}
        if text in ROLES:
            return {"role": text}
        raise ConfigError(
            f"{path}: found '{text}', expected a kind ({', '.join(KINDS)}) or a role "
            f"({', '.join(ROLES)}).{strict.nearest(text, KINDS + ROLES)}"
        )

    def __post_init__(self) -> None:
        if self.unit == "s" and self.role != "timestamp":  # earlier releases have it on all columns
            object.__setattr__(self, "unit", None)
        if self.from_ is not None and self.role == "feature" and self.kind is None:
            object.__setattr__(self, "role", "timestamp")
        if self.role in ("feature", "context") and self.kind is None:
            raise ConfigError(f"kind: missing; a {self.role} needs one of {', '.join(KINDS)}.")
        if self.role not in ("feature", "context") and self.kind is not None:
            raise ConfigError(f"kind: a column with role {self.role} has no kind; remove it.")
        if self.kind == "vector" and (self.dimension is None or self.dimension < 1):
            raise ConfigError("dimension: a vector needs its dimension, a whole number above 0.")
        if self.kind != "vector" and self.dimension is not None:
            raise ConfigError("dimension: only a vector has one; remove it or set kind: vector.")
        if self.separator == "":
            raise ConfigError(
                "separator: found an empty text, expected what stands between the values, such as "
                "'|'. Leave it out to have it guessed; where a cell is one value, set kind: "
                "categorical."
            )
        self._check_separator()
        self._check_time()
        counted = self.kind == "numeric" or self.role in ("weight", "timestamp")
        if self.number is not None and (not counted or self.format is not None):
            raise ConfigError("number: only a column of numbers has one; remove it.")
        if self.scaling != "robust" and self.kind != "numeric":
            raise ConfigError("scaling: only a numeric column has one; remove it.")
        self._check_default()

    def _check_separator(self) -> None:
        """Reads words such as comma, which are no separators by themselves."""
        if self.separator is None or self.separator.lower() == JSON:
            object.__setattr__(self, "separator", self.separator and JSON)
            return
        try:
            object.__setattr__(self, "separator", formats.read_delimiter(self.separator))
        except ValueError as error:
            text = str(error).replace("between the columns", "between the values")
            raise ConfigError(f"separator: {text} Lists of JSON or Python have json.") from None

    def _check_time(self) -> None:
        """Refuses keys of times elsewhere, and those that contradict each other."""
        given: dict[str, Any] = {
            "unit": self.unit,
            "format": self.format,
            "from": self.from_,
            "timezone": None if self.timezone == "UTC" else self.timezone,
        }
        keys = [key for key, value in given.items() if value is not None]
        if keys and self.role != "timestamp":
            raise ConfigError(f"{keys[0]}: only a timestamp has one; remove it.")
        if self.from_ is not None and len(keys) > 1:
            raise ConfigError(
                f"from: {self.from_} reads no column, so it has no {keys[0]}; remove one of them."
            )
        if self.from_ is not None and self.source is not None:
            raise ConfigError(f"from: {self.from_} reads no column, so it has no source.")
        if self.unit is not None and self.format is not None:
            raise ConfigError("format: is of a text, unit of a number; remove one of them.")
        if self.format is not None:
            _check_format(self.format)
        check_timezone(self.timezone)

    def _check_default(self) -> None:
        what = f"kind {self.kind}" if self.kind else f"role {self.role}"
        if self.is_number:
            number = finite(self.default)
            if self.default is not None and (number is None or abs(number) > LARGEST):
                raise ConfigError(
                    f"default: found {self.default!r}, expected a finite number of at most "
                    f"3.4e38 for {what}."
                )
            object.__setattr__(self, "default", number)
        elif isinstance(self.default, (int, float)):  # not its text: YAML has already made 7 of 007
            raise ConfigError(
                f"default: found the number {self.default:g}, expected a text for {what}. Put "
                "it in quotes."
            )

        elif (
            self.kind == "multi_categorical"
            and self.separator is None
            and any(c in "|;, " for c in self.default or "")
        ):
            raise ConfigError(
                f"default: found {self.default!r}, which is one value or several by the separator. "
                "Declare separator as well."
            )

    @property
    def fill(self) -> float | str:
        """What stands in for a missing value: the default, else 0, 1 for a weight, or no text."""
        if self.default is not None:
            return self.default
        if self.role == "weight":
            return 1.0
        return 0.0 if self.is_number else ""

    @property
    def is_number(self) -> bool:
        """Whether a value consists of numbers."""
        return self.kind in ("numeric", "vector") or self.role == "weight"

    @property
    def fill_texts(self) -> tuple[str, ...]:
        """`fill` of a multi_categorical: its values, as those of a cell."""
        fill = str(self.fill)
        separated = self.separator not in (None, JSON)
        texts = fill.split(self.separator) if separated else [fill]
        return tuple(text.strip() for text in texts if text.strip())


def _check_format(text: str) -> None:
    """Refuses what strptime does not know, or would read as another time than it says."""
    expected = f"format: found {text!r}, expected codes of strptime, such as '%d/%m/%Y %H:%M'"
    try:
        datetime.datetime.strptime("", text)  # noqa: DTZ007 - only whether the codes are known
    except re.error:
        raise ConfigError(f"{expected}; a code stands twice.") from None
    except ValueError as error:
        if "does not match format" not in str(error):
            raise ConfigError(f"{expected}; {error}.") from None
    codes = set(re.findall(r"%(.)", text.replace("%%", "")))
    if not codes & set("YyGcx"):
        raise ConfigError(f"{expected}; it has no year.")
    if ("p" in codes) is not ("I" in codes):
        raise ConfigError(
            f"{expected}; %p (AM or PM) and %I (hours from 1 to 12) go together, %H is of 24 hours."
        )


def check_timezone(name: str) -> None:
    """Refuses what is no time zone.

    Raises:
      ConfigError: the message starts with the key `timezone`.
    """
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"timezone: found {name!r}, expected a name like UTC or Europe/Berlin."
            + strict.nearest(name, zoneinfo.available_timezones())
        ) from None


def finite(value: float | str | None) -> float | None:
    """A finite number, also written as a text (YAML 1.1 reads 1e-3 as one); None for all else."""
    try:
        number = math.nan if value is None else float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
