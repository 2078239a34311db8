"""A process that appends an event after the other and prints each one's id once it is acknowledged.

python -m tests.serving.history.writer URL NAME FIRST [COUNT]
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from serving.history import store

USERS = 3
EVENTS = 1_000_000  # that a user keeps


async def main(url: str, name: str, first: int, count: int | None) -> None:
    """Appends events NAME-FIRST, NAME-(FIRST + 1), ...; without a count, until it is killed."""
    opened = store.connect(url, EVENTS)
    await opened.open()
    print("open", flush=True)
    for number in itertools.count(first) if count is None else range(first, first + count):
        event = store.Event(f"{name}-{number}", "item", number)
        try:
            await opened.append([(f"user-{number % USERS}", event)])
        except store.StoreError:
            break
        print(event.event_id, flush=True)
    await opened.close()


if __name__ == "__main__":
    url, name, first, *count = sys.argv[1:]
    asyncio.run(main(url, name, int(first), int(count[0]) if count else None))
