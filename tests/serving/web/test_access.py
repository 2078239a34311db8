"""Keyboard, small screens, contrast, hostile texts, and what a browser is told to forbid."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright import sync_api

from tests.serving.web import shop

_TOO_WIDE = """() => [...document.querySelectorAll('body *')]
  .filter((node) => !node.closest('.wide, .skip') && node.getBoundingClientRect().right > 360.5)
  .map((node) => node.outerHTML.slice(0, 80))"""
# Texts whose contrast is below 4.5 to 1, as WCAG 2.2 counts it (1.4.3, AA).
_CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [.2126, .7152, .0722][n], 0);
  const ground = (node) => {
    const color = rgba(getComputedStyle(node).backgroundColor);
    return color[3] === 255 ? color : ground(node.parentElement);
  };
  const found = {};
  for (const node of document.querySelectorAll('body *')) {
    const owns = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    const isSeen = node.checkVisibility() && !node.closest('.hidden-text, .skip, dialog, script');
    if (!owns || !isSeen || node.disabled) continue;
    const colors = [rgba(getComputedStyle(node).color), ground(node)];
    const pair = colors.map(luminance).sort((a, b) => b - a);
    const ratio = (pair[0] + .05) / (pair[1] + .05);
    if (ratio < 4.5) found[`${node.tagName}.${node.className}`] = ratio;
  }
  return found;
}"""


def test_by_keyboard_alone(page: sync_api.Page, gateway: shop.Gateway) -> None:
    for number in range(3):
        gateway.add_ada(f"grace-{number}")
    user = page.get_by_role("combobox", name="User")
    page.keyboard.press("/")
    assert user.evaluate("node => node === document.activeElement")
    page.keyboard.type("grace")
    page.locator("[role=option]").nth(2).wait_for()
    assert user.get_attribute("aria-expanded") == "true"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    active = page.locator(f"#{user.get_attribute('aria-activedescendant')}")
    assert active.inner_text() == "grace-1" and active.get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_function("location.hash === '#user=grace-0'")
    shop.expect(page, shop.IN_THE_MORNING)
    assert user.get_attribute("aria-expanded") == "false"
    page.keyboard.press("ArrowDown")
    page.locator("[role=option]").first.wait_for()
    page.keyboard.press("Escape")
    assert page.locator("[role=option]:visible").count() == 0


def test_the_focus_stays_where_it_was(page: sync_api.Page) -> None:
    focused = "() => document.activeElement.dataset.key"
    page.reload()
    shop.settle(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the skip link
    assert page.evaluate("document.activeElement.id") == "answer"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "item:m5"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")  # closes the explanation
    assert (page.evaluate(focused), shop.row(page, "m5").locator(".effects").count()) == (
        "item:m5",
        0,
    )
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # denies m5; the next one takes its place
    shop.expect(page, [item for item in shop.IN_THE_MORNING if item != "m5"])
    assert page.evaluate(focused) == "deny:m1"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_have_no_horizontal_scroll_and_all_text_has_contrast(
    scheme: str, new_page: Callable[..., sync_api.Page], gateway: shop.Gateway, ada: str
) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.goto(f"{gateway.base}/#user={ada}&deny=%5B%22m1%22%5D")
    shop.settle(page)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.get_by_role("button", name="Details").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate(_TOO_WIDE) == []
    assert page.evaluate(_CONTRAST) == {}
    columns = [page.locator(f"#{name}").bounding_box()["x"] for name in ("user", "items", "recall")]
    assert max(columns) - min(columns) < 30  # one below the other


def test_nothing_moves_for_those_who_ask_for_it(
    new_page: Callable[..., sync_api.Page], gateway: shop.Gateway, ada: str
) -> None:
    page = new_page(reduced_motion="reduce")
    page.goto(f"{gateway.base}/#user={ada}")
    shop.settle(page)
    assert (
        page.locator("#retry").evaluate("node => getComputedStyle(node).transitionDuration") == "0s"
    )


def test_hostile_texts_are_texts(
    new_page: Callable[..., sync_api.Page], gateway: shop.Gateway
) -> None:
    page = new_page()
    page.goto(gateway.add_ada(shop.HOSTILE_USER))
    shop.expect(page, shop.IN_THE_MORNING)
    for number, title in shop.TITLES.items():
        for which in ("items", "recall"):
            shown = shop.row(page, f"m{number}", which).locator(".title")
            assert (shown.text_content(), shown.evaluate("node => node.tagName")) == (title, "BDI")
    assert shop.row(page, shop.HOSTILE_ID).locator(".title").text_content() == shop.HOSTILE_ID
    assert page.get_by_role("combobox", name="User").input_value() == shop.HOSTILE_USER
    shop.row(page, shop.HOSTILE_ID).get_by_role("button", name="Deny").click()
    shop.row(page, "m6").get_by_role("button", name="Deny").click()
    shop.expect(page, ["m5", "m1", "m2", "m3", "m7", "m8"])
    page.reload()
    page.get_by_role("button", name=f"Allow again: {shop.TITLES[6]}").wait_for()
    assert (
        page.evaluate("document.querySelectorAll('main img, main script, #bold, main i').length")
        == 0
    )
    assert page.evaluate("window.hacked") is None


def test_the_page_may_run_nothing_but_its_own_files(gateway: shop.Gateway) -> None:
    for path in ("/", "/web/main.js", "/web/base.css"):
        answer = httpx.get(gateway.base + path, trust_env=False)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy and "script-src 'self'" in policy
    page = httpx.get(gateway.base, trust_env=False).text
    assert (
        "style=" not in page and "onclick" not in page and "//" not in page.replace("<!doctype", "")
    )
