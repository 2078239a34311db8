"""How command line values are written, as argparse types: histories, profiles, times, overrides."""

from __future__ import annotations

import argparse
import math

from modules import config
from modules.strict import ConfigError
from pipeline import configuration

_MILLISECONDS = 10**11  # seconds reach this in the year 5138, milliseconds in 1973


def override(text: str) -> str:
    """`training.epochs=3` as it is; a missing `=` is a usage error."""
    try:
        configuration.parse_override(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def history(text: str) -> tuple[tuple[str, int | None], ...]:
    """`50,172:881250949`: item ids, oldest first, each with its Unix seconds where known."""
    events = []
    for part in ids(text):
        item, colon, when = part.rpartition(":")
        events.append((item, time(when)) if colon and item and when.isdecimal() else (part, None))
    return tuple(events)


def ids(text: str) -> tuple[str, ...]:
    """`50,172`: ids separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def profile(text: str) -> dict[str, str]:
    """`age=24,gender=M`: columns of the users table with their values as they stand in the file."""
    values = {}
    for part in ids(text):
        column, equals, value = part.partition("=")
        if not equals or not column:
            raise argparse.ArgumentTypeError(f"found {part!r}, expected COLUMN=VALUE, like age=24.")
        values[column.strip()] = value.strip()
    return values


def time(text: str) -> int:
    """`893286638`, `1998-04-23` (UTC) or `1998-04-23T21:10:38+02:00`, as Unix seconds."""
    try:
        seconds = config.unix_seconds("time", text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 <= seconds < _MILLISECONDS:
        what = "a time before 1970" if seconds < 0 else "which looks like milliseconds"
        raise argparse.ArgumentTypeError(
            f"time: found {text!r}, {what}; expected Unix seconds from 1970 on."
        )
    return seconds


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number above 0.")
    return int(text)


def count(text: str) -> int:
    """A whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 0 on.")
    return int(text)


def threshold(text: str) -> tuple[str, float]:
    """`user_age=0.2`: a feature's name and a distance, 0 to 1."""
    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not name or not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected FEATURE=X with X from 0 to 1, like user_age=0.2."
        )
    return name, value
