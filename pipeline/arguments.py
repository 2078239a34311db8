"""How command line values are written, as argparse types: histories, profiles, times, overrides."""

from __future__ import annotations

import argparse
import contextlib
import math
import re
from collections.abc import Iterator

from modules import config, ids
from modules.strict import ConfigError
from pipeline import configuration, listed

_MILLISECONDS = 10**11  # seconds reach this in the year 5138, milliseconds in 1973


def override(text: str) -> str:
    """`training.epochs=3` as it is; a missing `=` is a usage error."""
    try:
        configuration.parse_override(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def history(text: str) -> tuple[tuple[str, int | None], ...]:
    """`50,172:881250949`: item ids, oldest first, each with its Unix seconds where known.

    An id with a comma, or with a colon and digits at its end, stands in quotes (see listed.py):
    `"a,b":881250949,"tt:12"`.
    """
    with _naming_elements():
        return tuple(map(_event, listed.elements(text, "ITEM")))


def _event(element: listed.Element) -> tuple[str, int | None]:
    if element.is_quoted:
        item, when = element.text, element.rest.removeprefix(":")
        if element.rest and not (element.rest.startswith(":") and when.isdecimal()):
            raise listed.ListError(
                f"element {element.number}: found {listed.shown(element.rest)} behind the closing "
                f"quote of {listed.shown(item)}, expected a comma or :TIME with Unix seconds, like "
                f":881250949; a quote inside is written twice."
            )
    else:
        item, colon, when = element.text.rpartition(":")
        if not (colon and item and when.isdecimal()):
            item, when = element.text, ""
    _check_id(element, item)
    try:
        return item, time(when) if when else None
    except argparse.ArgumentTypeError as error:
        raise listed.ListError(f"element {element.number}, {listed.shown(item)}: {error}") from None


def item_ids(text: str) -> tuple[str, ...]:
    """`50,172` or `50,"a,b"`: ids separated by commas, in quotes where they hold one."""
    with _naming_elements():
        found = tuple(listed.only(text, "ITEM"))
        for element in found:
            _check_id(element, element.text)
    return tuple(element.text for element in found)


def identifier(text: str) -> str:
    """One id, whatever it holds."""
    if problem := ids.problem(text):
        raise argparse.ArgumentTypeError(f"found {listed.shown(text)}; {problem}.")
    return text


def profile(text: str) -> dict[str, str]:
    """`age=24,"tags=a,b"`: columns of users with their values as they stand in the file."""
    values = {}
    with _naming_elements():
        for element in listed.only(text, "COLUMN=VALUE"):
            column, equals, value = element.text.partition("=")
            if not equals or not column:
                raise listed.ListError(
                    f"element {element.number}: found {listed.shown(element.text)}, expected "
                    "COLUMN=VALUE, like age=24."
                )
            values[column.strip()] = value.strip()
    return values


def _check_id(element: listed.Element, item: str) -> None:
    if problem := ids.problem(item):
        raise listed.ListError(f"element {element.number}: found {listed.shown(item)}; {problem}.")


@contextlib.contextmanager
def _naming_elements() -> Iterator[None]:
    """Makes what is wrong with a list into a usage error."""
    try:
        yield
    except listed.ListError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 0 to 1.")
    return value


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


def name(text: str) -> str:
    """A data set's name: small letters, digits, - and _."""
    if not re.fullmatch(r"[a-z0-9_-]+", text):
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected small letters, digits, - and _, like my-shop."
        )
    return text
