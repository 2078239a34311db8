"""What the id of a user, an item or an event may be: one rule from the tables to the HTTP API.

The tables' readers, the command line and the gateway ask here, so an id that was trained with can
also be asked about. Histories, catalogues, indexes and the client hold ids that have passed one of
these doors, and do not ask again.
"""

from __future__ import annotations

# Of UTF-8, not characters: what Redis keys, SQLite's index and TensorFlow's strings take room for.
MAX_BYTES = 512


def problem(text: str) -> str | None:
    """The rule that an id breaks and what was found; None of an id that may be used.

    It is to stand behind the place and the id itself, as in `line 4: found 'x...'; <problem>`.
    """
    if not text:
        return "an id is not empty"
    if "\x00" in text:
        return "an id holds no NUL character"
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:  # half of a pair, as from an argument that is not UTF-8
        return "an id is text that UTF-8 can hold"
    if size > MAX_BYTES:
        return f"an id has at most {MAX_BYTES} bytes of UTF-8, found {size:,}"
    return None


def check(text: str) -> str:
    """The id itself.

    Raises:
      ValueError: it may not be used; the message is that of `problem`.
    """
    if found := problem(text):
        raise ValueError(found)
    return text
