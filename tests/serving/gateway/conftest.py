"""The gateway for the small serving folder: the development model server, a real SQLite store."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import pathlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio.from_thread
import httpx
import pytest

from serving import embedded
from serving.gateway import api, remote_models, settings, state
from serving.gateway import models as models_lib
from serving.history import store
from tests.serving import conftest, small_serving

TIME = 1_700_000_000
_NUMBERS = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Http:
    """Waits for the answers of a client that runs in the event loop of another thread."""

    portal: anyio.from_thread.BlockingPortal
    client: httpx.AsyncClient

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.portal.call(functools.partial(self.client.request, method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


@dataclasses.dataclass(frozen=True)
class Gateway:
    """A gateway that runs, and a client of it.

    Attributes:
      running: its parts.
      http: asks it.
    """

    running: state.Gateway
    http: Http

    def recommend(self, **ask: Any) -> dict[str, Any]:
        """The answer to a request at TIME, unless it says otherwise."""
        response = self.http.post("/v1/recommend", json={"timestamp": TIME, **ask})
        assert response.status_code == 200, response.text
        return response.json()

    def add(self, user_id: str, item_id: str, **event: Any) -> dict[str, Any]:
        """Adds an event that happened at TIME."""
        response = self.http.post(
            "/v1/events", json={"user_id": user_id, "item_id": item_id, "timestamp": TIME, **event}
        )
        assert response.status_code == 200, response.text
        return response.json()

    def refusal(
        self, ask: Any, path: str = "/v1/recommend", method: str = "POST"
    ) -> tuple[str | None, str]:
        """(field, message) of the 400 that a request gets."""
        return problem(self.http.request(method, path, json=ask), 400, "invalid_argument")


def problem(response: Any, status: int, code: str) -> tuple[str | None, str]:
    """(field, message) of a failure, whose form is checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"error", "request_id"} and set(answer["error"]) == {
        "code",
        "message",
        "field",
    }
    assert answer["request_id"] == response.headers["x-request-id"]
    assert answer["error"]["code"] == code
    return answer["error"]["field"], answer["error"]["message"]


def ids(answer: dict[str, Any], kind: str = "items") -> list[str]:
    """Of the items of an answer, in their order."""
    return [item["item_id"] for item in answer[kind]]


def new_user() -> str:
    """An id that no test has used."""
    return f"user-{next(_NUMBERS)}"


def closed_port() -> str:
    """An address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextlib.contextmanager
def running(given: settings.Settings, history: store.Store | None = None) -> Iterator[Gateway]:
    """Runs a gateway while the block runs; without `history`, from when its store is open on."""
    kept = small_serving.ABOUT.history_events
    engine = embedded.Engine(given) if given.embedded else None
    made = state.Gateway(given, history or store.connect(given.store, kept), engine)
    transport = httpx.ASGITransport(api.create(made), raise_app_exceptions=False)
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(made.running()),
        portal.wrap_async_context_manager(
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        ) as client,
    ):
        http = Http(portal, client)
        while history is None and not _is_up(http.get("/readyz").json(), engine):
            time.sleep(0.01)
        yield Gateway(made, http)


def _is_up(ready: dict[str, Any], engine: embedded.Engine | None) -> bool:
    """Whether the store is open, and what loads of an engine's models is loaded."""
    known = [states for states in ready["models"].values() if isinstance(states, dict)]
    loaded = known and all({*states.values()} <= {"AVAILABLE", "END"} for states in known)
    return ready["store"] == "ok" and (engine is None or bool(loaded))


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A serving folder with one release; tests must not change it."""
    return small_serving.write(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def models(serving: pathlib.Path) -> Iterator[str]:
    """The gRPC address of a server of its models."""
    with conftest.serve(serving / "models.config") as client:
        yield client.grpc_address


REMOTE, EMBEDDED = "remote", "embedded"  # where models run


@pytest.fixture(scope="session")
def remote_settings(
    serving: pathlib.Path, models: str, tmp_path_factory: pytest.TempPathFactory
) -> settings.Settings:
    """For gateways that ask a model server; each test that runs one takes another store."""
    file = tmp_path_factory.mktemp("history") / "history.sqlite"
    return settings.Settings(
        serving, recall=models, rank=models, store=f"sqlite:///{file}", seconds=30, poll_seconds=0.1
    )


@pytest.fixture(scope="session", params=[REMOTE, EMBEDDED])
def shared_settings(
    request: pytest.FixtureRequest, remote_settings: settings.Settings
) -> settings.Settings:
    """For gateways with models that answer, in another process and in their own."""
    embedded = settings.Embedded() if request.param == EMBEDDED else None
    return dataclasses.replace(remote_settings, embedded=embedded)


Predict = Callable[..., Awaitable[models_lib.Answer]]


def change_predict(monkeypatch: pytest.MonkeyPatch, changed: Callable[[Predict], Predict]) -> None:
    """Replaces how models are asked, wherever they run; `changed` gets what asks them."""
    for kind in (remote_models.RemoteModel, embedded.EmbeddedModel):
        monkeypatch.setattr(kind, "predict", changed(kind.predict))


@pytest.fixture
def given(shared_settings: settings.Settings, tmp_path: pathlib.Path) -> settings.Settings:
    """Settings with a store of the test's own."""
    return dataclasses.replace(shared_settings, store=f"sqlite:///{tmp_path / 'history.sqlite'}")


@pytest.fixture
def remote(remote_settings: settings.Settings, tmp_path: pathlib.Path) -> settings.Settings:
    """As `given`, of models in another process alone."""
    return dataclasses.replace(remote_settings, store=f"sqlite:///{tmp_path / 'history.sqlite'}")


@pytest.fixture(scope="session")
def gateway(shared_settings: settings.Settings) -> Iterator[Gateway]:
    """One gateway for all tests that only add users of their own."""
    with running(shared_settings) as found:
        yield found
