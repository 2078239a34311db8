"""One line per component on the terminal, everything else in a log file.

TFX says through the log when a component starts, ends or is taken from the cache; this handler
turns these records into lines for a person and keeps the flood out of sight.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import pathlib
import sys
import time
import warnings
from collections.abc import Iterator
from typing import TextIO

from absl import logging as absl_logging

_STARTS = "Component %s is running."
_ENDS = "Component %s is finished."
_CACHED = "A cached execution %d is used."


class ComponentProgress(logging.Handler):
    """Prints `[3/10] Transform ... 21.4 s` as TFX's records pass by.

    Attributes:
      total: how many components there are.
      running: id of the component that runs now, or that failed; None before the first and after
          the last.
    """

    def __init__(self, total: int = 0, stream: TextIO | None = None) -> None:
        super().__init__(level=logging.INFO)
        self.running: str | None = None
        self._stream = stream or sys.stdout
        self.total = total
        self._place = 0
        self._cached = False
        self._started = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        if record.msg == _STARTS and arguments:
            self._place += 1
            self.running, self._cached, self._started = str(arguments[0]), False, time.monotonic()
            self._say(f"[{self._place}/{self.total}] {self.running}")
        elif record.msg == _CACHED:
            self._cached = True
        elif record.msg == _ENDS and arguments:
            seconds = f"{time.monotonic() - self._started:.1f} s"
            self._say(f"        {'unchanged, reused' if self._cached else seconds}")
            self.running = None

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


@contextlib.contextmanager
def logs_to_file(
    folder: pathlib.Path, progress: ComponentProgress, verbose: bool
) -> Iterator[pathlib.Path]:
    """Sends all log records and Python warnings to a new file in `folder` while the block runs.

    Args:
      folder: made if absent; the file is named after the time.
      progress: told of every record.
      verbose: also shows the records on standard error.

    Yields:
      The log file's path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"run-{datetime.datetime.now().astimezone():%Y%m%d-%H%M%S}.log"
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s %(filename)s:%(lineno)d %(message)s")
    )
    handlers = [file, progress] + (before or [logging.StreamHandler()] if verbose else [])
    _detach_absl()
    root.handlers = handlers
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            yield path
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = before, level
        absl_logging.set_verbosity(absl_logging.WARNING)
        file.close()


def _detach_absl() -> None:
    """Lets absl's records rise to the root logger rather than be printed by absl's own handler."""
    logger = absl_logging.get_absl_logger()
    logger.propagate = True
    absl_logging.set_verbosity(absl_logging.INFO)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logging.getLogger().handlers = [
        h for h in logging.getLogger().handlers if h is not absl_logging.get_absl_handler()
    ]
    for name in ("tensorflow", "apache_beam"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
