"""Where a run keeps what it makes, and how other commands find it."""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
from collections.abc import Iterator

ARTIFACTS = "artifacts"
_OF_GLOBS = "*?[\\"


class RunBusy(RuntimeError):
    """Another process is running this pipeline in the same folder."""


class RunFolder(RuntimeError):
    """The run's folder cannot be made or written."""


class Run:
    """The folder `<root>/<name>` of one configuration.

    Attributes:
      folder: everything of the run is below it.
      metadata: ML Metadata's SQLite file.
      artifacts: the pipeline root, one folder a component.
      serving: pushed models, `serving/<model>/<version>/`, as TensorFlow Serving watches them.
      checkpoints: of unfinished trainings.
      report: the HTML page.
    """

    def __init__(self, root: str | pathlib.Path, name: str) -> None:
        self.folder = pathlib.Path(root).expanduser().resolve() / name
        self.metadata = self.folder / "metadata.sqlite"
        self.artifacts = self.folder / ARTIFACTS
        self.serving = self.folder / "serving"
        self.checkpoints = self.folder / "checkpoints"
        self.report = self.folder / "report.html"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second run of the same folder out until the block ends or the process dies.

        Raises:
          RunBusy: another process holds the folder.
          RunFolder: it cannot be made or written, or not be read by TFX.
        """
        if found := [c for c in _OF_GLOBS if c in str(self.folder)]:
            raise RunFolder(
                f"{self.folder}: the path of a run holds {' '.join(found)}, which TFX and Beam "
                "read as a glob. Choose another folder with --root; data and configuration may "
                "stay where they are."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock_file = (self.folder / ".lock").open("w")
        except OSError as error:
            raise RunFolder(
                f"{self.folder}: cannot be made or written ({error.strerror}). Choose a folder "
                "that can be, with --root."
            ) from None
        with lock_file as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunBusy(
                    f"{self.folder}: another process is running this pipeline. Wait for it to "
                    "end, or choose another --root."
                ) from None
            yield
