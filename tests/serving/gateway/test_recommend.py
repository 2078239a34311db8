"""What is recommended, when all parts answer.

After item i, recall's list is i+1 (score 0), i+2 (-1), ..., eight items; rank adds 100 to m5.
"""

from __future__ import annotations

import pytest

from modules import release
from tests.serving.gateway import conftest

TIME, new_user, ids = conftest.TIME, conftest.new_user, conftest.ids
AFTER_M3 = ["m5", "m4", "m6", "m7", "m8", "m9", "m0", "m1"]
M3 = [{"item_id": "m3", "timestamp": TIME - 5}]


def test_a_stored_user_gets_recalls_items_in_the_order_of_rank(gateway, serving):
    user = new_user()
    gateway.add(user, "m3")
    answer = gateway.recommend(user_id=user, k=2)
    assert answer["items"] == [
        {
            "item_id": "m5",
            "title": "Item 5",
            "source": "recall",
            "score": 99.0,
            "times_before": 0,
            "last_before": None,
            "recall": {"rank": 2, "score": -1.0},
            "rank": {
                "rank": 1,
                "score": 99.0,
                "probability": 1.0,
                "probabilities": {"liked": 0.75},
            },
        },
        {
            "item_id": "m4",
            "title": "Item 4",
            "source": "recall",
            "score": 0.0,
            "times_before": 0,
            "last_before": None,
            "recall": {"rank": 1, "score": 0.0},
            "rank": {
                "rank": 2,
                "score": 0.0,
                "probability": pytest.approx(0, abs=1e-6),
                "probabilities": {"liked": 0.75},
            },
        },
    ]
    assert [answer["release"]] == release.ids(serving)
    assert answer["known_user"] is True and answer["user_id"] == user
    assert answer["timestamp"] == TIME and answer["missing_inputs"] == 0
    assert answer["degraded"] == [] and answer["notes"] == [] and "candidates" not in answer
    assert set(answer["timings_ms"]) == {"queue", "store", "recall", "rank", "total"}
    assert answer["timings_ms"]["total"] >= answer["timings_ms"]["recall"] > 0


def test_an_event_changes_the_next_recommendation(gateway):
    user = new_user()
    gateway.add(user, "m3")
    assert ids(gateway.recommend(user_id=user, k=8)) == AFTER_M3
    gateway.add(user, "m6", timestamp=TIME + 1)
    assert ids(gateway.recommend(user_id=user, k=8)) == [
        "m5",
        "m7",
        "m8",
        "m9",
        "m0",
        "m1",
        "m2",
        "m4",
    ]
    gateway.add(user, "m0", timestamp=TIME - 100)  # came late, but is not the last one
    assert ids(gateway.recommend(user_id=user, k=8)) == ["m5", "m7", "m8", "m9", "m1", "m2", "m4"]


@pytest.mark.parametrize(
    "ask", [{}, {"user_id": "nobody"}, {"history": []}, {"profile": {"age": 20}}]
)
def test_without_a_history_the_models_answer_for_an_empty_one(gateway, ask):
    answer = gateway.recommend(k=8, **ask)
    # Recall's scores of m6, m8, m3, ... are 9, 8, 7, ... for an empty history; m5's are 5 and 105.
    assert ids(answer) == ["m5", "m6", "m8", "m3", "m1", "m0", "m4", "m2"]
    assert answer["known_user"] is False and answer["user_id"] == ask.get("user_id")
    assert answer["degraded"] == []


def test_a_history_of_the_request_replaces_the_stores(gateway):
    user = new_user()
    gateway.add(user, "m7")
    answer = gateway.recommend(
        user_id=user,
        history=M3,
        profile={"gender": "F", "interests": ["tea"]},
        context={"device": "app"},
        k=8,
    )
    assert ids(answer) == AFTER_M3 and answer["known_user"] is True


def test_a_history_may_come_in_any_order(gateway):
    events = [*M3, {"item_id": "m8", "timestamp": TIME - 7, "rating": 4, "device": "app"}]
    assert ids(gateway.recommend(history=events, k=7)) == ["m5", "m4", "m6", "m7", "m9", "m0", "m1"]


