"""`recsys package`: the wheel that workers install, and all that it needs, as locked."""

from __future__ import annotations

import hashlib
import pathlib
import shutil
import zipfile

import pytest

from pipeline import cli, doctor, package


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("dist")
    assert cli.main(["package", "--output", str(made / "new")]) == 0
    return made / "new"


def _digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_there_is_a_wheel_and_its_requirements(folder: pathlib.Path) -> None:
    wheel, requirements = sorted(folder.iterdir(), key=lambda path: path.suffix, reverse=True)
    assert wheel.name == "tfx_two_stage_recommender-0.1.0-py3-none-any.whl"
    assert requirements.name == "requirements.txt"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "modules/preprocessing.py",
        "pipeline/components/example_gen.py",
        "pipeline/configs/movielens-100k.yaml",
        "serving/gateway/api.py",
        "schema/movielens-100k/schema.pbtxt",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]


def test_the_requirements_are_locked_and_without_tools(folder: pathlib.Path) -> None:
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert lines[0].startswith("# what tfx_two_stage_recommender")
    pins = set(lines[1:])
    assert {"tfx==1.16.0", "apache-beam==2.74.0", "tensorflow==2.16.2"} <= pins
    # of an extra that setup.py asks for, and of what is needed only indirectly
    assert {line.partition("==")[0] for line in pins} >= {"google-cloud-storage", "pyfarmhash"}
    assert pins < set((package.ROOT / "requirements.lock").read_text().splitlines())
    names = {line.partition("==")[0] for line in pins}
    assert not names & {"pytest", "ruff", "mypy", "mkdocs", "playwright", doctor.PACKAGE}


def test_the_same_sources_give_the_same_wheel(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (wheel,) = folder.glob("*.whl")
    (tmp_path / wheel.name).write_text("an older one")
    assert _digest(package.build(tmp_path)) == _digest(wheel)
    assert [path.name for path in tmp_path.iterdir()] == [wheel.name]


def test_the_checkout_stays_as_it_is(tmp_path: pathlib.Path) -> None:
    before = {path.name for path in package.ROOT.iterdir()}
    package.build(tmp_path)
    assert {path.name for path in package.ROOT.iterdir()} == before


def test_only_a_checkout_is_packaged(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(package, "ROOT", tmp_path)
    assert cli.main(["package", "--output", str(tmp_path / "dist")]) == 1
    assert capsys.readouterr().err == (
        f"recsys: {tmp_path}: no setup.py is there, and the wheel is built from a checkout of the "
        "project. Run it there.\n"
    )
    assert not (tmp_path / "dist").exists()


def test_what_is_not_locked_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = (package.ROOT / "requirements.lock").read_text()
    (tmp_path / "requirements.lock").write_text(lock.replace("apache-beam==", "apache-bean=="))
    monkeypatch.setattr(package, "ROOT", tmp_path)
    with pytest.raises(package.NotPackaged, match="apache-beam are not locked; run `make lock`"):
        package.locked()


def test_a_build_that_fails_says_why(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "dist"
    source.mkdir()
    target.mkdir()
    shutil.copy(package.ROOT / "pyproject.toml", source)
    (source / "setup.py").write_text("raise SystemExit('no disk')")
    monkeypatch.setattr(package, "ROOT", source)
    with pytest.raises(package.NotPackaged, match=r"^the wheel could not be built: no disk$"):
        package.build(target)
    assert list(target.iterdir()) == []
