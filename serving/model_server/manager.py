"""Which versions are loaded, served and unloaded.

A version is loaded beside the one it replaces and replays its warm-up records before it is
AVAILABLE. Only then, and when no request uses it any more, is the old one unloaded. A version that
cannot be loaded shows its error in the status and leaves the old one in service; it is tried again
when its files change.

Where TensorFlow Serving would fail requests for a moment, this does not: a label moves to its new
version only when that is AVAILABLE in all models that have the label (recall and rank change
together), and a replaced version can still be asked for by its number for `linger` seconds after
that.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import logging
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator

from tensorflow_serving.apis import get_model_status_pb2, model_pb2
from tensorflow_serving.config import logging_config_pb2, model_server_config_pb2

from serving.model_server import configs, errors, lookup, metrics, servable, warmup
from serving.model_server import version as versions

# Models are loaded at once, recall and rank of a release, while none of them is served; later one
# after the other and with a lower priority, as requests go on.
_LOADERS = 2
_NICENESS = 10
_log = logging.getLogger(__name__)


class Manager:
    """Serves the models of a configuration.

    Its methods may be called from any thread.
    """

    def __init__(
        self,
        config_file: pathlib.Path,
        measured: metrics.Metrics,
        *,
        linger: float = 2.0,
        load: Callable[[pathlib.Path], servable.Servable] = servable.Servable,
    ) -> None:
        """`linger`: seconds a replaced version stays available; `load`: loads a SavedModel."""
        self._load_model = load
        self._file, self._metrics, self._linger = config_file, measured, linger
        self._changed = threading.Condition()
        self._text: str | None = None
        self._config = model_server_config_pb2.ModelServerConfig()
        self._models: dict[str, dict[int, versions.Version]] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._loaders = concurrent.futures.ThreadPoolExecutor(_LOADERS, "load")
        self._replacing = threading.Lock()
        self._closed = threading.Event()

    def read_config(self) -> None:
        """Takes over models.config if it has changed.

        Raises:
          ServingError: it cannot be read or used; what was in force stays.
        """
        try:
            text = self._file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise errors.ServingError(errors.Code.NOT_FOUND, f"{self._file}: {error}") from None
        if text == self._text:
            return
        self._text = text
        try:
            config = configs.parse(text)
        except errors.ServingError as error:
            raise errors.invalid(f"{self._file}: {error.text}") from None
        with self._changed:
            self._config = config
        _log.info("%s: models %s", self._file, [m.name for m in config.model_config_list.config])

    def poll(self) -> None:
        """Checks the configuration and the folders once; starts what must be loaded or unloaded."""
        with self._changed:
            if self._closed.is_set():
                return
            named = {model.name: model for model in self._config.model_config_list.config}
            for name, model in named.items():
                self._want(name, model)
            for name in self._models:
                if name not in named:
                    self._unwant(name, set())
            self._labels = lookup.move(self._labels, named.values(), self._models)
            for name in list(self._models):
                self._unload_superseded(name, removed=name not in named)
            self._changed.notify_all()

    def run(self, seconds: float) -> None:
        """Polls every so many seconds until `close`."""
        while not self._closed.wait(seconds):
            try:
                self.read_config()
            except errors.ServingError as error:
                _log.error("the configuration in force stays: %s", error)
            self.poll()

    def reload(
        self, config: model_server_config_pb2.ModelServerConfig, timeout: float | None
    ) -> None:
        """Replaces the configuration and waits until its versions are loaded.

        Raises:
          ServingError: it cannot be used, or a version or label of it does not become available.
        """
        configs.check(config)
        with self._changed:
            self._config = config
        self.poll()
        if not self.wait_settled(timeout):
            raise errors.ServingError(
                errors.Code.DEADLINE_EXCEEDED, "Versions are still being loaded"
            )
        self.poll()
        with self._changed:
            lookup.check_reloaded(config, self._models)

    def wait_settled(self, timeout: float | None) -> bool:
        """Waits until every wanted version has loaded or failed; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: all(
                    version.settled
                    for known in self._models.values()
                    for version in known.values()
                    if version.wanted
                ),
                timeout,
            )

    def knows(self, name: str) -> bool:
        """Whether a model of that name is or was configured."""
        with self._changed:
            return name in self._models

    def logging_config(self, name: str) -> logging_config_pb2.LoggingConfig:
        """What models.config says of logging a model's requests; empty where it says nothing."""
        with self._changed:
            return next(
                (
                    model.logging_config
                    for model in self._config.model_config_list.config
                    if model.name == name
                ),
                logging_config_pb2.LoggingConfig(),
            )

    def ready(self) -> bool:
        """Whether every model of the configuration has an available version."""
        with self._changed:
            return all(
                any(
                    v.state == versions.AVAILABLE for v in self._models.get(model.name, {}).values()
                )
                for model in self._config.model_config_list.config
            )

    @contextlib.contextmanager
    def lease(self, spec: model_pb2.ModelSpec) -> Iterator[tuple[servable.Servable, int]]:
        """The model that a request asks for, and its version; it is not unloaded meanwhile.

        Raises:
          ServingError: NOT_FOUND, there is no such model or version.
        """
        with self._changed:
            found = lookup.find(spec, self._models, self._labels)
            found.in_flight += 1
        try:
            assert found.model is not None
            yield found.model, found.number
        finally:
            with self._changed:
                found.in_flight -= 1
                self._changed.notify_all()

    def statuses(self, spec: model_pb2.ModelSpec) -> list[get_model_status_pb2.ModelVersionStatus]:
        """Of the known versions of a model, newest first, or of the one that is asked for."""
        with self._changed:
            return lookup.statuses(spec, self._models, self._labels)

    def close(self) -> None:
        """Stops polling and frees the models that no request uses."""
        self._closed.set()
        self._loaders.shutdown(wait=True, cancel_futures=True)
        with self._changed:
            for known in self._models.values():
                for version in known.values():
                    if version.model is not None and not version.in_flight:
                        version.model.close()
                        version.model, version.state = None, versions.END

    def _want(self, name: str, model: configs.ModelConfig) -> None:
        base = configs.folder(model, self._file)
        wanted = set(configs.wanted(model, base))
        known = self._models.setdefault(name, {})
        if not wanted:  # nothing there (yet, or any more): what is served stays
            return
        for number in wanted:
            folder = configs.version_folder(base, number)
            version = known.get(number)
            if version is None or version.may_be_loaded_again():
                version = known[number] = versions.Version(number, folder)
                self._loaders.submit(self._load, name, version)
            version.wanted, version.superseded = True, None
        self._unwant(name, wanted)

    def _unwant(self, name: str, wanted: set[int]) -> None:
        for number, version in self._models[name].items():
            version.wanted = number in wanted

    def _load(self, name: str, version: versions.Version) -> None:
        """In a thread of its own."""
        if not self._serves():
            self._load_now(name, version)
            return
        with self._replacing, _at_low_priority():
            self._load_now(name, version)

    def _serves(self) -> bool:
        """Whether any model has a version that answers."""
        with self._changed:
            known = (version for model in self._models.values() for version in model.values())
            return any(version.state == versions.AVAILABLE for version in known)

    def _load_now(self, name: str, version: versions.Version) -> None:
        with self._changed:
            version.state = versions.LOADING
        started, records, model, error = time.monotonic(), 0, None, None
        version.files = configs.fingerprint(version.folder)
        try:
            if not version.folder.is_dir():
                raise errors.ServingError(
                    errors.Code.NOT_FOUND,
                    f"Version {version.number} of servable {name}, which was "
                    f"requested to be served, was not found in the file system: {version.folder}",
                )
            model = self._load_model(version.folder)
            records = warmup.replay(model, version.folder)
        except Exception as failure:  # noqa: BLE001 - told below; it must not end the thread
            error = errors.of(failure)
        if error is not None and model is not None:
            model.close()
        self._metrics.loaded(str(version.folder), error, time.monotonic() - started)
        with self._changed:
            version.error, version.model = error, model if error is None else None
            version.state = versions.AVAILABLE if error is None else versions.END
            self._changed.notify_all()
        if error is None:
            _log.info(
                "%s version %d is available (%.1f s, %d warm-up records)",
                name,
                version.number,
                time.monotonic() - started,
                records,
            )
        else:
            _log.error("%s version %d could not be loaded: %s", name, version.number, error)
        self.poll()

    def _unload_superseded(self, name: str, *, removed: bool) -> None:
        known = self._models[name]
        replaced = any(v.wanted and v.state == versions.AVAILABLE for v in known.values()) and all(
            v.settled for v in known.values() if v.wanted
        )
        if not (replaced or removed):
            return
        now = time.monotonic()
        in_use = self._labels.get(name, {}).values()
        for number, version in list(known.items()):
            if (
                version.wanted
                or number in in_use
                or version.state in (versions.LOADING, versions.UNLOADING)
            ):
                continue
            version.superseded = version.superseded or now
            if version.state == versions.AVAILABLE and (
                removed or now - version.superseded >= self._linger
            ):
                version.state = versions.UNLOADING
                threading.Thread(target=self._unload, args=(name, version), daemon=True).start()
            elif version.state == versions.END and removed:
                del known[number]

    def _unload(self, name: str, version: versions.Version) -> None:
        """In a thread of its own: waits for the requests that use the model."""
        with self._changed:
            self._changed.wait_for(lambda: version.in_flight == 0)
            model, version.model, version.state = version.model, None, versions.END
        if model is not None:
            model.close()
            del model
            _give_memory_back()
        _log.info("%s version %d is unloaded", name, version.number)
        self.poll()  # it may be wanted again by now


@contextlib.contextmanager
def _at_low_priority() -> Iterator[None]:
    """Of this thread alone, on Linux; without the right to take it back, it stays so."""
    thread = threading.get_native_id()
    before = os.getpriority(os.PRIO_PROCESS, thread)
    try:
        os.setpriority(os.PRIO_PROCESS, thread, before + _NICENESS)
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, thread, before)


def _give_memory_back() -> None:
    """To the system: glibc keeps what is freed in the arenas of the threads that loaded a model."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc alone has it
        trim(0)
