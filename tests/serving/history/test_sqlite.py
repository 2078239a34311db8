"""What can go wrong with a file: a killed process, a full disk, damage, somebody else's file."""

from __future__ import annotations

import asyncio
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import pytest

from serving.history import sqlite, store
from tests.serving.history import writer

KILLS = 20


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "history.sqlite"


def connect(path: pathlib.Path) -> store.Store:
    return store.connect(f"sqlite:///{path}", writer.EVENTS)


def refusal(path: pathlib.Path, kind: type[Exception] = store.StoreError) -> str:
    with pytest.raises(kind) as caught:
        asyncio.run(connect(path).open())
    return str(caught.value)


def filled(path: pathlib.Path, events: int = 500) -> None:
    async def fill() -> None:
        found = connect(path)
        await found.open()
        await found.append([("u", store.Event(str(n), "x" * 100, n)) for n in range(events)])
        await found.close()

    asyncio.run(fill())


def test_no_acknowledged_event_is_lost_when_the_process_is_killed(path: pathlib.Path) -> None:
    acknowledged: list[str] = []
    for kill in range(KILLS):
        command = [
            sys.executable,
            "-m",
            "tests.serving.history.writer",
            f"sqlite:///{path}",
            str(kill),
            "0",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            acknowledged += [process.stdout.readline().strip() for _ in range(1 + 3 * kill)]
            process.kill()
            # what it still said; not half a line
            acknowledged += process.stdout.read().split("\n")[:-1]

    async def kept() -> list[store.Event]:
        found = connect(path)
        await found.open()
        users = [await found.user(f"user-{n}") for n in range(writer.USERS)]
        await found.close()
        return [event for user in users if user for event in user.events]

    events = asyncio.run(kept())
    assert len(acknowledged) >= sum(1 + 3 * kill for kill in range(KILLS))
    assert set(acknowledged) <= {event.event_id for event in events}
    assert len(events) <= len(acknowledged) + KILLS  # at most one a process was on its way


def test_a_full_disk_takes_nothing_and_says_so(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of 4096 bytes
    monkeypatch.setattr(sqlite, "_PRAGMAS", (*sqlite._PRAGMAS, "max_page_count = 30"))

    async def fill() -> tuple[int, str, store.User | None]:
        found = connect(path)
        await found.open()
        number, message = 0, ""
        while not message:
            assert number < 1000
            try:
                await found.append(
                    [("u", store.Event(f"{number}-{n}", "x" * 999, number)) for n in range(2)]
                )
                number += 1
            except store.StoreFull as error:
                message = str(error)
        user = await found.user("u")
        await found.put_profile("u", {"age": 1.0})  # where there is room
        await found.close()
        return number, message, user

    number, message, user = asyncio.run(fill())
    assert str(path) in message
    assert "no room (database or disk is full)" in message
    assert user
    assert [e.event_id for e in user.events] == [
        f"{n}-{k}" for n in range(number) for k in range(2)
    ]


def test_a_write_that_finds_no_room_does_not_harm_the_others(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_PRAGMAS", (*sqlite._PRAGMAS, "max_page_count = 30"))

    async def write() -> list[object]:
        found = connect(path)
        await found.open()
        big = found.append([("u", store.Event("big", "x" * 200_000, 1))])
        small = [found.append([("u", store.Event(str(n), "x", 1))]) for n in range(5)]
        said = await asyncio.gather(*small[:2], big, *small[2:], return_exceptions=True)
        assert (await found.count()).events == 5
        await found.close()
        return said

    said = asyncio.run(write())
    assert [type(s) for s in said] == [store.Added] * 2 + [store.StoreFull] + [store.Added] * 3


@pytest.mark.parametrize("damage", ["header", "middle", "half"])
def test_a_damaged_file_is_named_with_a_remedy(path: pathlib.Path, damage: str) -> None:
    filled(path)
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:16] = b"not a database.."
    elif damage == "middle":
        content[4096 : 8 * 4096] = b"\xff" * (7 * 4096)
    else:
        del content[len(content) // 2 :]
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{path}: is damaged or no SQLite file (")
    assert (
        f"Move it away, with {path}-wal and {path}-shm, and restore a copy or fill a new one"
        in message
    )


def test_damage_that_comes_while_it_is_open_is_told(path: pathlib.Path) -> None:
    def damage() -> None:
        content = bytearray(path.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        path.write_bytes(content)

    async def ask() -> None:
        found = connect(path)
        await found.open()
        damage()
        with pytest.raises(store.StoreError, match="is damaged or no SQLite file"):
            await found.user("u")
        await found.close()

    filled(path)
    asyncio.run(ask())


def test_another_programs_file_is_refused_and_left_alone(path: pathlib.Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE users (name TEXT)")
    before = path.read_bytes()
    assert "is an SQLite file, but no history store of this version" in refusal(path)
    assert path.read_bytes() == before


def test_a_folder_in_the_place_of_the_file(tmp_path: pathlib.Path) -> None:
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path}: found a folder, expected an SQLite file. Move it away")


def test_a_folder_that_does_not_exist(tmp_path: pathlib.Path) -> None:
    message = refusal(tmp_path / "no" / "history.sqlite")
    assert "cannot be opened" in message
    assert "Check that the folder exists" in message


def test_a_file_that_is_removed_acknowledges_nothing_more(
    path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    async def write() -> None:
        found = connect(path)
        await found.open()
        shutil.move(path, tmp_path / "moved.sqlite")
        for call in (found.append([("u", store.Event("late", "x", 1))]), found.ping()):
            with pytest.raises(store.StoreError, match="was removed or replaced while it was open"):
                await call
        await found.close()

    filled(path)
    asyncio.run(write())


def test_another_process_that_holds_the_file_is_named(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.1)

    async def write() -> None:
        found = connect(path)
        await found.open()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(store.StoreError, match=r"another process has been writing for 0\.1 s"):
            await found.append([("u", store.Event("late", "x", 1))])
        assert (await found.count()).events == 500  # readers do not wait
        other.execute("COMMIT")
        assert await found.append([("u", store.Event("late", "x", 1))]) == store.Added(1, 0)
        other.close()
        await found.close()

    filled(path)
    asyncio.run(write())


def test_what_is_not_open_says_so(path: pathlib.Path) -> None:
    for call in (lambda s: s.user("u"), lambda s: s.append([]), lambda s: s.ping()):
        with pytest.raises(store.StoreError, match="the store is not open"):
            asyncio.run(call(connect(path)))


def test_closing_lets_waiting_writes_end(path: pathlib.Path) -> None:
    async def write() -> list[object]:
        found = connect(path)
        await found.open()
        sent = [
            asyncio.create_task(found.append([("u", store.Event(str(n), "x", n))]))
            for n in range(50)
        ]
        await asyncio.sleep(0)
        await found.close()
        return await asyncio.gather(*sent, return_exceptions=True)

    assert asyncio.run(write()) == [store.Added(1, 0)] * 50
    # all of it is in the file, which can be copied
    assert not path.with_name(f"{path.name}-wal").exists()


def test_writes_that_wait_share_a_transaction(path: pathlib.Path) -> None:
    async def write() -> list[str]:
        found = connect(path)
        await found.open()
        assert isinstance(found, sqlite.SqliteStore)
        statements: list[str] = []
        await found._write(lambda connection: connection.set_trace_callback(statements.append))
        await asyncio.gather(
            *(found.append([("u", store.Event(str(n), "x", n))]) for n in range(100))
        )
        await found._write(lambda connection: connection.set_trace_callback(None))
        await found.close()
        return statements

    statements = asyncio.run(write())
    assert sum("INSERT INTO events" in text for text in statements) == 100
    assert sum(text == "COMMIT" for text in statements) < 10


def test_every_commit_reaches_the_disk(path: pathlib.Path) -> None:
    async def ask() -> list[object]:
        found = connect(path)
        await found.open()
        assert isinstance(found, sqlite.SqliteStore)
        said = await found._write(
            lambda connection: [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("synchronous", "journal_mode")
            ]
        )
        await found.close()
        return said

    assert asyncio.run(ask()) == [2, "wal"]  # 2 is FULL: an fsync at each commit, also with a WAL


def test_what_somebody_else_has_written_is_named(path: pathlib.Path) -> None:
    filled(path, events=2)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE users SET profile = '{\"age\": '")

    async def read() -> None:
        found = connect(path)
        await found.open()
        try:
            await found.user("u")
        finally:
            await found.close()

    with pytest.raises(store.StoreError, match=r"user 'u': what is stored cannot be read: found"):
        asyncio.run(read())


def test_only_its_owner_may_read_it(path: pathlib.Path) -> None:
    async def modes() -> set[int]:
        found = connect(path)
        await found.open()
        try:
            await found.append([("u", store.Event("1", "x", 1))])
            return {file.stat().st_mode & 0o777 for file in path.parent.glob(f"{path.name}*")}
        finally:
            await found.close()

    assert asyncio.run(modes()) == {0o600}  # the file, its log of writes and their index
