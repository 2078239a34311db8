"""Both models of a release take effect or neither, wherever a push dies; going back and forward."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from modules import model_server_config, release
from pipeline import release_writer
from tests import small_release

_KILLED = 9
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "shutil.copyfile")


def _push(serving: pathlib.Path, models: dict[str, str], **options: Any) -> int:
    return small_release.push(serving, models, small_release.facts(), **options).release


def _until_killed(serving: pathlib.Path, steps: int, work: Callable[[], Any]) -> tuple[int, int]:
    """Does the work in a process that dies before file operation number `steps` below the folder.

    Returns:
      (exit code: 0 if it ended before that, else 9; the operations that were done, in a process
      that ended).
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        seen = 0

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            writes = event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if (event in _CHANGES or writes) and str(serving) in str(arguments):
                if seen == steps:
                    os._exit(_KILLED)  # nothing is cleaned up or flushed, as by SIGKILL
                seen += 1

        sys.addaudithook(count)
        work()
        os.write(writer, str(seen).encode())
        os._exit(0)
    os.close(writer)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with os.fdopen(reader) as file:
        return code, int(file.read() or 0)


def _served(serving: pathlib.Path) -> dict[str, int]:
    """What TensorFlow Serving would load; every file of it has to be there."""
    versions = model_server_config.read((serving / release.POINTER).read_text())
    for name, version in versions.items():
        expected = 5 if name == release.RECALL else 3  # the catalogue is beside the recall model
        assert len(release.describe_files(serving / name / str(version))) == expected
    return versions


@pytest.mark.parametrize("with_rank", [True, False], ids=["both", "recall alone"])
def test_a_push_that_dies_anywhere_changes_nothing_and_the_next_one_repairs(
    tmp_path: pathlib.Path, with_rank: bool
) -> None:
    names = ("recall", "rank") if with_rank else ("recall",)
    old, new = (
        {name: models[name] for name in names}
        for models in (
            small_release.pair(tmp_path / "old"),
            small_release.pair(tmp_path / "new", "b"),
        )
    )
    template = tmp_path / "template"
    first = _push(template, old)
    took_effect: list[bool] = []
    code, steps = _KILLED, 0
    while code == _KILLED:
        serving = tmp_path / f"serving{steps}"
        shutil.copytree(template, serving)
        code, done = _until_killed(serving, steps, lambda folder=serving: _push(folder, new))
        steps += 1
        current = release.in_force(serving)
        took_effect.append(current.id != first)
        assert _served(serving) == dict.fromkeys(names, current.id)
        # no release that never took effect
        assert release.ids(serving) == sorted({first, current.id})
        repaired = _push(serving, new)
        assert release.in_force(serving).id == repaired > current.id
        assert release.ids(serving) == sorted({first, current.id, repaired})
        found = {path.name for path in serving.iterdir()}
        assert found == {*names, "releases", "models.config", ".lock"}
        for name in names:
            assert release.numbers(serving / name) == release.ids(serving)
        shutil.rmtree(serving)
    # The pointer is replaced last; only the folder that marks the push is removed after it.
    assert code == 0 and took_effect == [False] * (done - 1) + [True, True] and done > 15


def test_the_very_first_push_dies(tmp_path: pathlib.Path) -> None:
    """Also beside a model of before there were releases, which stays in force."""
    models = small_release.pair(tmp_path / "new")
    took_effect: list[bool] = []
    code, steps = _KILLED, 0
    while code == _KILLED:
        serving = tmp_path / f"serving{steps}"
        small_release.model(serving / "recall" / "5", "older")
        code, done = _until_killed(serving, steps, lambda folder=serving: _push(folder, models))
        took_effect.append(release.in_force(serving).id != 5)
        number = _push(serving, models)
        assert release.in_force(serving).id == number
        assert release.numbers(serving / "recall")[0] == 5
        steps += 1
    assert code == 0 and took_effect == [False] * (done - 1) + [True, True] and done > 15


