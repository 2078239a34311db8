"""recsys doctor: each finding, and that versions are told even where TensorFlow is broken."""

from __future__ import annotations

import importlib.metadata
import json
import pathlib
import sys

import pytest

from pipeline import cli, configuration, doctor


def _installed(packages: dict[str, str]):
    def version(name: str) -> str:
        if name not in packages:
            raise importlib.metadata.PackageNotFoundError(name)
        return packages[name]

    return version


def _python(*lines: str) -> tuple[str, ...]:
    """The command that runs these lines."""
    return (sys.executable, "-c", "\n".join(lines))


@pytest.fixture
def events(tmp_path):
    (tmp_path / "shop.yaml").write_text(
        "name: shop\ndata: {events: {path: e.csv, columns: {u: user_id, i: item_id, t: "
        "timestamp}}}\n"
    )
    return tmp_path


def test_versions_that_fit_are_one_line():
    found = list(
        doctor.versions(
            ["tfx==1.16.0", "numpy<2", "dill"],
            _installed({"tfx": "1.16.0", "numpy": "1.26.4", "dill": "0.4"}),
        )
    )
    assert found == [
        doctor.Finding("ok", "packages", "3 as required, among them tfx 1.16.0, numpy 1.26.4")
    ]


def test_wrong_and_missing_versions():
    found = list(
        doctor.versions(
            ["tfx==1.16.0", "scann==1.3.2", "numpy<2"],
            _installed({"tfx": "1.16.0", "numpy": "2.1.0"}),
        )
    )
    assert found[:2] == [
        doctor.Finding("fail", "packages", "scann==1.3.2 is missing", "run `make setup`"),
        doctor.Finding(
            "fail", "packages", "numpy<2 is needed, 2.1.0 is installed", "run `make setup`"
        ),
    ]


def test_extras_are_not_required():
    assert list(doctor.versions(['pytest; extra == "dev"'], _installed({}))) == []


def test_our_own_requirements_are_read():
    names = [
        requirement.split("=")[0] for requirement in importlib.metadata.requires(doctor.PACKAGE)
    ]
    assert {"tfx", "tensorflow", "scann"} <= set(names)


def test_python():
    assert doctor.python((3, 10), ">=3.10,<3.11").status == "ok"
    wrong = doctor.python((3, 12), ">=3.10,<3.11")
    assert (wrong.status, wrong.detail) == ("fail", f"3.12; {doctor.PACKAGE} needs >=3.10,<3.11")


def test_disk_looks_at_the_nearest_folder_that_exists(tmp_path, monkeypatch):
    asked = []

    def usage(folder):
        asked.append(folder)
        return type("Usage", (), {"free": 1.5e9})

    monkeypatch.setattr(doctor.shutil, "disk_usage", usage)
    found = doctor.disk(tmp_path / "not" / "yet")
    assert asked == [tmp_path]
    assert (found.status, found.detail) == (
        "warn",
        f"1.5 GB free at {tmp_path}; a run needs up to 2 GB",
    )


@pytest.mark.parametrize(("free", "status"), [(3.9e9, "warn"), (4.1e9, "ok")])
def test_memory(monkeypatch, free, status):
    import psutil

    fake = type("Memory", (), {"available": free, "total": 8e9})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: fake)
    assert doctor.memory().status == status


def test_a_missing_data_file(events):
    (found,) = doctor.data_files(str(events / "shop.yaml"), [])
    assert (found.status, found.detail) == ("fail", f"events: {events / 'e.csv'} does not exist")


def test_data_files_that_are_there(events):
    (events / "e.csv").touch()
    (events / "u-1.csv").touch()
    users = f"data.users={{path: '{events}/u-*.csv', columns: {{u: user_id}}}}"
    items = "data.items={path: 'gs://bucket/i.csv', columns: {i: item_id}}"
    found = list(doctor.data_files(str(events / "shop.yaml"), [users, items]))
    assert [f.status for f in found] == ["ok", "ok", "warn"]
    assert "remote" in found[2].detail


def test_a_configuration_that_cannot_be_read_is_a_finding():
    (found,) = doctor.data_files("movielens", [])
    assert found.status == "fail"
    assert "Did you mean 'movielens-100k'?" in found.detail


def test_the_probe_reports_what_it_finds_and_how_it_died():
    ok = doctor.Finding("ok", "TensorFlow", "2.16.2")
    command = _python(
        f"print({json.dumps(ok.__dict__)!r})",
        "print('noise')",
        "raise ImportError('no symbol _ZTI')",
    )
    found = list(doctor.probe(command))
    assert found[0] == ok
    assert (found[1].status, found[1].detail) == (
        "fail",
        "does not work: ImportError: no symbol _ZTI",
    )


def test_a_probe_that_is_killed():
    (found,) = doctor.probe(_python("import os, signal", "os.kill(os.getpid(), signal.SIGKILL)"))
    assert (found.status, found.detail) == ("fail", "does not work: it ended with code -9")


def test_a_probe_that_hangs():
    (found,) = doctor.probe(_python("import time", "time.sleep(60)"), seconds=0.2)
    assert (found.status, found.detail) == ("fail", "did not answer in 0 s")


def test_versions_are_told_where_tensorflow_is_broken(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "PROBE", _python("import no_such_tensorflow"))
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "as required, among them tfx 1.16.0" in out
    assert "does not work: ModuleNotFoundError: No module named 'no_such_tensorflow'" in out
    assert out.endswith("Not ready: see the lines that begin with fail.\n")


def test_this_machine_with_the_real_tensorflow_and_scann(capsys):
    assert doctor.main("movielens-100k", [], pathlib.Path("runs")) == 0
    lines = capsys.readouterr().out.splitlines()
    subjects = {line.split()[1] for line in lines if line.startswith("ok")}
    assert subjects >= {"Python", "packages", "data", "TensorFlow", "Keras", "ScaNN"}
    assert lines[-1] == "This machine is ready."


def test_the_remedy_stands_under_the_finding():
    text = str(doctor.Finding("fail", "disk", "full", "free some"))
    assert text.splitlines() == ["fail  disk          full", "                    -> free some"]


def test_the_probe_is_of_this_python():
    assert doctor.PROBE[0] == sys.executable
    assert (configuration.FOLDER.parent / "doctor_probe.py").is_file()
