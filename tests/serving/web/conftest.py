"""One Chromium and one gateway for all tests of the page."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright import sync_api

from tests.serving import conftest as servers
from tests.serving.web import shop

CHROMIUM = pathlib.Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    if not CHROMIUM.exists():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"{CHROMIUM} is missing; install Debian's package chromium")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def serving(browser: sync_api.Browser, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A serving folder; not made where there is no browser."""
    return shop.write(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def models(serving: pathlib.Path) -> Iterator[str]:
    """The gRPC address of both models."""
    with servers.serve(serving / "models.config") as client:
        yield client.grpc_address


@pytest.fixture(scope="module")
def gateway(serving: pathlib.Path, models: str) -> Iterator[shop.Gateway]:
    with shop.gateway(serving, serving.parent / "gateway", models, models) as running:
        yield running


@pytest.fixture
def ada(gateway: shop.Gateway) -> str:
    """An id of a user who is like Ada; each test has its own."""
    user = f"ada-{uuid.uuid4().hex[:8]}"
    gateway.add_ada(user)
    return user


@dataclasses.dataclass
class Watch:
    """What pages complained of and asked for; `allowed`: parts of complaints a test expects."""

    complaints: list[str] = dataclasses.field(default_factory=list)
    urls: list[str] = dataclasses.field(default_factory=list)
    allowed: tuple[str, ...] = ()

    def follow(self, page: sync_api.Page) -> None:
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )

    def unexpected(self) -> list[str]:
        return [said for said in self.complaints if not any(part in said for part in self.allowed)]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def new_page(browser: sync_api.Browser, watch: Watch) -> Iterator[Callable[..., sync_api.Page]]:
    """Makes pages; in the end none has complained, or has asked anything of another host."""
    contexts = []

    def make(**options: Any) -> sync_api.Page:
        contexts.append(
            browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        )
        contexts[-1].set_default_timeout(10_000)
        made = contexts[-1].new_page()
        watch.follow(made)
        return made

    yield make
    for context in contexts:
        context.close()
    assert watch.unexpected() == []
    assert [url for url in watch.urls if not url.startswith("http://127.0.0.1:")] == []


@pytest.fixture
def page(new_page: Callable[..., sync_api.Page], gateway: shop.Gateway, ada: str) -> sync_api.Page:
    """Shows what is recommended to Ada."""
    opened = new_page()
    opened.goto(f"{gateway.base}/#user={ada}")
    shop.settle(opened)
    return opened
