"""A history store is filled from a data set, once, and says what it holds."""

from __future__ import annotations

import asyncio
import io
import pathlib
from collections.abc import Callable

import pytest

from modules import config, strict
from modules.beam import errors
from pipeline import runs
from pipeline import store as loader
from serving.history import store

EVENTS = """\
who,what,when,action,device,stars
anna,a,100,view,phone,
anna,b,200,buy,tablet,5
Łukasz,a,150,view,,3
anna,c,300,view,phone,4
anna,c,300,view,phone,4
"""
USERS = """\
who,age,tags
anna,20,x|y
Łukasz,,
nobody,30,z
"""
TABLES = {
    "events": {
        "format": "csv",
        "columns": {
            "who": "user_id",
            "what": "item_id",
            "when": "timestamp",
            "action": "action_type",
            "device": {"role": "context", "kind": "categorical", "default": "?"},
            "stars": "numeric",
        },
    },
    "users": {
        "format": "csv",
        "columns": {
            "who": "user_id",
            "age": {"kind": "numeric", "default": 40},
            "tags": {"kind": "multi_categorical", "separator": "|"},
        },
    },
}


@pytest.fixture
def shop(tmp_path: pathlib.Path) -> config.Config:
    """A shop's tables, whose histories keep three events."""
    return write(tmp_path, EVENTS)


