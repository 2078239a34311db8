"""Folders that appear whole or not at all, on this machine and behind a URL."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from apache_beam.io import filesystem, filesystems, localfilesystem

from pipeline.batch import folder

MARKER = "_done"
SHELF = "shelf://"


class Shelf(localfilesystem.LocalFileSystem):
    """Stands in for an object store: URLs, below a folder of this machine."""

    base = ""
    renamed: list[str] = []  # noqa: RUF012 - of the class, as Beam makes the instances

    @classmethod
    def scheme(cls) -> str:
        return "shelf"

    def _here(self, url: str) -> str:
        return url.replace(SHELF, f"{self.base}/", 1)

    def create(self, path: str, *args: Any, **options: Any) -> Any:
        return super().create(self._here(path), *args, **options)

    def open(self, path: str, *args: Any, **options: Any) -> Any:
        return super().open(self._here(path), *args, **options)

    def exists(self, path: str) -> bool:
        return pathlib.Path(self._here(path)).is_file()  # an object store has no folders

    def mkdirs(self, path: str) -> None:
        pass

    def match(self, patterns: list[str], limits: Any = None) -> list[filesystem.MatchResult]:
        found = []
        for pattern in patterns:
            where = pathlib.Path(self._here(pattern.removesuffix("/*")))
            paths = sorted(path for path in where.rglob("*") if path.is_file())
            urls = [SHELF + str(path.relative_to(self.base)) for path in paths]
            found.append(
                filesystem.MatchResult(pattern, [filesystem.FileMetadata(u, 1) for u in urls])
            )
        return found

    def rename(self, sources: list[str], targets: list[str]) -> None:
        self.renamed.extend(pathlib.Path(target).name for target in targets)
        for source, target in zip(sources, targets):
            pathlib.Path(self._here(target)).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(self._here(source)).rename(self._here(target))

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            pathlib.Path(self._here(path)).unlink()


@pytest.fixture(params=["local", "remote"])
def base(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    if request.param == "local":
        return str(tmp_path)
    monkeypatch.setattr(Shelf, "base", str(tmp_path))
    monkeypatch.setattr(Shelf, "renamed", [])
    return f"{SHELF}bucket"


def _write(target: str, *names: str, replace: bool = False) -> None:
    with folder.whole(target, MARKER, replace=replace) as work:
        for name in names:
            with filesystems.FileSystems.create(f"{work}/{name}") as file:
                file.write(name.encode())


def _fail(target: str) -> None:
    with folder.whole(target, MARKER, replace=True) as work:
        with filesystems.FileSystems.create(f"{work}/part") as file:
            file.write(b"2")
        raise ZeroDivisionError


def _files(tmp_path: pathlib.Path) -> list[str]:
    return sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())


def test_all_files_appear_at_the_end(base: str, tmp_path: pathlib.Path) -> None:
    with folder.whole(f"{base}/out", MARKER, replace=False) as work:
        with filesystems.FileSystems.create(f"{work}/{MARKER}") as file:
            file.write(b"1")
        with filesystems.FileSystems.create(f"{work}/part") as file:
            file.write(b"2")
        assert not any("out/" in name and "unfinished" not in name for name in _files(tmp_path))
    assert [name[-5:] for name in _files(tmp_path)] == [MARKER, "/part"]
    if base.startswith(SHELF):
        assert Shelf.renamed == ["part", MARKER]


def test_nothing_is_left_of_what_failed(base: str, tmp_path: pathlib.Path) -> None:
    _write(f"{base}/out", MARKER)
    before = _files(tmp_path)
    with pytest.raises(ZeroDivisionError):
        _fail(f"{base}/out")
    assert _files(tmp_path) == before


def test_what_is_replaced_is_gone(base: str, tmp_path: pathlib.Path) -> None:
    _write(f"{base}/out", MARKER, "old")
    with pytest.raises(folder.OutputError, match="is there already"):
        _write(f"{base}/out", MARKER, "new")
    _write(f"{base}/out", MARKER, "new", replace=True)
    assert [name[-4:] for name in _files(tmp_path)] == ["done", "/new"]


def test_what_others_made_is_never_replaced(base: str, tmp_path: pathlib.Path) -> None:
    _write(f"{base}/out", "thesis")
    with pytest.raises(folder.OutputError, match="found no _done in it"):
        _write(f"{base}/out", MARKER, replace=True)
    assert len(_files(tmp_path)) == 1


def test_a_file_is_no_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(folder.OutputError, match="found no _done in it"):
        _write(str(tmp_path / "out"), MARKER, replace=True)


def test_no_globs(tmp_path: pathlib.Path) -> None:
    with pytest.raises(folder.OutputError, match=r"holds \[, which Beam reads as a glob"):
        _write(str(tmp_path / "a[1]"), MARKER)