def test_excluded_items_never_come_back(gateway):
    answer = gateway.recommend(history=M3, exclude=["m5", "m6", "unknown"], k=8)
    assert ids(answer) == ["m4", "m7", "m8", "m9", "m0", "m1", "m2"]
    assert answer["notes"] == [
        "only 7 of the 10 items are left",
        "ids of `exclude` that are not in the catalogue: 1 ('unknown')",
    ]


def test_more_exclusions_than_the_model_takes(gateway):
    many = [f"unknown-{n}" for n in range(100)]
    assert ids(gateway.recommend(history=M3, exclude=["m5", *many], k=8)) == [*AFTER_M3[1:], "m2"]


def test_seen_items_come_back_if_they_may(gateway):
    past = [{"item_id": "m5", "timestamp": TIME - 9}, *M3]
    assert "m5" not in ids(gateway.recommend(history=past, k=8))
    answer = gateway.recommend(history=past, exclude_seen=False, k=8)
    assert ids(answer) == AFTER_M3
    assert (answer["items"][0]["times_before"], answer["items"][0]["last_before"]) == (1, TIME - 9)
    assert ids(gateway.recommend(history=past, exclude_seen=True, k=8)) == ids(
        gateway.recommend(history=past, k=8)
    )


@pytest.mark.parametrize(
    ("filters", "expected", "filled"),
    [
        ({"group": "even"}, ["m4", "m6", "m8", "m0"], ["m2"]),
        ({"group": ["even", "odd"]}, ["m5", "m4", "m6", "m7", "m8"], []),
        ({"price": {"min": 4, "max": 6}}, ["m5", "m4", "m6"], []),
        ({"price": {"max": 2}}, ["m0", "m1"], ["m2"]),
        ({"price": [9, 4]}, ["m4", "m9"], []),
        ({"price": 7}, ["m7"], []),
        ({"tags": "small"}, ["m4", "m0", "m1"], ["m2"]),
        ({"tags": ["large", "small"], "group": "odd"}, ["m1"], []),
        ({"group": "none"}, [], []),
    ],
)
def test_filters(gateway, filters, expected, filled):
    answer = gateway.recommend(history=M3, filters=filters, k=5)
    assert ids(answer) == expected + filled
    assert [item["source"] for item in answer["items"]] == ["recall"] * len(expected) + (
        ["popularity"] * len(filled)
    )
    for item in answer["items"][len(expected) :]:
        assert item == {
            "item_id": "m2",
            "title": "Item 2",
            "source": "popularity",
            "score": 8.0,
            "times_before": 0,
            "last_before": None,
            "recall": None,
            "rank": None,
        }
    said = f"{len(expected)} of recall's 8 items are left; popular ones fill the list up"
    assert (said in answer["notes"]) == bool(filled)


def test_explanations_are_what_each_group_adds(gateway):
    answer = gateway.recommend(history=M3, explain=True, k=3)
    assert [item["effects"] for item in answer["items"]] == [
        {"item": 100.0, "recall_score": -1.0},
        {"item": 0.0, "recall_score": 0.0},
        {"item": 0.0, "recall_score": -2.0},
    ]
    assert answer["timings_ms"]["explain"] > 0


def test_candidates_are_recalls_whole_list(gateway):
    answer = gateway.recommend(
        history=M3, candidates=True, explain=True, filters={"group": "even"}, k=1
    )
    assert ids(answer) == ["m4"] and ids(answer, "candidates") == AFTER_M3
    assert [item["recall"]["rank"] for item in answer["candidates"]] == [2, 1, 3, 4, 5, 6, 7, 8]
    assert [item["rank"]["rank"] for item in answer["candidates"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all("effects" not in item for item in answer["candidates"])


def test_a_request_long_after_the_last_event_is_told_of_timestamp(gateway):
    answer = gateway.recommend(history=M3, timestamp=TIME + 400 * 86_400)
    assert answer["notes"][-1].startswith("the last event lies 400 days before the request")


def test_a_request_is_of_now_by_default(gateway):
    response = gateway.http.post("/v1/recommend", json={})
    assert response.json()["timestamp"] >= TIME
    assert len(response.json()["items"]) == 8
