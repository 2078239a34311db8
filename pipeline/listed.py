"""Lists in one argument: elements between commas, in double quotes where they hold one, as in CSV.

  50,172              two elements; spaces around them are left out, as are empty ones
  "a,b",50            `a,b` and `50`
  "5"" disc"          `5" disc`: inside quotes, a quote is written twice
  "a:5":881250949     `a:5`, and what follows the closing quote

Only a quote at the beginning of an element opens one; in all other places it is a character.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

_SPACES = re.compile(r"\s*")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"([^,]*)(?:,|$)', re.DOTALL)
_TIMED = re.compile(r".:\d+\Z", re.DOTALL)
_SHOWN = 60  # characters of an element in a message


class ListError(ValueError):
    """A list that cannot be read. The message names the element."""


@dataclasses.dataclass(frozen=True)
class Element:
    """One element.

    Attributes:
      number: its place, from 1.
      text: without the quotes around it.
      is_quoted: whether there were any.
      rest: what follows the closing quote.
    """

    number: int
    text: str
    is_quoted: bool = False
    rest: str = ""


def elements(text: str, form: str) -> Iterator[Element]:
    """The elements in their order.

    Args:
      text: the argument.
      form: of an element, for messages, such as `ITEM`.

    Raises:
      ListError: a quote is not closed.
    """
    place = number = 0
    while place < len(text):
        place = _SPACES.match(text, place).end()  # type: ignore[union-attr]  # it always matches
        if not text.startswith('"', place):
            end = text.find(",", place)
            end = len(text) if end < 0 else end
            if plain := text[place:end].strip():
                number += 1
                yield Element(number, plain)
            place = end + 1
            continue
        number += 1
        found = _QUOTED.match(text, place)
        if found is None:
            raise ListError(
                f"element {number}: found {shown(text[place:])}, a quote that nothing closes; "
                f'expected {form} or "{form}", with each quote inside written twice.'
            )
        yield Element(number, found[1].replace('""', '"'), True, found[2].strip())
        place = found.end()


def only(text: str, form: str) -> Iterator[Element]:
    """The elements of a list whose quotes have nothing behind them.

    Raises:
      ListError: a quote is not closed, or something follows it.
    """
    for element in elements(text, form):
        if element.rest:
            raise ListError(
                f"element {element.number}: found {shown(element.rest)} behind the closing quote "
                f"of {shown(element.text)}, expected a comma; a quote inside is written twice."
            )
        yield element


def written(item: str) -> str:
    """An id as an element, in quotes only if it needs them; `a:5` would be `a` at a time."""
    needs = item != item.strip() or item.startswith('"') or "," in item or _TIMED.search(item)
    return f'"{item.replace(chr(34), chr(34) * 2)}"' if needs else item


def shown(text: str) -> str:
    """As in messages: in quotes, and not too long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
