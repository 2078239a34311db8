"""What every store does, whichever keeps the histories."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from modules import ids as ids_rule
from serving.history import store
from tests.serving.history import writer

LIMIT = 4
STRANGE = (
    "Zoë",
    "用户 7",
    "a/b?c#d",
    "😀",
    "history:users",
    "{tag}",
    "nul\0byte",
    "a:b",
    " ",
    "e\u0301",
    "%s",
    "x" * ids_rule.MAX_BYTES,
    "é" * (ids_rule.MAX_BYTES // 2),
)


@contextlib.asynccontextmanager
async def opened(url: str, limit: int = LIMIT) -> AsyncIterator[store.Store]:
    found = store.connect(url, limit)
    await found.open()
    try:
        yield found
    finally:
        await found.close()


def event(event_id: str, timestamp: int, **values: object) -> store.Event:
    return store.Event(event_id, f"item-{event_id}", timestamp, values)


async def ids(found: store.Store, user_id: str = "u") -> list[str]:
    user = await found.user(user_id)
    return [] if user is None else [e.event_id for e in user.events]


def run(url: str, scenario: Callable[[store.Store], object], limit: int = LIMIT) -> None:
    async def main() -> None:
        async with opened(url, limit) as found:
            await scenario(found)  # type: ignore[misc]

    asyncio.run(main())


def test_an_event_comes_back_whole(url: str) -> None:
    made = event("1", 100, rating=3.5, action="click", device=None, note="é")

    async def scenario(found: store.Store) -> None:
        assert await found.append([("u", made)]) == store.Added(accepted=1, duplicates=0)
        assert await found.user("u") == store.User({}, (made,))
        assert await found.user("somebody else") is None

    run(url, scenario)


def test_events_are_ordered_by_time_then_by_arrival(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        await found.append([("u", event("z", 200)), ("u", event("a", 200))])
        await found.append([("u", event("m", 100)), ("u", event("b", 200))])
        assert await ids(found) == ["m", "z", "a", "b"]

    run(url, scenario)


def test_ten_arrivals_of_one_second_stay_in_order(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        for number in range(12):  # as texts, 10 would come before 9
            await found.append([("u", event(str(number), 100))])
        assert await ids(found) == [str(number) for number in range(12)]

    run(url, scenario, limit=12)


def test_an_event_is_added_once(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        await found.append([("u", event("1", 100, rating=1.0))])
        again = await found.append(
            [
                ("u", event("1", 300, rating=5.0)),
                ("u", event("2", 200)),
                ("u", event("2", 200)),
                ("v", event("1", 100)),
            ]
        )
        assert again == store.Added(accepted=2, duplicates=2)
        user = await found.user("u")
        assert user and user.events == (event("1", 100, rating=1.0), event("2", 200))
        assert await ids(found, "v") == ["1"]
        assert await found.count() == store.Counts(users=2, events=3)

    run(url, scenario)


def test_the_newest_are_kept(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        await found.append([("u", event(str(t), t)) for t in (500, 100, 400, 200, 300)])
        assert await ids(found) == ["200", "300", "400", "500"]  # 100 is the oldest of five
        assert await found.append([("u", event("350", 350))]) == store.Added(
            accepted=1, duplicates=0
        )
        assert await ids(found) == ["300", "350", "400", "500"]
        assert await found.count() == store.Counts(users=1, events=4)

    run(url, scenario)


def test_what_has_left_a_history_never_comes_back(url: str) -> None:
    sent = [
        ("u", event("a", 100)),
        ("u", event("b", 100)),
        ("u", event("c", 200)),
        ("u", event("d", 200)),
        ("u", event("e", 200)),
        ("u", event("f", 300)),
    ]

    async def scenario(found: store.Store) -> None:
        assert await found.append(sent) == store.Added(accepted=6, duplicates=0)
        assert await ids(found) == ["c", "d", "e", "f"]
        assert await found.append(sent) == store.Added(accepted=0, duplicates=4, outdated=2)
        assert await found.append([("u", event("g", 200))]) == store.Added(0, 0, outdated=1)
        assert await ids(found) == ["c", "d", "e", "f"]
        assert (await found.count()).events == 4

    run(url, scenario)


def test_a_lower_limit_takes_effect(url: str) -> None:
    async def scenario() -> None:
        async with opened(url, 5) as found:
            await found.append([("u", event(str(t), t)) for t in (1, 2, 3, 4, 5)])
        async with opened(url, 2) as found:
            assert await ids(found) == ["4", "5"]
            await found.append([("u", event("6", 6))])
            assert await ids(found) == ["5", "6"]
            assert (await found.count()).events == 2
        async with opened(url, 5) as found:
            assert await ids(found) == ["5", "6"]

    asyncio.run(scenario())


def test_profiles_are_replaced_and_histories_stay(url: str) -> None:
    profile = {"age": 24.0, "gender": None, "tags": ["a", "é"], "vector": [0.5, 1.0]}

    async def scenario(found: store.Store) -> None:
        await found.put_profile("u", profile)
        assert await found.user("u") == store.User(profile, ())
        await found.append([("u", event("1", 100))])
        assert await found.user("u") == store.User(profile, (event("1", 100),))
        await found.put_profile("u", {"age": 25.0})
        assert await found.user("u") == store.User({"age": 25.0}, (event("1", 100),))
        await found.put_profile("v", {})
        assert await found.user("v") == store.User({}, ())
        assert await found.count() == store.Counts(users=2, events=1)

    run(url, scenario)


def test_any_text_is_an_id(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        for text in STRANGE:
            await found.append([(text, store.Event(text, text, 1, {text: text}))])
        for text in STRANGE:
            assert await found.user(text) == store.User(
                {}, (store.Event(text, text, 1, {text: text}),)
            )
        assert await found.users("", 100) == sorted(STRANGE, key=str.encode)
        assert await found.count() == store.Counts(len(STRANGE), len(STRANGE))

    run(url, scenario)


def test_users_are_found_by_prefix(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        for user_id in ("10", "2", "1", "é1", "é", "100", "1é"):
            await found.put_profile(user_id, {})
        assert await found.users("1", 10) == ["1", "10", "100", "1é"]
        assert await found.users("1", 2) == ["1", "10"]
        assert await found.users("é", 10) == ["é", "é1"]
        assert await found.users("3", 10) == []

    run(url, scenario)


def test_all_or_none_of_a_batch_is_added(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        with pytest.raises(ValueError, match="Out of range float"):
            await found.append([("u", event("1", 1)), ("v", event("2", 2, rating=float("nan")))])
        assert await found.count() == store.Counts(0, 0)

    run(url, scenario)


def test_an_empty_batch_is_fine(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        assert await found.append([]) == store.Added(0, 0)
        assert await found.count() == store.Counts(0, 0)

    run(url, scenario)


def test_appends_at_the_same_time_all_count(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        sent = [found.append([(f"u{n % 3}", event(str(n), n))]) for n in range(300)]
        added = await asyncio.gather(*sent)
        assert sum(a.accepted for a in added) == 300
        assert await found.count() == store.Counts(users=3, events=300)

    run(url, scenario, limit=1000)


def test_a_cancelled_question_spoils_no_other(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        for number in range(20):
            await found.append([(f"u{number}", event(str(number), number))])
        for delay in (0, 0.0001, 0.0003, 0.001):
            asked = [asyncio.create_task(ids(found, f"u{number}")) for number in range(20)]
            await asyncio.sleep(delay)
            for task in asked[::2]:
                task.cancel()
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert answers[1::2] == [[str(number)] for number in range(1, 20, 2)]
        assert await ids(found, "u7") == ["7"]

    run(url, scenario)


def test_clear_removes_all(url: str) -> None:
    async def scenario(found: store.Store) -> None:
        await found.append([("u", event("1", 1)), ("v", event("1", 1))])
        await found.put_profile("w", {"age": 1.0})
        await found.clear()
        assert await found.count() == store.Counts(0, 0)
        assert await found.users("", 10) == []
        assert await found.user("u") is None
        assert await found.append([("u", event("1", 1))]) == store.Added(1, 0)

    run(url, scenario)


def test_two_processes_append_at_the_same_time(url: str) -> None:
    command = [sys.executable, "-m", "tests.serving.history.writer", url]
    both = [
        subprocess.Popen([*command, name, "0", "300"], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert said == [["open", *(f"{name}-{n}" for n in range(300))] for name in ("a", "b")]

    async def scenario(found: store.Store) -> None:
        assert await found.count() == store.Counts(writer.USERS, 600)
        expected = {f"{name}-{number}" for name in "ab" for number in range(0, 300, 3)}
        assert set(await ids(found, "user-0")) == expected

    run(url, scenario, limit=1000)


def test_a_store_can_be_opened_again(url: str) -> None:
    async def scenario() -> None:
        found = store.connect(url, LIMIT)
        await found.close()
        await found.open()
        await found.open()
        await found.append([("u", event("1", 1))])
        await found.close()
        await found.close()
        async with opened(url) as other:
            assert await ids(other) == ["1"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "history.sqlite",
        "sqlite://",
        "sqlite:///",
        "sqlite://history.sqlite",
        "postgres://h/db",
        "redis://",
        "redis://host:port/0",
        "redis://host/name",
    ],
)
def test_a_url_that_means_no_store_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"expected sqlite:///FILE or redis://HOST:PORT/DB"):
        store.connect(wrong, LIMIT)


def test_no_tensorflow(run_python: Callable[[str], str]) -> None:
    assert (
        run_python("""
        import sys
        from serving.history import redis, sqlite
        print([name for name in ("tensorflow", "tfx", "apache_beam") if name in sys.modules])
        """)
        == "[]\n"
    )


@pytest.mark.parametrize("text", ["{", "[]", "null", b"\xff"])
def test_what_is_no_mapping_is_refused(text: str | bytes) -> None:
    with pytest.raises(store.StoreError, match="expected a JSON object"):
        store.stored(text, dict, "u")
