"""Numbers, times and sizes as people read them."""

from __future__ import annotations

import datetime


def compact(value: float) -> str:
    """`1998`, `98,114`, `3.53`, `0.00012`: long whole numbers grouped, others with three digits."""
    if float(value).is_integer():
        return f"{int(value):,}" if abs(value) >= 10_000 else f"{int(value)}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def estimate(value: float, se: float | None, digits: int = 4) -> str:
    """`0.1172 ± 0.0071`, the second being one standard error, which a single user does not have.

    A line may break before the sign, not after it.
    """
    return f"{fixed(value, digits)} {error(se, digits)}".rstrip()


def fixed(value: float, digits: int = 4) -> str:
    """A number like `0.1172`."""
    return f"{value:.{digits}f}"


def error(se: float | None, digits: int = 4) -> str:
    """`± 0.0071`, or nothing."""
    return "" if se is None else f"±\u00a0{se:.{digits}f}"


def signed(value: float, digits: int = 4) -> str:
    """A number with its sign, like `+0.0670`."""
    return f"{value:+.{digits}f}"


def interval(low: float, high: float, digits: int = 4) -> str:
    """An interval like `+0.0400 to +0.0900`."""
    return f"{signed(low, digits)} to {signed(high, digits)}"


def difference(value: float, low: float, high: float, digits: int = 4) -> str:
    """`+0.0670 (+0.0400 to +0.0900)`, a difference with its interval."""
    return f"{signed(value, digits)} ({interval(low, high, digits)})"


def percent(share: float, digits: int = 1) -> str:
    """A percentage like `41.2%`."""
    return f"{share:.{digits}%}"


def duration(seconds: float) -> str:
    """`0.4 s`, `21 s`, `3 min 05 s`, `2 h 07 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(unix_seconds: float) -> str:
    """`1998-04-22 23:10 UTC`."""
    return datetime.datetime.fromtimestamp(unix_seconds, datetime.timezone.utc).strftime(
        "%Y-%m-%d %H:%M UTC"
    )


def size(count: float) -> str:
    """Bytes as `812 kB`, `3.4 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
