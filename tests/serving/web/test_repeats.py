"""What the page shows of items that the user had before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright import sync_api

from tests.serving import conftest as servers
from tests.serving import small_serving
from tests.serving.web import shop

RANKED = ["m5", "m1", "m2", "m3", "m4", "m6", "m7", "m8"]  # after m0


@pytest.fixture(scope="module")
def repeating(
    browser: sync_api.Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[shop.Gateway]:
    """A gateway whose release allows repeats; Bea had m5 seven times, m2 once, and then m0."""
    folder = tmp_path_factory.mktemp("repeats")
    serving = small_serving.write(folder, about=small_serving.REPEATING)
    with (
        servers.serve(serving / "models.config") as models,
        shop.gateway(serving, folder / "gateway", models.grpc_address, models.grpc_address) as made,
    ):
        events = [
            {"user_id": "bea", "item_id": item, "timestamp": shop.MORNING + n * shop.HOUR}
            for n, item in enumerate((*["m5"] * 7, "m2", "m0"))
        ]
        added = httpx.post(f"{made.base}/v1/events", json={"events": events}, trust_env=False)
        added.raise_for_status()
        yield made


@pytest.fixture
def bea(repeating: shop.Gateway, new_page: Callable[..., sync_api.Page]) -> sync_api.Page:
    page = new_page()
    page.goto(f"{repeating.base}/#user=bea")
    shop.expect(page, RANKED)
    return page


def _tags(page: sync_api.Page, which: str) -> dict[str, str]:
    """The badge of each item that has one."""
    return page.eval_on_selector_all(
        f"#{which} .tag",
        "tags => Object.fromEntries(tags.map((tag) => "
        "[tag.closest('[data-item]').dataset.item, tag.textContent]))",
    )


def test_both_lists_say_how_often(bea: sync_api.Page) -> None:
    expected = {"m5": "again, 7 times", "m2": "again, 1 time"}
    assert _tags(bea, "items") == expected and _tags(bea, "recall") == expected
    # the first item is open; the last event with m5 was its seventh, the request is in the ninth
    assert "in the history\t7 times, the last 3 hours earlier" in (
        shop.row(bea, "m5").locator(".details").inner_text().replace("\n", "\t")
    )


def test_they_can_be_left_out_and_the_link_says_so(
    bea: sync_api.Page, new_page: Callable[..., sync_api.Page]
) -> None:
    box = bea.get_by_label("Items of the history may come back")
    assert box.is_checked() and "seen" not in bea.url
    box.uncheck()
    left = ["m1", "m3", "m4", "m6", "m7", "m8", "m9"]
    shop.expect(bea, left)
    assert "seen=0" in bea.url and _tags(bea, "recall") == {}
    other = new_page()
    other.goto(bea.url)
    shop.expect(other, left)
    other.get_by_label("Items of the history may come back").check()
    shop.expect(other, RANKED)
    assert "seen" not in other.url


def test_the_release_says_whether_they_come_back(bea: sync_api.Page, page: sync_api.Page) -> None:
    for shown, said in (
        (bea, "may come back; looked for in the newest 12 events"),
        (page, "left out unless asked for"),
    ):
        shown.get_by_role("button", name="Details").click()
        assert said in shown.locator("#release-details").inner_text()


def test_where_they_do_not_a_request_may_bring_them_back(page: sync_api.Page) -> None:
    assert _tags(page, "items") == {}
    page.get_by_label("Items of the history may come back").check()
    shop.expect(page, shop.IN_THE_MORNING)  # m9 and m0 are beyond recall's eight
    assert "seen=1" in page.url
    page.get_by_role("button", name="Make older: Item 0").click()  # after m9 come m0, m1, ... m7
    shop.expect(page, ["m0", "m1", "m2", "m3", shop.HOSTILE_ID, "m5", "m6", "m7"], "recall")
    assert _tags(page, "recall") == {"m0": "again, 1 time"}
