"""A process that does not outlive the one that started it, not even one that `kill -9` ended.

The command runs behind this file, `python -m pipeline.child_process PARENT COMMAND ...`, which asks
Linux for SIGTERM at the parent's death and becomes the command: what is asked for stays across
exec. It does so itself, as Python code between the parent's fork and exec (preexec_fn) can lock up
where the parent has threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@contextlib.contextmanager
def running(
    command: Sequence[str],
    output: IO[bytes] | None,
    stop_seconds: float,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command while the block runs, then ends it by SIGTERM.

    The thread that enters counts as the parent, so it has to be one that lives on.

    Args:
      command: what to run.
      output: takes its stdout and stderr; None for this process's own.
      stop_seconds: it may take to end; then it is killed.
      environment: variables that it gets beside those of this process.
    """
    # Not in our process group: Ctrl-C reaches this process alone, which stops the others in order.
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(os.getpid()), *command],
        stdout=output,
        stderr=output,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _main(parent: str, *command: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() == int(parent):  # else it died before it was asked for
        os.execvp(command[0], command)


if __name__ == "__main__":
    _main(*sys.argv[1:])
