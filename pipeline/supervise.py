"""Processes that are kept running: started again when they end, their output in rotated logs."""

from __future__ import annotations

import collections
import contextlib
import io
import logging
import logging.handlers
import os
import pathlib
import shlex
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

from typing_extensions import Self

from pipeline import child_process

_STOP_SECONDS = 40.0  # for requests under way; the servers themselves give them 30
_LOG_BYTES, _LOG_FILES = 32 << 20, 3
_MOST_STARTS, _WINDOW_SECONDS = 5, 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0  # seconds before a start, doubled each time


class Ended(RuntimeError):
    """A process ended by itself and is not started again; the message has its last words."""


class Supervised:
    """A process that runs while the `with` block runs.

    What ends before `settled` is not started again: it cannot run. What ends later is, after a
    pause that grows, up to five times a minute.

    Attributes:
      name: for people.
      log: where its output goes; None: to the terminal.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        logs: pathlib.Path | None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
          name: for people.
          command: what to run.
          logs: folder of its log; None: its output goes to the terminal.
          environment: variables that it gets beside those of this process.
        """
        self.name, self.log = name, logs and logs / f"{name.replace(' ', '-')}.log"
        self._command, self._environment = command, environment
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._settled = False
        self._ends: collections.deque[float] = collections.deque(maxlen=_MOST_STARTS)
        self._start_at = 0.0

    def __enter__(self) -> Self:
        if self.log is None:
            print(shlex.join(self._command), flush=True)
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settled(self) -> None:
        """From now on, it is started again when it ends."""
        self._settled = True

    def check(self) -> None:
        """Starts it again if it has ended, once the time has come.

        Raises:
          Ended: it is not started again.
        """
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._start()
            return
        code = self._process.poll()
        if code is None:
            return
        self._stack.close()  # its log is whole then
        self._process = None
        how = f"signal {-code}" if code < 0 else f"code {code}"
        now = time.monotonic()
        self._ends.append(now)
        often = len(self._ends) == _MOST_STARTS and now - self._ends[0] < _WINDOW_SECONDS
        if often or not self._settled:
            times = f" {_MOST_STARTS} times within {_WINDOW_SECONDS:g} s, the last time" * often
            raise Ended(f"the {self.name} stopped{times} with {how}.{self._last_words()}")
        recent = sum(now - end < _WINDOW_SECONDS for end in self._ends)
        pause = min(_FIRST_PAUSE * 2 ** (recent - 1), _LONGEST_PAUSE)
        self._start_at = now + pause
        print(
            f"the {self.name} stopped with {how}; it starts again in {pause:g} s."
            + (f" Its log: {self.log}" if self.log else ""),
            flush=True,
        )

    def _start(self) -> None:
        output = None if self.log is None else self._stack.enter_context(_Log(self.log)).pipe
        running = child_process.running(self._command, output, _STOP_SECONDS, self._environment)
        self._process = self._stack.enter_context(running)

    def _last_words(self) -> str:
        if self.log is None:
            return ""
        lines = self.log.read_text(errors="replace").splitlines()
        return "".join(f"\n  {line}" for line in lines[-5:]) + f"\nIts log: {self.log}"


class _Log:
    """A log file that only its owner can read, filled through a pipe.

    Attributes:
      pipe: what is written to it gets into the file.
    """

    pipe: IO[bytes]

    def __init__(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _PrivateFile(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES)

    def __enter__(self) -> Self:
        reading, writing = os.pipe()
        self.pipe = os.fdopen(writing, "wb", buffering=0)
        self._thread = threading.Thread(target=self._copy, args=(reading,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pipe.close()
        self._thread.join(timeout=5.0)  # a process of the process may hold the pipe
        self._file.close()

    def _copy(self, reading: int) -> None:
        with open(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                self._file.emit(logging.makeLogRecord({"msg": line.rstrip("\n")}))


class _PrivateFile(logging.handlers.RotatingFileHandler):
    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return io.TextIOWrapper(os.fdopen(descriptor, "wb"), encoding="utf-8")