def test_a_rollback_that_dies_anywhere(tmp_path: pathlib.Path) -> None:
    models = small_release.pair(tmp_path / "models")
    template = tmp_path / "template"
    one, two = (_push(template, models) for _ in range(2))
    code, steps = _KILLED, 0
    while code == _KILLED:
        serving = tmp_path / f"serving{steps}"
        shutil.copytree(template, serving)
        code, done = _until_killed(
            serving, steps, lambda folder=serving: release_writer.switch(folder)
        )
        assert release.in_force(serving).id == (two if code == _KILLED else one)
        assert release_writer.switch(serving, one)[1].id == release.in_force(serving).id == one
        assert release.ids(serving) == [one, two]
        steps += 1
    assert code == 0 and done == 4  # the folder, the lock, the new file, its renaming


def test_models_are_on_the_disk_before_they_take_effect(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their folders' new entries too: without, a power cut could leave a pointer to nothing."""
    serving, models, done = tmp_path / "serving", small_release.pair(tmp_path / "models"), []

    def noted(function: Callable[..., Any], key: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: (done.append(key(*given)), function(*given))[1]

    monkeypatch.setattr(os, "fsync", noted(os.fsync, lambda handle: os.fstat(handle).st_ino))
    for name in ("rename", "replace"):
        monkeypatch.setattr(
            os, name, noted(getattr(os, name), lambda _, target: pathlib.Path(target))
        )
    number = _push(serving, models)
    pointed = done.index(serving / release.POINTER)
    for name in models:
        moved = done.index(serving / name / str(number))
        assert (serving / name).stat().st_ino in done[moved:pointed]


def test_back_and_forward(tmp_path: pathlib.Path) -> None:
    serving = tmp_path / "serving"
    one = _push(serving, {"recall": small_release.pair(tmp_path / "a")["recall"]})
    two = _push(serving, small_release.pair(tmp_path / "b", "b"))
    three = _push(serving, small_release.pair(tmp_path / "c", "c"))
    for number, expected in (
        (None, (three, two)),
        (None, (two, one)),
        (three, (one, three)),
        (three, (three, three)),
    ):
        before, now = release_writer.switch(serving, number)
        assert (before, now.id) == expected
        assert release.in_force(serving) == now
        assert _served(serving) == dict.fromkeys(
            ["recall"] if now.id == one else ["recall", "rank"], now.id
        )
    assert _push(serving, small_release.pair(tmp_path / "d")) > three


def test_a_folder_that_was_moved_is_named_again(tmp_path: pathlib.Path) -> None:
    _push(tmp_path / "serving", small_release.pair(tmp_path / "a"))
    assert not release_writer.repoint(tmp_path / "serving")
    moved = (tmp_path / "serving").rename(tmp_path / "moved")
    assert release_writer.repoint(moved)
    text = (moved / release.POINTER).read_text()
    assert f'base_path: "{moved}/recall"' in text and f'base_path: "{moved}/rank"' in text
    assert not release_writer.repoint(moved)
    assert not release_writer.repoint(tmp_path)  # without releases


def test_what_cannot_be_gone_back_to(tmp_path: pathlib.Path) -> None:
    serving = tmp_path / "serving"
    with pytest.raises(release.NoRelease, match="no release has been pushed"):
        release_writer.switch(serving)
    one, two = (_push(serving, small_release.pair(tmp_path / name)) for name in "ab")
    (serving / "rank" / str(one) / "saved_model.pb").write_text("")
    with pytest.raises(release.ReleaseError, match="has 0 bytes, expected 15"):
        release_writer.switch(serving)
    with pytest.raises(release.ReleaseError, match=rf"no release 5, or not .* Known: {one}, {two}"):
        release_writer.switch(serving, 5)
    assert release.in_force(serving).id == two
    (serving / release.POINTER).unlink()
    with pytest.raises(release.ReleaseError, match="no release is in force, so none came before"):
        release_writer.switch(serving)
    (serving / release.POINTER).write_text("nonsense")
    assert release_writer.switch(serving, two)[0] is None
    assert release.in_force(serving).id == two


def _all_there(serving: pathlib.Path) -> list[int]:
    """The releases that are listed; each can be put in force, and nothing else is in the folder."""
    found = release.ids(serving)
    for number in found:
        release.load(serving, number)
    for name in ("recall", "rank"):
        assert release.numbers(serving / name) == found
    assert release.numbers(serving / "releases", ".json") == found
    assert release.unfinished_ids(serving) == []
    return found


def test_old_releases_are_deleted(tmp_path: pathlib.Path) -> None:
    serving, models = tmp_path / "serving", small_release.pair(tmp_path / "models")
    made = [_push(serving, models) for _ in range(5)]
    assert release_writer.prune(serving, None) == release_writer.prune(serving, 5) == []
    assert release_writer.prune(serving, 3) == made[:2]
    assert _all_there(serving) == made[2:] and release.in_force(serving).id == made[4]
    with pytest.raises(release.ReleaseError, match=rf"no release {made[0]}, .*`releases.keep`"):
        release_writer.switch(serving, made[0])
    assert release_writer.prune(serving, 1) == [made[2]]
    assert release_writer.switch(serving)[1].id == made[3]  # the one before is there to go back to
    assert release_writer.prune(serving, 1) == []
    with pytest.raises(
        release.ReleaseError, match=rf"no release before {made[3]}, or not any more"
    ):
        release_writer.switch(serving)
    assert release_writer.prune(tmp_path / "none", 1) == [] and not (tmp_path / "none").exists()


def test_what_is_or_was_just_served_is_not_deleted(tmp_path: pathlib.Path) -> None:
    """Neither an old release put in force again, nor the one before, nor one loaded as canary."""
    serving, models = tmp_path / "serving", small_release.pair(tmp_path / "models")
    made = [_push(serving, models) for _ in range(6)]
    release_writer.switch(serving, made[1])
    canary = model_server_config.write({"rank": made[3]}, serving)
    (serving / "rank.config").write_text(canary)
    assert release_writer.prune(serving, 1, spare=made[2]) == [made[4]]
    assert _all_there(serving) == [*made[:4], made[5]]  # the first one came before the one in force
    assert release.in_force(serving).id == made[1]


@pytest.mark.parametrize("file", ["models.config", "rank.config"])
def test_nothing_is_deleted_while_it_is_unknown_what_is_served(
    tmp_path: pathlib.Path, file: str
) -> None:
    serving, models = tmp_path / "serving", small_release.pair(tmp_path / "models")
    made = [_push(serving, models) for _ in range(3)]
    (serving / file).write_text("nonsense")
    assert release_writer.prune(serving, 1) == [] and _all_there(serving) == made
    (serving / file).unlink()
    assert release_writer.prune(serving, 1) == ([] if file == "models.config" else made[:1])
    (serving / "rank.config").mkdir()
    assert release_writer.prune(serving, 1) == []


def test_files_that_cannot_be_removed_are_no_release_and_stop_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, models = tmp_path / "serving", small_release.pair(tmp_path / "models")
    made = [_push(serving, models) for _ in range(3)]

    def refused(path: pathlib.Path) -> None:
        raise PermissionError(f"{path}: not yours")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", refused)
        assert release_writer.prune(serving, 1) == made[:1]
        assert release.ids(serving) == made[1:]
        assert release_writer.switch(serving)[1].id == made[1]
    pushed = _push(serving, models)
    assert _all_there(serving) == [*made[1:], pushed]


def test_a_deletion_that_dies_anywhere_leaves_no_half_release(tmp_path: pathlib.Path) -> None:
    models = small_release.pair(tmp_path / "models")
    template = tmp_path / "template"
    made = [_push(template, models) for _ in range(4)]
    listed: list[list[int]] = []
    code, steps = _KILLED, 0
    while code == _KILLED:
        serving = tmp_path / f"serving{steps}"
        shutil.copytree(template, serving)
        code, done = _until_killed(
            serving, steps, lambda folder=serving: release_writer.prune(folder, 2)
        )
        listed.append(release.ids(serving))
        for number in listed[-1]:
            release.load(serving, number)
        assert _served(serving) == {"recall": made[3], "rank": made[3]}
        pushed = _push(serving, models)
        assert _all_there(serving) == [*listed[-1], pushed]
        shutil.rmtree(serving)
        steps += 1
    # After the folder and the lock, both are unlisted, one after the other, before anything is
    # removed.
    assert listed == [made] * 3 + [made[1:]] + [made[2:]] * (done - 3)
    assert code == 0 and done > 15


def test_there_is_none_before_the_first(tmp_path: pathlib.Path) -> None:
    number = _push(tmp_path / "serving", small_release.pair(tmp_path / "a"))
    with pytest.raises(release.ReleaseError, match=f"there is no release before {number}"):
        release_writer.switch(tmp_path / "serving")


def test_ids_within_one_second_differ(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.7)
    models = small_release.pair(tmp_path / "a")
    assert [_push(tmp_path / "serving", models) for _ in range(3)] == [1000, 1001, 1002]
    monkeypatch.setattr(time, "time", lambda: 900.0)  # a clock that was put back
    assert _push(tmp_path / "serving", models) == 1003


def _push_content(serving: pathlib.Path, folder: pathlib.Path, content: str) -> int:
    return _push(serving, small_release.pair(folder / content, content))


def test_pushes_at_the_same_time_are_releases_of_their_own(tmp_path: pathlib.Path) -> None:
    serving, contents = tmp_path / "serving", [f"model{n}" for n in range(6)]
    with concurrent.futures.ProcessPoolExecutor(3, multiprocessing.get_context("fork")) as pool:
        made = list(pool.map(_push_content, [serving] * 6, [tmp_path] * 6, contents))
    numbers = dict(zip(made, contents))
    assert sorted(numbers) == release.ids(serving) and len(numbers) == 6
    for number, content in numbers.items():
        found = release.load(serving, number)
        assert found.rank is not None
        assert (found.rank / "saved_model.pb").read_text() == f"graph of rank {content}"
    assert release.in_force(serving).id == max(numbers)


@pytest.mark.parametrize("field", ["transform", "catalogue", "recall"])
def test_a_pair_that_does_not_belong_together_is_refused(
    tmp_path: pathlib.Path, field: str
) -> None:
    serving = tmp_path / "serving"
    first = _push(serving, small_release.pair(tmp_path / "a"))
    other = dataclasses.replace(small_release.LINEAGE, **{field: "other"})
    models = {
        "recall": small_release.model(tmp_path / "recall", "new"),
        "rank": small_release.model(
            tmp_path / "rank", "trained beside another recall model", other
        ),
    }
    with pytest.raises(
        release.ReleaseError, match=f"rank: was trained for other.*{field} other instead of"
    ):
        _push(serving, models)
    assert release.ids(serving) == [release.in_force(serving).id] == [first]
    assert sorted(path.name for path in serving.iterdir()) == [
        ".lock",
        "models.config",
        "rank",
        "recall",
        "releases",
    ]


def test_a_folder_without_a_graph_is_refused(tmp_path: pathlib.Path) -> None:
    models = small_release.pair(tmp_path / "a")
    (pathlib.Path(models["rank"]) / "saved_model.pb").unlink()
    with pytest.raises(release.ReleaseError, match="expected a SavedModel, found no saved_model"):
        _push(tmp_path / "serving", models)


def test_a_copy_that_fails_leaves_nothing(tmp_path: pathlib.Path) -> None:
    def full(source: str, target: str) -> None:
        shutil.copytree(source, target)
        raise OSError(28, "No space left on device")

    first = _push(tmp_path / "serving", small_release.pair(tmp_path / "a"))
    with pytest.raises(OSError, match="No space left"):
        _push(tmp_path / "serving", small_release.pair(tmp_path / "b"), copy=full)
    assert release.numbers(tmp_path / "serving" / "recall") == [first]
    assert release.unfinished_ids(tmp_path / "serving") == []
