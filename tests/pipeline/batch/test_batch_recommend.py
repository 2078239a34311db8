"""`recsys batch-recommend`: all users' answers are the gateway's, in files that appear as one."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet
import pytest

from modules import release, strict
from modules.beam import errors
from pipeline import cli, declared, request_example, store
from pipeline.batch import answers, command, folder, options
from serving.gateway import settings
from tests.pipeline.batch import shop
from tests.serving import small_serving
from tests.serving.gateway import conftest

END = shop.START + 40
SCHEMA = ["user_id", "rank", "item_id", "recall_rank", "recall_score", "rank_score"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Runs with a release of two stages, in which m5 has a bonus of 100, in the afternoon m9."""
    folder = tmp_path_factory.mktemp("runs")
    small_serving.write(folder / small_serving.NAME, afternoon={"m9": 100.0})
    return folder


@pytest.fixture(scope="module")
def small_cfg(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return shop.configuration(tmp_path_factory.mktemp("tables"))


def ask(cfg: Any, root: pathlib.Path, output: pathlib.Path, **arguments: Any) -> dict[str, Any]:
    """The summary of a call of the command."""
    return command.main(cfg, root, output=str(output), **{"k": 3, **arguments})


def rows(output: pathlib.Path) -> list[dict[str, Any]]:
    found = pyarrow.parquet.read_table(output)
    assert found.schema.names == SCHEMA
    return found.to_pylist()


def lists(output: pathlib.Path) -> dict[str, list[str]]:
    """Item ids by user, in the order of their ranks, which are 1, 2, ..."""
    result: dict[str, list[str]] = {}
    for row in rows(output):
        result.setdefault(row["user_id"], []).append(row["item_id"])
        assert row["rank"] == len(result[row["user_id"]])
    return result


def test_first_items_of_every_user(
    small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Anna's last event is m0: recall says m3, m4, m5 (0 of m1 and m2 are seen), with -2, -3, -4.

    It is 22:14 UTC, in the afternoon, so m9 comes first where it is among recall's eight.
    """
    found = ask(small_cfg, root, tmp_path / "out")
    assert lists(tmp_path / "out")["anna"] == ["m9", "m3", "m4"]
    (first, *_) = [row for row in rows(tmp_path / "out") if row["user_id"] == "anna"]
    assert first == {
        "user_id": "anna",
        "rank": 1,
        "item_id": "m9",
        "recall_rank": 7,
        "recall_score": -8.0,
        "rank_score": 92.0,
    }
    assert found == {
        "name": small_serving.NAME,
        "release": release.current(root / small_serving.NAME / "serving"),
        "stage": "two-stage",
        "k": 3,
        "exclude_seen": True,
        "request_timestamp": END,
        "users": 5,
        "users_without_events": 1,
        "short_lists": 0,
        "recommendations": 15,
        "items": len({row["item_id"] for row in rows(tmp_path / "out")}),
        "unknown_users": 0,
        "first_unknown_users": [],
    }


@pytest.fixture(scope="module")
def gateway(
    small_cfg: Any, root: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[conftest.Gateway]:
    """A gateway whose store holds the same tables."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'history.sqlite'}"
    store.load(small_cfg, root, url=url)
    serving = root / small_serving.NAME / "serving"
    given = settings.Settings(serving, store=url, seconds=30, embedded=settings.Embedded())
    with conftest.running(given) as found:
        yield found


@pytest.mark.parametrize(
    "arguments, asked",
    [
        ({}, {"timestamp": END}),
        ({"at": shop.START - 30_000}, {"timestamp": shop.START - 30_000}),  # in the morning
        ({"exclude_seen": False}, {"timestamp": END, "exclude_seen": False}),
    ],
)
def test_answers_are_those_of_the_gateway(
    small_cfg: Any,
    root: pathlib.Path,
    gateway: conftest.Gateway,
    tmp_path: pathlib.Path,
    arguments: dict[str, Any],
    asked: dict[str, Any],
) -> None:
    ask(small_cfg, root, tmp_path / "out", **arguments)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows(tmp_path / "out"):
        found.setdefault(row.pop("user_id"), []).append(row)
    assert set(found) == {"anna", "ben", "new", "far", "quiet"}
    for user, ours in found.items():
        theirs = gateway.recommend(user_id=user, k=3, **asked)
        assert theirs["known_user"] == (user in ("anna", "ben", "quiet")) or user in ("new", "far")
        assert ours == [
            {
                "rank": item["rank"]["rank"],
                "item_id": item["item_id"],
                "recall_rank": item["recall"]["rank"],
                "recall_score": item["recall"]["score"],
                "rank_score": item["rank"]["score"],
            }
            for item in theirs["items"]
        ]


def test_recall_alone(small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert ask(small_cfg, root, tmp_path / "out", stage="recall")["stage"] == "recall"
    assert lists(tmp_path / "out")["anna"] == ["m3", "m4", "m5"]
    assert {row["rank_score"] for row in rows(tmp_path / "out")} == {None}


def test_some_users(
    small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The moment is that of all data, whoever is asked for."""
    (tmp_path / "ids.txt").write_text("\ufeffanna\r\nnobody\nanna\n\nno one\n", encoding="utf-8")
    found = ask(small_cfg, root, tmp_path / "out", only=tmp_path / "ids.txt")
    assert set(lists(tmp_path / "out")) == {"anna"}
    assert found["request_timestamp"] == END
    assert (found["users"], found["unknown_users"]) == (1, 2)
    assert "2 ids of" in capsys.readouterr().out
    assert found["first_unknown_users"] == ["no one", "nobody"]


def test_a_user_who_has_seen_everything(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    events = [f"all,{item},{shop.START + n},," for n, item in enumerate(small_serving.ITEMS)]
    cfg = shop.configuration(tmp_path / "tables", shop.EVENTS + "\n".join(events[:-1]) + "\n")
    (tmp_path / "ids.txt").write_text("all\n")
    found = ask(cfg, root, tmp_path / "one", only=tmp_path / "ids.txt")
    assert lists(tmp_path / "one") == {"all": ["m9"]}
    assert (found["short_lists"], found["recommendations"]) == (1, 1)
    cfg = shop.configuration(tmp_path / "tables", shop.EVENTS + "\n".join(events) + "\n")
    found = ask(cfg, root, tmp_path / "none", only=tmp_path / "ids.txt")
    assert lists(tmp_path / "none") == {}
    assert (found["users"], found["short_lists"], found["recommendations"]) == (1, 1, 0)


def test_files_do_not_depend_on_the_order_of_rows_or_the_runner(
    small_cfg: Any,
    root: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two users a batch and four a file, so that there are several of both."""
    monkeypatch.setattr(answers, "USERS_A_BATCH", 2)
    monkeypatch.setattr(answers, "USERS_A_FILE", 4)
    head, *events = shop.EVENTS.splitlines(keepends=True)
    users_head, *users = shop.USERS.splitlines(keepends=True)
    turned = shop.configuration(
        tmp_path / "turned",
        "".join([head, *events[4:], *events[:4]]),
        "".join([users_head, *users[::-1]]),
    )
    ask(small_cfg, root, tmp_path / "one")
    ask(turned, root, tmp_path / "two")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names[0] == answers.SUMMARY_FILE and names[1].endswith("-of-00002.parquet")
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert set(lists(tmp_path / "one")) == {"anna", "ben", "new", "far", "quiet"}


@pytest.mark.parametrize("number", [1, 256, 257, 20_000, 20_001, 1_000_000])
def test_every_file_gets_a_batch(number: int) -> None:
    used = {answers.file_of(batch, number) for batch in range(answers.batches(number))}
    assert used == set(range(answers.files(number)))


def test_what_is_there_is_replaced_only_if_asked_for(
    small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    output = tmp_path / "out"
    ask(small_cfg, root, output)
    with pytest.raises(folder.OutputError, match=r"is there already\. Give --replace"):
        ask(small_cfg, root, output)
    ask(small_cfg, root, output, replace=True, k=1)
    assert len(lists(output)["anna"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_never_replaced(
    small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(folder.OutputError, match=r"found no _summary\.json in it"):
        ask(small_cfg, root, tmp_path, replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_bad_data_leaves_nothing(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    broken = shop.configuration(
        tmp_path / "tables", shop.EVENTS.replace(str(shop.START + 20), "yesterday")
    )
    with pytest.raises(errors.DataError, match=r"(?s)events\.csv, line 6: .*yesterday"):
        ask(broken, root, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]


def test_no_event_has_a_time(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    empty = shop.configuration(tmp_path / "tables", shop.EVENTS.splitlines()[0] + "\n")
    with pytest.raises(errors.DataError, match=r"found no event.* give --at"):
        ask(empty, root, tmp_path / "out")
    assert ask(empty, root, tmp_path / "out", at=END)["users_without_events"] == 3


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "found no id, expected a user id a line"),
        (b"anna\nx" + 600 * b"y", "line 2: found 'xy.*at most 512 bytes"),
        (b"\xff\xfe", "it is not UTF-8"),
        (None, "No such file"),
        (b"nobody\n", "none of the 1 ids is one of a user"),
    ],
)
def test_a_list_of_users_that_is_none(
    small_cfg: Any,
    root: pathlib.Path,
    tmp_path: pathlib.Path,
    content: bytes | None,
    message: str,
) -> None:
    if content is not None:
        (tmp_path / "ids.txt").write_bytes(content)
    with pytest.raises(command.BatchError, match=message):
        ask(small_cfg, root, tmp_path / "out", only=tmp_path / "ids.txt")
    assert not (tmp_path / "out").exists()


def test_more_items_than_the_model_gives(
    small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(request_example.WrongArgument, match="--k: found 9, the model gives"):
        ask(small_cfg, root, tmp_path / "out", k=9)


def test_another_configuration_than_the_releases(
    small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    plain = strict.to_plain(small_cfg.data)
    plain["users"]["columns"]["age"]["default"] = 41
    del plain["users"]["columns"]["gender"]
    changed = dataclasses.replace(small_cfg, data=strict.read(type(small_cfg.data), plain))
    message = r"users\.columns: age has been changed, gender has been removed since release"
    with pytest.raises(declared.OtherColumns, match=message):
        ask(changed, root, tmp_path / "out")


def test_without_a_release(small_cfg: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(release.NoRelease, match="no release has been pushed"):
        ask(small_cfg, tmp_path, tmp_path / "out")


def test_a_release_without_a_second_stage(small_cfg: Any, tmp_path: pathlib.Path) -> None:
    small_serving.write(tmp_path / small_serving.NAME, rank=False)
    with pytest.raises(request_example.RequestError, match="--stage two-stage: release"):
        ask(small_cfg, tmp_path, tmp_path / "out", stage="two-stage")
    assert ask(small_cfg, tmp_path, tmp_path / "out")["stage"] == "recall"


def test_repeats_and_their_earlier_events(small_cfg: Any, tmp_path: pathlib.Path) -> None:
    """Where a release allows repeats, what was seen may come back: after m0 comes m1 again."""
    small_serving.write(tmp_path / small_serving.NAME, about=small_serving.REPEATING, rank=False)
    ask(small_cfg, tmp_path, tmp_path / "out")
    assert lists(tmp_path / "out")["anna"] == ["m1", "m2", "m3"]
    ask(small_cfg, tmp_path, tmp_path / "without", exclude_seen=True)
    assert lists(tmp_path / "without")["anna"] == ["m3", "m4", "m5"]


def test_dataflow_needs_urls(small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    runner = {
        "kind": "dataflow",
        "options": ["--project=p", "--region=r", "--temp_location=gs://b/t"],
        "artifacts": "gs://b/a",
    }
    far = shop.configuration(tmp_path / "tables", runner=runner)
    with pytest.raises(strict.ConfigError, match=r"data\.events\.path: found .*expected a URL"):
        ask(far, root, tmp_path / "out")
    data = strict.to_plain(far.data)
    for name in ("events", "users", "items"):
        data[name]["path"] = f"gs://b/{name}.csv"
    far = dataclasses.replace(far, data=strict.read(type(far.data), data))
    with pytest.raises(request_example.WrongArgument, match=r"--output: found .*expected a URL"):
        ask(far, root, tmp_path / "out")


def test_the_command_line(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = cli.parser().parse_args(["batch-recommend", "--output", "o"])
    assert (args.at, args.k, args.users, args.replace) == (options.DATA_END, 10, None, False)
    given = ["batch-recommend", "--output", "o", "--at"]
    assert cli.parser().parse_args([*given, "now"]).at == "now"
    assert cli.parser().parse_args([*given, "2023-11-14"]).at == 1_699_920_000
    with pytest.raises(SystemExit):
        cli.parser().parse_args([*given, "tomorrow"])
    assert "--at: time: found 'tomorrow'" in capsys.readouterr().err


def test_summary_is_json_beside_the_files(
    small_cfg: Any, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    found = ask(small_cfg, root, tmp_path / "out")
    assert json.loads((tmp_path / "out" / answers.SUMMARY_FILE).read_text()) == found
    shutil.rmtree(tmp_path / "out")
