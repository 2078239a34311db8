"""What ends is started again, but not for ever, and its log is kept."""

from __future__ import annotations

import pathlib
import sys
import time

from pipeline import supervise


def _ended(server: supervise.Supervised, seconds: float = 20) -> str:
    """What `check` says when it gives the process up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            server.check()
        except supervise.Ended as error:
            return str(error)
        time.sleep(0.01)
    raise AssertionError(f"it is not given up after {seconds} s")


def test_what_cannot_start_is_reported_with_its_last_words(tmp_path: pathlib.Path):
    command = [sys.executable, "-c", "import sys; sys.exit('the disk is on fire')"]
    with supervise.Supervised("gateway", command, tmp_path / "logs") as server:
        said = _ended(server)
    log = tmp_path / "logs" / "gateway.log"
    assert said == f"the gateway stopped with code 1.\n  the disk is on fire\nIts log: {log}"


def test_what_ends_again_and_again_is_given_up(tmp_path: pathlib.Path, capfd, monkeypatch):
    monkeypatch.setattr(supervise, "_FIRST_PAUSE", 0.01)
    command = [sys.executable, "-c", "print('once more')"]
    with supervise.Supervised("gateway", command, tmp_path) as server:
        server.settled()
        said = _ended(server)
    assert said.startswith("the gateway stopped 5 times within 60 s, the last time with code 0.")
    assert (tmp_path / "gateway.log").read_text() == "once more\n" * 5
    told = [line.partition(" s.")[0] for line in capfd.readouterr().out.splitlines()]
    assert told == [
        f"the gateway stopped with code 0; it starts again in {pause}"
        for pause in (0.01, 0.02, 0.04, 0.08)
    ]


def test_a_log_is_rotated(tmp_path: pathlib.Path, monkeypatch):
    monkeypatch.setattr(supervise, "_LOG_BYTES", 1000)
    command = [sys.executable, "-c", "for n in range(1000): print('line', n)"]
    with supervise.Supervised("gateway", command, tmp_path) as server:
        _ended(server)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["gateway.log", "gateway.log.1", "gateway.log.2", "gateway.log.3"]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    assert (tmp_path / "gateway.log").read_text().endswith("line 999\n")
