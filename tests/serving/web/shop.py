"""What the page is tried with: the real gateway before small models (see `small_serving`), and Ada.

Ada has seen m9, then m0, on a Monday morning long ago. So recall says m1, m2, ... m8, and rank puts
m5 first in the morning, m8 in the afternoon. Titles and an id are hostile.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator, Sequence

import httpx
from playwright import sync_api

from tests.serving import small_serving

HOUR = 3600
MINUS = "\N{MINUS SIGN}"
MORNING = 1_704_099_600  # 2024-01-01, a Monday, 09:00 UTC
HOSTILE_ID = '<b id="bold">4</b>/?#&%😀'
HOSTILE_USER = "<i>eve</i>#?😀"
TITLES = {
    6: '<img src="/x" onerror="window.hacked = 1"><script>window.hacked = 1</script>',
    7: "\u202e\u05e9\u05dc\u05d5\u05dd\u202c \u0633\u0644\u0627\u0645",
    8: "🍵 tea, 'single' and \"double\" $(quotes)",
}
RECALLED = ["m1", "m2", "m3", HOSTILE_ID, "m5", "m6", "m7", "m8"]  # after m0
IN_THE_MORNING = ["m5", "m1", "m2", "m3", HOSTILE_ID, "m6", "m7", "m8"]
IN_THE_AFTERNOON = ["m8", "m1", "m2", "m3", HOSTILE_ID, "m5", "m6", "m7"]


def write(folder: pathlib.Path) -> pathlib.Path:
    """Makes `folder`/serving; returns it."""
    items = [small_serving.item(number) for number in range(len(small_serving.ITEMS))]
    for number, title in TITLES.items():
        items[number] = dataclasses.replace(items[number], title=title)
    items[4] = dataclasses.replace(items[4], item_id=HOSTILE_ID, title="")
    return small_serving.write(folder, items=tuple(items), afternoon={"m8": small_serving.BONUS})


@dataclasses.dataclass(frozen=True)
class Gateway:
    """One that runs; `key` is what it wants to be shown."""

    base: str
    process: subprocess.Popen[str]
    key: str = ""

    def add_ada(self, user: str) -> str:
        """Stores Ada's profile and events for a user; returns the link to the page."""
        events = [
            {"user_id": user, "item_id": item, "timestamp": MORNING + n * HOUR, "rating": 4}
            for n, item in enumerate(("m9", "m0"))
        ]
        path = f"/v1/users/{urllib.parse.quote(user, safe='')}"
        with httpx.Client(
            base_url=self.base, headers={"x-api-key": self.key}, trust_env=False
        ) as http:
            assert http.post("/v1/events", json={"events": events}).json()["accepted"] == len(
                events
            )
            http.put(path, json={"profile": {"age": 36, "gender": "F"}}).raise_for_status()
        return f"{self.base}/#{urllib.parse.urlencode({'user': user})}"


@contextlib.contextmanager
def gateway(
    serving: pathlib.Path, folder: pathlib.Path, recall: str, rank: str, key: str = ""
) -> Iterator[Gateway]:
    """Runs a gateway while the block runs, with files in `folder`; it wants the key, if any."""
    folder.mkdir()
    (folder / "keys").write_text(key)
    command = [
        sys.executable,
        "-m",
        "serving.gateway",
        "--releases",
        str(serving),
        "--models",
        recall,
        "--rank-models",
        rank,
        "--store",
        f"sqlite:///{folder / 'history.sqlite'}",
        "--port",
        "0",
        "--timeout",
        "10",
        *(["--api-keys", str(folder / "keys")] if key else []),
    ]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("port="), (folder / "log").read_text()
            base = f"http://127.0.0.1:{int(said.removeprefix('port='))}"
            _wait_ready(base)
            yield Gateway(base, process, key)
        finally:
            process.terminate()
            process.wait(30)


def _wait_ready(base: str) -> None:
    end = time.monotonic() + 30
    with httpx.Client(trust_env=False) as http:
        while True:
            try:
                details = http.get(f"{base}/readyz").json()
            except httpx.TransportError:
                details = {"ready": False, "store": "the gateway does not answer"}
            if details["ready"] and details["store"] == "ok":
                return
            assert time.monotonic() < end, details
            time.sleep(0.05)


def settle(page: sync_api.Page) -> None:
    """Waits until the list is there and no request is under way."""
    page.wait_for_selector('#items[aria-busy="false"] li')


def ids(page: sync_api.Page, which: str = "items") -> list[str]:
    """Of the list: `items`, `recall` or `history`."""
    return page.eval_on_selector_all(
        f"#{which} [data-item]", "rows => rows.map((row) => row.dataset.item)"
    )


def expect(page: sync_api.Page, expected: Sequence[str], which: str = "items") -> None:
    """Waits until the list has these items in this order, and no request is under way."""
    try:
        page.wait_for_function(
            """([which, expected]) => {
              const rows = [...document.querySelectorAll(`#${which} [data-item]`)];
              return !document.querySelector('[aria-busy="true"]')
                && JSON.stringify(rows.map((row) => row.dataset.item)) === expected;
            }""",
            arg=[which, json.dumps(expected, ensure_ascii=False, separators=(",", ":"))],
        )
    except sync_api.TimeoutError:
        assert ids(page, which) == expected


def row(page: sync_api.Page, item: str, which: str = "items") -> sync_api.Locator:
    """An item's row."""
    return page.locator(f"#{which} [data-item={json.dumps(item, ensure_ascii=False)}]")
