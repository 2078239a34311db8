"""Fills a history store from the data set and says what is in one: `recsys store`.

The users come from the tables that training reads, with the same checks. TFX is not needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import tqdm

from modules import config, strict
from modules.beam import causes, check, files, users
from pipeline import runs
from serving.history import store

_SQLITE = "sqlite:///"
_BATCH_EVENTS = 4096
_BATCH_USERS = 256


def load(
    cfg: config.Config, root: str | pathlib.Path, *, url: str | None = None, replace: bool = False
) -> store.Added:
    """Adds the data set's users to a store and prints how many; what is there is not added again.

    Args:
      cfg: the data set, and how much of a history is of use.
      root: where the run is.
      url: of the store; by default the run's own.
      replace: removes what the store holds, once the data set has turned out to be good.

    Raises:
      errors.DataError: the data set cannot be used, as `recsys dataset check` says.
      store.StoreError: the store does not answer, or is full.
      strict.ConfigError: the URL means no store.
    """
    run = runs.Run(root, cfg.name)
    if url is None:
        run.folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_load(cfg, url or default_url(run), replace=replace))


def status(cfg: config.Config, root: str | pathlib.Path, *, url: str | None = None) -> store.Counts:
    """Prints what a store holds; see `load`."""
    chosen = url or default_url(runs.Run(root, cfg.name))
    counts = _count(cfg, chosen)
    print(
        f"{chosen}: {counts.users:,} users, {counts.events:,} events; keeps the newest "
        f"{kept_events(cfg):,} of a user"
    )
    return counts


def default_url(run: runs.Run) -> str:
    """The store in the run's folder."""
    return f"{_SQLITE}{run.folder / 'history.sqlite'}"


def kept_events(cfg: config.Config) -> int:
    """Newest events of a user that are of use; see `catalogue.About.history_events`.

    Where only the training events say whether repeats are allowed, as if they were.
    """
    repeats = 0 if cfg.data.repeats == "exclude" else cfg.features.repeat_history
    return max(cfg.features.max_history + 1, cfg.index.max_exclusions, repeats)


def fill_if_empty(cfg: config.Config, url: str) -> None:
    """Loads the data set into an SQLite store without users; a new file is whole or not there.

    Raises:
      errors.DataError: the data set cannot be used, as `recsys dataset check` says.
      store.StoreError: the store does not answer, or is full.
      strict.ConfigError: the URL means no store.
    """
    path = pathlib.Path(url.removeprefix(_SQLITE))
    if path.exists():
        if not _count(cfg, url).users:
            asyncio.run(_load(cfg, url))
        return
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    for name in (path.name, part.name):  # or a log without its file would be the new one's
        for log in ("wal", "shm"):
            path.with_name(f"{name}-{log}").unlink(missing_ok=True)
    asyncio.run(_load(cfg, f"{_SQLITE}{part}", shown=url))
    os.replace(part, path)


def _count(cfg: config.Config, url: str) -> store.Counts:
    if url.startswith(_SQLITE) and not pathlib.Path(url.removeprefix(_SQLITE)).exists():
        return store.Counts(0, 0)  # and no file is made

    async def ask() -> store.Counts:
        async with _opened(cfg, url) as opened:
            return await opened.count()

    return asyncio.run(ask())


@contextlib.asynccontextmanager
async def _opened(cfg: config.Config, url: str) -> AsyncIterator[store.Store]:
    try:
        found = store.connect(url, kept_events(cfg))
    except ValueError as error:
        raise strict.ConfigError(str(error)) from None
    try:
        await found.open()
        yield found
    finally:
        await found.close()


async def _load(
    cfg: config.Config, url: str, *, replace: bool = False, shown: str | None = None
) -> store.Added:
    """See `load`; `shown` is the URL that is printed."""
    started = time.monotonic()
    listings = files.list_tables(cfg.data)
    async with _opened(cfg, url) as opened:  # first: a store that does not answer is known at once
        with tempfile.TemporaryDirectory() as folder:
            print(f"reading the users and events of {cfg.name} ...", flush=True)
            read = users.ReadUsers(cfg.data, kept_events(cfg), listings)
            (path,), found = check.run(read, (users.USERS,), folder)
            causes.refuse(found, listings)
            if replace:
                await opened.clear()
            added = await _add(opened, pathlib.Path(path))
        counts = await opened.count()
    print(
        f"{shown or url}: {added.accepted:,} events added, {added.duplicates:,} were there already"
        + (
            f", {added.outdated:,} are older than what a full history keeps"
            if added.outdated
            else ""
        )
        + f"; holds {counts.users:,} users and {counts.events:,} events "
        f"({time.monotonic() - started:.1f} s)"
    )
    return added


async def _add(opened: store.Store, path: pathlib.Path) -> store.Added:
    """Adds users from a file of them (see `users.User`), a line of JSON each."""
    with path.open("rb") as file:
        total = sum(1 for _ in file)
    accepted = duplicates = outdated = 0
    with tqdm.tqdm(total=total, desc="adding", unit=" users", file=sys.stderr, disable=None) as bar:
        for batch in _batches(path):
            profiles = [
                (user["user_id"], user["profile"]) for user in batch if user["profile"] is not None
            ]
            events = [
                (user["user_id"], store.Event(**event))
                for user in batch
                for event in user["events"]
            ]
            added, _ = await asyncio.gather(
                opened.append(events),
                asyncio.gather(*(opened.put_profile(*profile) for profile in profiles)),
            )
            accepted += added.accepted
            duplicates += added.duplicates
            outdated += added.outdated
            bar.update(len(batch))
    return store.Added(accepted, duplicates, outdated)


def _batches(path: pathlib.Path) -> Iterator[list[dict[str, Any]]]:
    """Some users at a time, bounded in users and in events."""
    batch: list[dict[str, Any]] = []
    events = 0
    with path.open("rb") as file:
        for line in file:
            batch.append(json.loads(line))
            events += len(batch[-1]["events"])
            if events >= _BATCH_EVENTS or len(batch) >= _BATCH_USERS:
                yield batch
                batch, events = [], 0
    if batch:
        yield batch
