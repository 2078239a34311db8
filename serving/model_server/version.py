"""One version of a model, and what becomes of it: START, LOADING, AVAILABLE, UNLOADING, END."""

from __future__ import annotations

import dataclasses
import pathlib

from tensorflow_serving.apis import get_model_status_pb2

from serving.model_server import configs, errors, servable

State = get_model_status_pb2.ModelVersionStatus.State
START, LOADING = State.Value("START"), State.Value("LOADING")
AVAILABLE, UNLOADING, END = State.Value("AVAILABLE"), State.Value("UNLOADING"), State.Value("END")


@dataclasses.dataclass
class Version:
    """Guarded by the manager's lock.

    Attributes:
      number: which version.
      folder: of its SavedModel.
      state: one of the above.
      error: why it could not be loaded.
      model: while it is AVAILABLE or UNLOADING.
      in_flight: requests that use the model.
      wanted: whether the configuration asks for it.
      superseded: time.monotonic when it was first seen that it may go.
      files: fingerprint of the files that failed to load.
    """

    number: int
    folder: pathlib.Path
    state: int = START
    error: errors.ServingError | None = None
    model: servable.Servable | None = None
    in_flight: int = 0
    wanted: bool = True
    superseded: float | None = None
    files: tuple[tuple[str, int, int], ...] = ()

    @property
    def settled(self) -> bool:
        """Whether loading has ended, well or not."""
        return self.state == AVAILABLE or (self.state == END and self.error is not None)

    def may_be_loaded_again(self) -> bool:
        """Whether it was unloaded, or failed and its files are others since."""
        return self.state == END and (
            self.error is None or configs.fingerprint(self.folder) != self.files
        )

    def status(self) -> get_model_status_pb2.ModelVersionStatus:
        """As GetModelStatus tells it."""
        found = get_model_status_pb2.ModelVersionStatus(version=self.number, state=self.state)
        if self.error is not None:
            found.status.error_code = errors.number(self.error.code)
            found.status.error_message = self.error.text
        else:
            found.status.SetInParent()
        return found
