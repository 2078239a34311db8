"""The ids of generated users and items."""

from __future__ import annotations


def user(number: int) -> str:
    """The id of a user by number."""
    return f"u{number}"


def item(number: int) -> str:
    """The id of an item by number."""
    return f"i{number}"
