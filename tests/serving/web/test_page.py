"""What a person does on the page, and what it shows then."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import httpx
import pytest
from playwright import sync_api

from tests.serving.web import conftest, shop


def test_shows_both_lists_and_what_moved(page: sync_api.Page) -> None:
    shop.expect(page, shop.IN_THE_MORNING)
    shop.expect(page, shop.RECALLED, "recall")
    first = shop.row(page, "m5")
    assert "5 → 1" in first.inner_text()
    assert "▲\u20094" in first.inner_text() and "up 4" in first.locator(".move").text_content()
    recalled = shop.row(page, "m1", "recall").inner_text()
    assert "→ 2" in recalled and "▼\u20091" in recalled
    shop.expect(page, ["m0", "m9"], "history")
    assert page.get_by_label("age", exact=True).input_value() == "36"
    assert page.get_by_label("gender", exact=True).input_value() == "F"


def test_explains_the_first_item_and_others_when_asked(page: sync_api.Page) -> None:
    shop.expect(page, shop.IN_THE_MORNING)
    # m5 is the fifth of recall's circle, score -4, and has the bonus 100.
    effects = shop.row(page, "m5").locator(".effects tr").all_inner_texts()
    assert [text.split() for text in effects] == [
        ["item", "+100.000"],
        ["recall", "score", f"{shop.MINUS}4.000"],
    ]
    bars = shop.row(page, "m5").locator(".bar")
    wide, narrow = (bars.nth(n).bounding_box()["width"] for n in (0, 1))
    assert wide == pytest.approx(25 * narrow, rel=0.1)
    assert shop.row(page, "m2").locator(".effects").count() == 0
    shop.row(page, "m2").get_by_role("button", expanded=False).click()
    assert f"{shop.MINUS}1.000" in shop.row(page, "m2").locator(".effects").inner_text()
    assert "liked 75 %" in " ".join(shop.row(page, "m2").inner_text().split())


def test_the_time_of_day_changes_the_list(page: sync_api.Page) -> None:
    # an hour after the last event
    assert page.locator("#exact").input_value() == "2024-01-01T11:00"
    page.locator("#time-of-day").fill("900")
    shop.expect(page, shop.IN_THE_AFTERNOON)
    assert page.locator("#exact").input_value() == "2024-01-01T15:00"
    assert page.locator("#changes").inner_text() == (
        "Against the list before: 0 new, 4 at another place, 4 items unmoved."
    )
    page.get_by_role("button", name="Sunday").click()
    assert page.locator("#exact").input_value() == "2024-01-07T15:00"
    page.get_by_role("button", name="Auto", exact=True).click()
    shop.expect(page, shop.IN_THE_MORNING)


def test_denied_items_leave_the_list_until_allowed_again(page: sync_api.Page) -> None:
    shop.row(page, "m1").get_by_role("button", name="Deny").click()
    shop.expect(page, [item for item in shop.IN_THE_MORNING if item != "m1"])
    assert "m1" not in shop.ids(page, "recall")
    page.get_by_role("button", name="Allow again: Item 1").click()
    shop.expect(page, shop.IN_THE_MORNING)


def test_without_the_last_event_the_list_is_another(page: sync_api.Page) -> None:
    page.get_by_role("button", name="Remove from the history: Item 0").click()
    # After m9 come m0 ... m7.
    shop.expect(page, ["m5", "m0", "m1", "m2", "m3", shop.HOSTILE_ID, "m6", "m7"])
    page.get_by_role("button", name="Back to the stored history").click()
    shop.expect(page, shop.IN_THE_MORNING)


def test_events_change_places(page: sync_api.Page) -> None:
    page.get_by_role("button", name="Make older: Item 0").click()
    shop.expect(page, ["m9", "m0"], "history")
    # After m9 comes m0, which has been seen; m1 is the second on the circle then, with a score of
    # -1.
    shop.row(page, "m1", "recall").get_by_text(f"{shop.MINUS}1.000").wait_for()
    sent = json.loads(_curl_body(page))
    assert [(past["item_id"], past["timestamp"]) for past in sent["history"]] == [
        ("m0", shop.MORNING),
        ("m9", shop.MORNING + shop.HOUR),
    ]


def test_an_item_joins_the_history_by_its_title(page: sync_api.Page) -> None:
    page.get_by_role("combobox", name="Add an item to the history").fill("item 3")
    page.get_by_role("option", name="Item 3").click()
    shop.expect(page, ["m3", "m0", "m9"], "history")
    # After m3 come m4 ... m8, then m1 and m2: m9, m0 and m3 have been seen.
    shop.expect(page, [shop.HOSTILE_ID, "m5", "m6", "m7", "m8", "m1", "m2"], "recall")


def test_an_event_is_sent_to_the_store(
    page: sync_api.Page, gateway: shop.Gateway, ada: str
) -> None:
    shop.row(page, "m5").get_by_role("button", name="Send this as an event").click()
    shop.expect(page, ["m5", "m0", "m9"], "history")
    shop.expect(page, ["m6", "m7", "m8", "m1", "m2", "m3", shop.HOSTILE_ID], "recall")
    stored = httpx.get(f"{gateway.base}/v1/users/{ada}", trust_env=False).json()["events"]
    assert [(e["item_id"], e["timestamp"]) for e in stored[:2]] == [
        ("m5", shop.MORNING + 2 * shop.HOUR),
        ("m0", shop.MORNING + shop.HOUR),
    ]


def test_filters_profile_and_context_are_sent(page: sync_api.Page) -> None:
    page.get_by_label("price, from").fill("5")
    # m9, which is the only other one with such a price, has been seen.
    shop.expect(page, ["m5", "m6", "m7", "m8"])
    page.get_by_label("group", exact=True).fill("even")
    page.keyboard.press("Enter")
    shop.expect(page, ["m6", "m8"])
    page.get_by_label("gender", exact=True).select_option("M")
    page.get_by_label("device", exact=True).select_option("app")
    page.wait_for_function("location.hash.includes('app')")
    sent = json.loads(_curl_body(page))
    assert (sent["filters"], sent["profile"], sent["context"]) == (
        {"price": {"min": 5}, "group": ["even"]},
        {"gender": "M"},
        {"device": "app"},
    )


def test_a_link_brings_everything_back(
    page: sync_api.Page, new_page: Callable[..., sync_api.Page]
) -> None:
    page.locator("#time-of-day").fill("900")
    page.get_by_role("button", name="Remove from the history: Item 0").click()
    shop.row(page, "m1").get_by_role("button", name="Deny").click()
    page.get_by_label("price, to").fill("8")
    page.get_by_label("Length").fill("4")
    expected = ["m8", "m0", "m2", "m3"]  # after m9 come m0, m2, m3, ... m8
    shop.expect(page, expected)
    other = new_page()
    other.goto(page.url)
    shop.expect(other, expected)
    assert other.locator("#time-of-day").input_value() == "900"
    assert other.get_by_label("price, to").input_value() == "8"
    assert other.get_by_role("button", name="Allow again: Item 1").is_visible()


def test_the_curl_command_gives_the_list_of_the_page(page: sync_api.Page) -> None:
    page.locator("#time-of-day").fill("900")
    shop.row(page, "m3").get_by_role("button", name="Deny").click()
    expected = [item for item in shop.IN_THE_AFTERNOON if item != "m3"]
    shop.expect(page, expected)
    answer = subprocess.run(
        ["sh", "-c", f"{_curl(page)} --noproxy '*' -s"], capture_output=True, check=True
    )
    assert [item["item_id"] for item in json.loads(answer.stdout)["items"]] == expected


def test_latency_release_and_metrics_are_shown(page: sync_api.Page) -> None:
    stages = page.locator("#timings li").all_inner_texts()
    assert [stage.split()[0] for stage in stages] == [
        "queue",
        "store",
        "recall",
        "rank",
        "explain",
        "other",
        "total",
        "in",
    ]
    assert all(re.search(r"\d ms$", stage) for stage in stages)
    # Of small_release.facts: 0.1 for recall on valid, 0.1 more on test, 0.2 more with two stages.
    assert "test NDCG@10 0.4000 ± 0.0100" in page.locator("#release").inner_text()
    page.get_by_role("button", name="Details").click()
    assert page.locator(".metrics tbody").inner_text().split("\t") == [
        "NDCG@10",
        "0.1000 ± 0.0100",
        "0.3000 ± 0.0100",
        "0.2000 ± 0.0100",
        "0.4000 ± 0.0100",
    ]
    assert "AVAILABLE" in page.locator("#release-details").inner_text()


def test_anonymous_and_unknown_users(page: sync_api.Page) -> None:
    page.get_by_role("button", name="Anonymous").click()
    page.get_by_text("Nobody known").wait_for()
    shop.settle(page)
    assert shop.ids(page)[0] in ("m5", "m8") and shop.ids(page, "history") == []
    assert shop.row(page, "m5").get_by_role("button", name="Send this as an event").is_disabled()


def test_an_unknown_user_may_be_typed(page: sync_api.Page, watch: conftest.Watch) -> None:
    watch.allowed = ("404",)  # as the browser notes it
    page.get_by_role("combobox", name="User").fill("nobody")
    page.keyboard.press("Enter")
    page.get_by_text("The store does not know").wait_for()
    shop.settle(page)
    assert len(shop.ids(page)) == 8


def _curl(page: sync_api.Page) -> str:
    """What "Copy as curl" gives, here where the clipboard is out of reach."""
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }"
    )
    page.get_by_role("button", name="Copy as curl").click()
    command = page.locator("#shown-text").input_value()
    page.get_by_role("button", name="Close").click()
    return command


def _curl_body(page: sync_api.Page) -> str:
    return (
        _curl(page).partition(" -d ")[2].removeprefix("'").removesuffix("'").replace("'\\''", "'")
    )
