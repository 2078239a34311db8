"""ML Metadata's file that cannot be used: every command says which, what was found, what to do."""

from __future__ import annotations

import pathlib
import sqlite3
from collections.abc import Callable

import pytest

from pipeline import cli, doctor, metadata_file, runs
from pipeline.report import sources
from tests.pipeline.report import small_run


def _overwrite(content: bytes, at: int = 0) -> Callable[[pathlib.Path], None]:
    def change(path: pathlib.Path) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(content)

    return change


def _cut(size: int) -> Callable[[pathlib.Path], None]:
    def change(path: pathlib.Path) -> None:
        path.write_bytes(path.read_bytes()[:size])

    return change


def _sql(*statements: str) -> Callable[[pathlib.Path], None]:
    def change(path: pathlib.Path) -> None:
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    return change


def _folder(path: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()


def _other_database(path: pathlib.Path) -> None:
    path.unlink()
    _sql("CREATE TABLE users (id)")(path)


BROKEN = {
    "a text": (
        _overwrite(b"hello, world, hello"),
        r"found a file that begins with b'hello, world, he', expected",
    ),
    "a folder": (_folder, r"found a folder, expected an SQLite file of ML Metadata"),
    "bytes changed": (_overwrite(b"\xff" * 8192, at=4096), r"is damaged or cut off \(.+\)"),
    "cut off": (_cut(20_000), r"is damaged or cut off \(.+\)"),
    "cut off in its head": (_cut(50), r"is damaged or cut off \(.+\)"),
    "another database": (_other_database, r"found an SQLite file of something else"),
    "no version": (_sql("DELETE FROM MLMDEnv"), r"found schema version none of ML Metadata"),
    "rows that do not fit": (
        _sql("DELETE FROM Artifact WHERE id = 1"),
        r"is damaged or cut off \(its rows do not fit together: KeyError\(1\)\)",
    ),
}


@pytest.mark.parametrize(("damage", "found"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_store(
    tmp_path: pathlib.Path, damage: Callable[[pathlib.Path], None], found: str
) -> None:
    run = small_run.make(tmp_path)
    damage(run.metadata)
    with pytest.raises(metadata_file.Unreadable, match=rf"^\S+/metadata\.sqlite: {found}") as said:
        sources.of(run)
    assert "\n" not in str(said.value) and " query:" not in str(said.value)


@pytest.mark.parametrize("version", [9, 11])
def test_a_store_of_another_version(tmp_path: pathlib.Path, version: int) -> None:
    run = small_run.make(tmp_path)
    _sql(f"UPDATE MLMDEnv SET schema_version = {version}")(run.metadata)
    with pytest.raises(
        metadata_file.Unreadable,
        match=rf"found schema version {version} of ML Metadata, expected 10, .+\. Use the inst",
    ):
        metadata_file.check(run.metadata)


def test_a_file_without_permission(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: root may read everything."""
    run = small_run.make(tmp_path)

    def refuse(self: pathlib.Path, mode: str = "r") -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    for writing, what in ((False, "read"), (True, "read and written")):
        with pytest.raises(
            metadata_file.Unreadable,
            match=rf"cannot be {what} \(Permission denied\)\. Give this user the permissions",
        ):
            metadata_file.check(run.metadata, writing=writing)


def test_a_store_that_another_process_writes(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small_run.make(tmp_path)
    monkeypatch.setattr(metadata_file, "_BUSY_SECONDS", 0.05)
    other = sqlite3.connect(run.metadata, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(metadata_file.Unreadable, match=r"another process .+ Wait for it to end"):
        metadata_file.check(run.metadata)
    other.execute("ROLLBACK")
    other.close()
    assert metadata_file.check(run.metadata)


@pytest.mark.parametrize("content", [None, b"", "no tables"])
def test_nothing_has_run(tmp_path: pathlib.Path, content: bytes | str | None) -> None:
    path = runs.Run(tmp_path, "shop").metadata
    path.parent.mkdir()
    if content == "no tables":
        _sql("CREATE TABLE t (a)", "DROP TABLE t")(path)
    elif content is not None:
        path.touch()
    assert not metadata_file.check(path) and not metadata_file.check(path, writing=True)


@pytest.mark.parametrize(("is_missing", "found"), [(True, "is missing"), (False, "is empty")])
def test_artifacts_that_nothing_is_known_of(
    tmp_path: pathlib.Path, is_missing: bool, found: str
) -> None:
    run = small_run.make(tmp_path)
    run.metadata.unlink() if is_missing else run.metadata.write_bytes(b"")
    with pytest.raises(
        metadata_file.Unreadable,
        match=rf"metadata\.sqlite: {found}, but \S+/artifacts holds .+, or move \S+/artifacts away",
    ):
        metadata_file.check(run.metadata)


def test_the_version_is_that_of_the_installed_library(tmp_path: pathlib.Path) -> None:
    run = small_run.make(tmp_path)
    connection = sqlite3.connect(run.metadata)
    assert connection.execute("SELECT schema_version FROM MLMDEnv").fetchall() == [
        (metadata_file.SCHEMA_VERSION,)
    ]
    connection.close()


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["report"],
        ["export-predictions", "--output", "out.tsv"],
        ["skew", "--logs", "logs"],
    ],
    ids=lambda command: command[0],
)
def test_commands_say_it_in_one_line(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
) -> None:
    run = small_run.make(tmp_path)
    _overwrite(b"hello, world, hello")(run.metadata)
    monkeypatch.setattr("pipeline.commands._config", lambda _: small_run.cfg())
    monkeypatch.chdir(tmp_path)
    assert cli.main([*command, "--root", str(tmp_path)]) == cli.EXIT_FAILED
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"recsys: {run.metadata}: found a file that begins with b'hello")
    assert said.err.count("\n") == 1 and "Restore a copy" in said.err


def test_doctor_says_whether_it_can_be_read(tmp_path: pathlib.Path) -> None:
    assert list(doctor.metadata(runs.Run(tmp_path, "shop"))) == []
    run = small_run.make(tmp_path)
    assert list(doctor.metadata(run)) == [doctor.Finding("ok", "run", f"{run.metadata}")]
    _folder(run.metadata)
    (found,) = doctor.metadata(run)
    assert (found.status, found.subject) == ("fail", "run")
    assert found.detail.startswith(f"{run.metadata}: found a folder")
    assert found.remedy.startswith("Restore a copy of it, or move it and ")