def write(folder: pathlib.Path, events: str) -> config.Config:
    plain = {}
    for name, text in (("events", events), ("users", USERS)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        plain[name] = {**TABLES[name], "path": str(folder / f"{name}.csv")}
    return strict.read(
        config.Config,
        {
            "name": "shop",
            "data": plain,
            "features": {"max_history": 2, "repeat_history": 3},
            "index": {"max_exclusions": 3},
        },
    )


def user(url: str, user_id: str) -> store.User | None:
    async def ask() -> store.User | None:
        found = store.connect(url, 3)
        await found.open()
        try:
            return await found.user(user_id)
        finally:
            await found.close()

    return asyncio.run(ask())


def add(url: str, user_id: str, event: store.Event) -> None:
    async def append() -> None:
        found = store.connect(url, 3)
        await found.open()
        await found.append([(user_id, event)])
        await found.close()

    asyncio.run(append())


def test_the_users_come_with_profiles_and_newest_events(
    shop: config.Config, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loader.load(shop, tmp_path) == store.Added(accepted=4, duplicates=0)
    url = f"sqlite:///{tmp_path / 'shop' / 'history.sqlite'}"
    assert url == loader.default_url(runs.Run(tmp_path, "shop"))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "reading the users and events of shop ..."
    assert said[1].startswith(
        f"{url}: 4 events added, 0 were there already; holds 3 users and 4 events ("
    )
    anna = user(url, "anna")
    assert anna
    assert anna.profile == {"age": 20.0, "tags": ["x", "y"]}
    phone = {"action": "view", "device": "phone", "stars": 4.0}
    assert [(e.item_id, e.timestamp, e.values) for e in anna.events] == [
        ("b", 200, {"action": "buy", "device": "tablet", "stars": 5.0}),
        ("c", 300, phone),
        ("c", 300, phone),
    ]
    assert user(url, "nobody") == store.User({"age": 30.0, "tags": ["z"]}, ())
    other = user(url, "Łukasz")
    assert other and other.events[0].values == {"action": "view", "device": "?", "stars": 3.0}


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_rows_while_they_are_read_and_a_log_does_not(
    shop: config.Config,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loader.load(shop, tmp_path, replace=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr", terminal := _Terminal())
    loader.load(shop, tmp_path, replace=True)
    reading, adding = (bar.split("\r")[-1] for bar in terminal.getvalue().strip().split("\n"))
    assert reading.startswith("reading: 8 rows [")  # five events, three users
    assert adding.startswith("adding: 100%") and " 3/3 [" in adding


def test_loading_again_adds_only_what_is_new(shop: config.Config, tmp_path: pathlib.Path) -> None:
    url = loader.default_url(runs.Run(tmp_path, "shop"))
    loader.load(shop, tmp_path)
    before = user(url, "anna")
    assert loader.load(shop, tmp_path) == store.Added(accepted=0, duplicates=4)
    assert user(url, "anna") == before
    grown = write(tmp_path, f"{EVENTS}Łukasz,b,160,view,,\n")
    assert loader.load(grown, tmp_path) == store.Added(accepted=1, duplicates=4)
    assert loader.status(shop, tmp_path) == store.Counts(users=3, events=5)


def test_what_clients_added_stays_unless_it_is_to_be_replaced(
    shop: config.Config, tmp_path: pathlib.Path
) -> None:
    url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    loader.load(shop, tmp_path, url=url)
    add(url, "anna", store.Event("new", "z", 400))
    add(url, "visitor", store.Event("new", "z", 400))
    assert loader.load(shop, tmp_path, url=url) == store.Added(accepted=0, duplicates=3, outdated=1)
    anna = user(url, "anna")
    assert anna and [e.item_id for e in anna.events] == ["c", "c", "z"]
    assert loader.load(shop, tmp_path, url=url, replace=True) == store.Added(
        accepted=4, duplicates=0
    )
    assert user(url, "visitor") is None


def test_bad_data_change_nothing(shop: config.Config, tmp_path: pathlib.Path) -> None:
    loader.load(shop, tmp_path)
    bad = write(tmp_path, f"{EVENTS}anna,a,soon,view,,\n")
    with pytest.raises(
        errors.DataError, match=r"^1 problem in the data:\n  .*csv, line 7: column 'when'"
    ):
        loader.load(bad, tmp_path, replace=True)
    assert loader.status(shop, tmp_path) == store.Counts(users=3, events=4)


def test_an_empty_store_is_filled_once(shop: config.Config, tmp_path: pathlib.Path) -> None:
    run = runs.Run(tmp_path, "shop")
    run.folder.mkdir()
    url = loader.default_url(run)
    loader.fill_if_empty(shop, url)
    assert loader.status(shop, tmp_path) == store.Counts(users=3, events=4)
    assert [path.name for path in run.folder.iterdir()] == ["history.sqlite"]
    add(url, "visitor", store.Event("new", "z", 400))
    write(tmp_path, "no header")  # is not read again
    loader.fill_if_empty(shop, url)
    assert loader.status(shop, tmp_path) == store.Counts(users=4, events=5)


def test_a_store_that_could_not_be_filled_is_filled_the_next_time(
    shop: config.Config, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.Run(tmp_path, "shop")
    run.folder.mkdir()
    with monkeypatch.context() as broken:
        broken.setattr(loader, "_BATCH_USERS", 1)
        full = _fails_at(2, loader.store.connect)
        broken.setattr(loader.store, "connect", full)
        with pytest.raises(store.StoreFull):
            loader.fill_if_empty(shop, loader.default_url(run))
    assert loader.status(shop, tmp_path) == store.Counts(0, 0)
    loader.fill_if_empty(shop, loader.default_url(run))
    assert loader.status(shop, tmp_path) == store.Counts(users=3, events=4)


def test_a_log_without_its_file_is_not_taken_for_the_new_ones(
    shop: config.Config, tmp_path: pathlib.Path
) -> None:
    run = runs.Run(tmp_path, "shop")
    run.folder.mkdir()
    path, url = run.folder / "history.sqlite", loader.default_url(run)
    log = path.with_name("history.sqlite-wal")

    async def leave_a_log() -> None:
        found = store.connect(url, 3)
        await found.open()
        await found.append([(f"old-{n}", store.Event("1", "x", 1)) for n in range(100)])
        kept = log.read_bytes()
        await found.close()
        path.unlink()
        log.write_bytes(kept)

    asyncio.run(leave_a_log())
    loader.fill_if_empty(shop, url)
    assert loader.status(shop, tmp_path) == store.Counts(users=3, events=4)
    assert user(url, "old-1") is None


def test_a_store_that_is_there_without_users_is_filled(
    shop: config.Config, tmp_path: pathlib.Path
) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    assert user(url, "anna") is None  # makes the file
    loader.fill_if_empty(shop, url)
    anna = user(url, "anna")
    assert anna and len(anna.events) == 3


def _fails_at(
    number: int, connect: Callable[[str, int], store.Store]
) -> Callable[[str, int], store.Store]:
    """Makes stores whose append fails at the call of this number."""

    def connect_failing(url: str, events: int) -> store.Store:
        found, calls = connect(url, events), iter(range(1, 100))
        append = found.append

        async def failing(events_of_users: list[tuple[str, store.Event]]) -> store.Added:
            if next(calls) == number:
                raise store.StoreFull("no room")
            return await append(events_of_users)

        found.append = failing  # type: ignore[method-assign,assignment]
        return found

    return connect_failing


def test_many_users_in_small_batches(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_BATCH_EVENTS", 3)
    rows = "".join(f"u{n % 7},i{n},{n},view,,\n" for n in range(20))
    cfg = write(tmp_path, EVENTS.splitlines(keepends=True)[0] + rows)
    without_users = strict.read(
        config.Config,
        {**strict.to_plain(cfg), "data": {"events": strict.to_plain(cfg.data.events)}},
    )
    assert loader.load(without_users, tmp_path) == store.Added(accepted=20, duplicates=0)
    assert loader.status(without_users, tmp_path) == store.Counts(users=7, events=20)


def test_the_status_of_no_store_makes_none(
    shop: config.Config, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loader.status(shop, tmp_path) == store.Counts(0, 0)
    assert capsys.readouterr().out.endswith("0 users, 0 events; keeps the newest 3 of a user\n")
    assert not (tmp_path / "shop").exists()


def test_a_url_that_means_no_store_is_a_wrong_argument(
    shop: config.Config, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(
        strict.ConfigError, match="found 'mysql://x', expected sqlite:///FILE or redis://"
    ):
        loader.load(shop, tmp_path, url="mysql://x")


def test_neither_tensorflow_nor_tfx_is_imported(run_python: Callable[[str], str]) -> None:
    assert (
        run_python("""
        import sys
        from pipeline import store
        print([name for name in ("tensorflow", "tfx") if name in sys.modules])
        """)
        == "[]\n"
    )


@pytest.mark.parametrize(
    ("repeats", "lengths", "kept"),
    [
        ("exclude", {"repeat_history": 30}, 20),
        ("allow", {"repeat_history": 30}, 30),
        ("auto", {"repeat_history": 30}, 30),
        ("allow", {"repeat_history": 10}, 20),
        ("allow", {"repeat_history": 10, "max_history": 40}, 41),
    ],
)
def test_as_many_events_are_kept_as_are_of_use(
    shop: config.Config, repeats: str, lengths: dict[str, int], kept: int
) -> None:
    plain = strict.to_plain(shop)
    plain["data"]["repeats"] = repeats
    plain["features"] |= lengths
    plain["index"]["max_exclusions"] = 20
    assert loader.kept_events(strict.read(config.Config, plain)) == kept
