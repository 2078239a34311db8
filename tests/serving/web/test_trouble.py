"""What the page shows when something is wrong, and while an answer is awaited."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import pytest
from playwright import sync_api

from tests.serving import conftest as servers
from tests.serving.web import conftest, shop

KEY = "open-sesame"
Guarded = tuple[shop.Gateway, Callable[[], None]]


@pytest.fixture
def guarded(serving: pathlib.Path, tmp_path: pathlib.Path, models: str) -> Iterator[Guarded]:
    """A gateway that wants a key, and what stops its rank model, which has a server of its own."""
    with contextlib.ExitStack() as stack:
        rank = stack.enter_context(servers.serve(serving / "models.config"))
        with shop.gateway(serving, tmp_path / "gateway", models, rank.grpc_address, KEY) as running:
            yield running, stack.close


def test_key_then_rank_down_then_all_down(
    guarded: Guarded, new_page: Callable[..., sync_api.Page], watch: conftest.Watch
) -> None:
    watch.allowed = ("401", "ERR_CONNECTION_REFUSED")
    running, stop_rank = guarded
    page = new_page()
    page.goto(running.add_ada("ada"))
    notice = page.get_by_role("alert")
    page.get_by_text("This server needs an API key.").wait_for()
    page.get_by_label("API key").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("The server does not know this API key.").wait_for()
    page.get_by_label("API key").fill(KEY)
    page.keyboard.press("Enter")
    shop.expect(page, shop.IN_THE_MORNING)
    assert KEY not in page.url and notice.count() == 0

    stop_rank()
    page.get_by_role("button", name="Ask again").click()
    page.get_by_text("Degraded: rank cannot be reached; recall's order is shown.").wait_for()
    shop.expect(page, shop.RECALLED)
    assert "No explanation" in shop.row(page, "m5").inner_text()
    assert "Degraded: rank" in page.locator("#live").text_content()

    running.process.terminate()
    running.process.wait(30)
    page.get_by_role("button", name="Ask again").click()
    notice.get_by_text("The server does not answer").wait_for()
    assert notice.get_by_role("button", name="Try again").is_visible()
    assert shop.ids(page) == shop.RECALLED  # what was there stays


def test_the_api_s_errors_are_shown_in_place(
    page: sync_api.Page, gateway: shop.Gateway, ada: str, watch: conftest.Watch
) -> None:
    watch.allowed = ("400",)
    page.goto(f'{gateway.base}/#user={ada}&filters={{"colour":"red"}}')
    alert = page.get_by_role("alert")
    alert.get_by_text("Error 400: invalid_argument.").wait_for()
    assert "filters.colour: no column of items is called so" in alert.inner_text()
    with page.expect_response("**/v1/recommend") as answered:
        alert.get_by_role("button", name="Try again").click()
    alert.get_by_text(f"request {answered.value.headers['x-request-id']}").wait_for()
    page.go_back()
    shop.expect(page, shop.IN_THE_MORNING)
    assert alert.count() == 0


def test_dims_the_list_while_another_is_awaited_of_which_the_newest_counts(
    page: sync_api.Page,
) -> None:
    held: list[sync_api.Route] = []
    page.route("**/v1/recommend", lambda route: route.continue_() if held else held.append(route))
    page.locator("#time-of-day").fill("900")
    items = page.locator("#items")
    assert items.get_attribute("aria-busy") == "true" and shop.ids(page) == shop.IN_THE_MORNING
    page.wait_for_timeout(400)  # the pause before it asks, and the transition
    assert float(items.evaluate("node => getComputedStyle(node).opacity")) <= 0.5
    assert len(held) == 1
    shop.row(page, "m1").get_by_role("button", name="Deny").click()
    expected = [item for item in shop.IN_THE_AFTERNOON if item != "m1"]
    shop.expect(page, expected)
    with contextlib.suppress(sync_api.Error):  # where the browser has given it up
        held[0].continue_()
    page.wait_for_timeout(300)  # for what must not happen
    assert shop.ids(page) == expected


def test_many_changes_ask_once(page: sync_api.Page, watch: conftest.Watch) -> None:
    before = sum(url.endswith("/v1/recommend") for url in watch.urls)
    page.evaluate("""() => {
      const slider = document.getElementById('time-of-day');
      for (slider.value = 0; slider.value < 900; slider.stepUp()) {
        slider.dispatchEvent(new Event('input'));
      }
      slider.dispatchEvent(new Event('input'));
    }""")
    shop.expect(page, shop.IN_THE_AFTERNOON)
    assert sum(url.endswith("/v1/recommend") for url in watch.urls) == before + 1
