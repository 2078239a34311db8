"""Numbers of events of users and items: their distribution, from how often each number occurs."""

from __future__ import annotations

from collections.abc import Mapping

Amounts = Mapping[int, int]  # how many users, or items, have so many events

_SHARES = (0.001, 0.01, 0.1, 0.5)  # of the items, the most frequent first


def quantiles(amounts: Amounts) -> dict[str, float]:
    """The mean, and exact quantiles: the least number that a share of all does not exceed."""
    total = sum(amounts.values())
    if not total:
        return {}
    return {
        "mean": sum(amount * times for amount, times in amounts.items()) / total,
        "min": min(amounts),
        "lower_quartile": _quantile(amounts, 0.25 * total),
        "median": _quantile(amounts, 0.5 * total),
        "upper_quartile": _quantile(amounts, 0.75 * total),
        "p90": _quantile(amounts, 0.9 * total),
        "max": max(amounts),
    }


def _quantile(amounts: Amounts, rank: float) -> int:
    seen = 0
    for amount in sorted(amounts):
        seen += amounts[amount]
        if seen >= rank:
            return amount
    raise AssertionError("no rank is beyond all")


def by_powers_of_two(amounts: Amounts) -> dict[str, int]:
    """Amounts as {upper end: how many}, as in `{"1": 5, "2": 3, "4": 9}`; 4 is of 3 and 4."""
    found: dict[int, int] = {}
    for amount in sorted(amounts):
        end = 1 << (amount - 1).bit_length()
        found[end] = found.get(end, 0) + amounts[amount]
    return {str(end): times for end, times in found.items()}


def events_by_powers_of_two(amounts: Amounts) -> dict[str, int]:
    """The events of those that `by_powers_of_two` gathers."""
    return by_powers_of_two({amount: amount * times for amount, times in amounts.items()})


def concentration(amounts: Amounts) -> dict[str, float]:
    """The share of events that the most frequent 0.1, 1, 10 and 50 % of the items have.

    A share that is less than one item is left out.
    """
    items = sum(amounts.values())
    events = sum(amount * times for amount, times in amounts.items())
    return {
        f"{share:g}": _of_top(amounts, int(share * items)) / events
        for share in _SHARES
        if share * items >= 1
    }


def _of_top(amounts: Amounts, items: int) -> int:
    """Events of so many items, the most frequent first."""
    events = 0
    for amount in sorted(amounts, reverse=True):
        taken = min(items, amounts[amount])
        events, items = events + taken * amount, items - taken
    return events
