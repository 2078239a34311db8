"""The clients with the real gateway, the development model server and a real store."""

from __future__ import annotations

import subprocess
import sys
import time

import httpx
import pytest

from modules import release
from serving import client
from serving.client import results
from tests.serving import conftest, small_serving
from tests.serving.client import both

KEY = "a key"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a gateway that is ready, before the small shop's models and an empty store."""
    folder = tmp_path_factory.mktemp("gateway")
    serving = small_serving.write(folder)
    keys = folder / "keys"
    keys.write_text(f"{KEY}\n")
    with conftest.serve(serving / release.POINTER) as models:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "serving.gateway",
                "--releases",
                serving,
                "--models",
                models.grpc_address,
                "--store",
                f"sqlite:///{folder}/history.sqlite",
                "--port",
                "0",
                "--api-keys",
                keys,
                "--timeout",
                "20",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            port = process.stdout.readline().removeprefix("port=").strip()
            _wait_ready(f"http://127.0.0.1:{port}/readyz", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


def _wait_ready(url, process):
    end = time.monotonic() + 60
    with httpx.Client(trust_env=False) as http:
        while not _is_ready(http, url):
            assert time.monotonic() < end and process.poll() is None, (
                "the gateway does not get ready"
            )
            time.sleep(0.05)


def _is_ready(http, url):
    try:
        return http.get(url).status_code == 200
    except httpx.TransportError:  # the port is taken before it listens
        return False


@pytest.fixture
def recommender(kind, address, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    make = both.RECOMMENDERS[kind]
    with both.running(kind, lambda: make(address, api_key=KEY, timeout=30)) as found:
        yield found


def test_a_user_who_does_something_and_gets_recommendations(recommender, kind):
    """After m1 come m2, m3, ...; rank puts m5 first. What was seen or is excluded does not come."""
    user = f"ü/{kind} ?"
    event = client.Event(user, "m1", 100, "e1", {"rating": 4.5, "device": "app"})
    assert recommender.send_event(event) == results.Added(1, 0, 0, ("e1",))
    assert recommender.send_events([event, client.Event(user, "m9", 90)]).duplicates == 1
    assert recommender.put_profile(user, {"age": 30.0, "interests": ["tea"]}).profile["age"] == 30.0
    found = recommender.user(user)
    assert found.profile == {"age": 30.0, "interests": ["tea"]}
    assert [(e.item_id, e.title, e.timestamp) for e in found.events] == [
        ("m1", "Item 1", 100),
        ("m9", "Item 9", 90),
    ]
    assert found.events[0].values == {"rating": 4.5, "device": "app"}
    answer = recommender.recommend(user, k=3, exclude=["m2"], candidates=True)
    assert answer.known_user and answer.degraded == ()
    assert [item.item_id for item in answer.items] == ["m5", "m3", "m4"]
    assert answer.items[0].title == "Item 5" and answer.items[0].recall.rank == 3
    assert list(answer.items[0].rank.probabilities) == [small_serving.OBJECTIVE]
    assert [item.item_id for item in answer.candidates[:3]] == ["m5", "m3", "m4"]
    assert user in recommender.users("ü/")


def test_a_visitor_of_whom_nothing_is_known(recommender):
    answer = recommender.recommend(
        profile={"gender": "F"},
        context={"device": "app"},
        k=2,
        timestamp=7,
        history=[{"item_id": "m3", "timestamp": 5, "rating": 2}],
        filters={"group": "even"},
        exclude_seen=True,
        explain=True,
    )
    assert (answer.known_user, answer.user_id, answer.timestamp) == (False, None, 7)
    assert [item.item_id for item in answer.items] == ["m4", "m6"]


def test_items_and_the_release(recommender):
    assert recommender.item("m3") == results.CatalogueItem(
        "m3", "Item 3", 7, {"price": 3.0, "group": "odd", "tags": ["small"]}
    )
    assert [item.item_id for item in recommender.items("item", limit=2)] == ["m0", "m1"]
    release_served = recommender.release()
    assert (release_served.name, release_served.items, release_served.k) == ("small-shop", 10, 8)
    assert release_served.columns["user"]["gender"]["choices"] == ["F", "M"]


@pytest.mark.parametrize(
    ("ask", "field", "text"),
    [
        ({"k": 0}, "k", "found 0"),
        ({"filtres": {}}, "filtres", "filters"),
        ({"profile": {"agee": 3}}, "profile.agee", "age"),
    ],
)
def test_what_the_gateway_refuses(recommender, ask, field, text):
    with pytest.raises(client.InvalidRequest, match=text) as failure:
        recommender.recommend("u", **ask)
    assert failure.value.field == field and failure.value.request_id


@pytest.mark.parametrize(
    ("method", "name"), [("user", "nobody"), ("user", ".."), ("item", "m99"), ("item", "a/b")]
)
def test_nobody_and_nothing(recommender, method, name):
    with pytest.raises(client.NotFound, match=name):
        getattr(recommender, method)(name)


def test_without_a_key(kind, address, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        both.running(kind, lambda: both.RECOMMENDERS[kind](address)) as recommender,
        pytest.raises(client.Unauthenticated, match="X-API-Key"),
    ):
        recommender.recommend("u")


def test_nobody_listens(kind, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        both.running(kind, lambda: both.RECOMMENDERS[kind]("http://127.0.0.1:1")) as recommender,
        pytest.raises(client.Unreachable, match=r"http://127\.0\.0\.1:1: "),
    ):
        recommender.recommend("u")


def test_the_example_of_the_package(address, monkeypatch, capsys):
    """The lines that its documentation shows, with this gateway's address and key."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    lines = client.__doc__.splitlines()
    start = next(
        n for n, line in enumerate(lines) if line.startswith("    with client.Recommender")
    )
    code = "\n".join(line[4:] for line in lines[start : start + 3])
    code = code.replace('"http://127.0.0.1:8080"', f"{address!r}, api_key={KEY!r}, timeout=30")
    exec(code, {"client": client})  # the documentation's own lines
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 5 and shown[0].startswith("Item 5 ")
