"""What becomes of targets: found, missed, added with their own scores, seen before, or unknown."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.runners.portability import fn_api_runner

from modules import config, features, repeats, requests
from modules.ranking import candidates
from tests import examples, fake_recall

ITEMS = ["a", "b", "c", "d", "e"]
K = 3
# By last item; whatever comes last, e is best and a is worst.
SCORES = (
    np.tile(np.array([1, 2, 3, 4, 5], np.float32), [6, 1])
    + 10 * np.arange(6, dtype=np.float32)[:, None]
)
OWN = (
    features.CANDIDATE_ITEM_ID,
    features.RECALL_SCORE,
    features.TARGET_PLACE,
    features.POSITIVE_ADDED,
    features.TARGET_SOURCE,
    features.PART,
)
# (past events, target): recall answers the 3 best of what is not past.
REQUESTS = {
    "found": (["c", "e"], "b"),  # of d, b, a: second
    "missed": (["b"], "a"),  # e, d, c are better
    "seen": (["d", "a"], "d"),
    "unknown": (["a"], "x"),
    "short": (["a", "b", "c", "d"], "e"),  # only e is left
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("recall") / "model"
    return fake_recall.save(folder, examples.data(), ITEMS, SCORES, k=K)


# (past events, targets)
BASKETS = {
    "all found": (["c", "e"], ["b", "a"]),  # of d, b, a
    "one unknown": (["d", "e"], ["x", "c"]),
    "mixed": (["b"], ["a", "e", "b", "c"]),  # e, d, c are found; b was seen
}


def row(user: str, past: list[str], targets: list[str], **others: Any) -> bytes:
    """A request for `targets`, whose first stands last in the window."""
    return examples.serialize(
        examples.sequence(
            [*past, targets[0]],
            list(range(len(past) + 1)),
            user_id=user,
            seen_item_id=past,
            target_item_id=targets,
            **others,
        )
    )


def find(
    model: str,
    *,
    add_missed: bool,
    k: int = K,
    rows: Sequence[bytes] | None = None,
    data: config.Data | None = None,
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """The examples by user, and the counters; of REQUESTS, where no rows are given."""
    if rows is None:
        rows = [row(user, past, [target]) for user, (past, target) in REQUESTS.items()]
    transform = candidates.FindCandidates(
        data or examples.data(), 5, candidates.Recall(model, part=7, k=k), add_missed=add_missed
    )
    pipeline = beam.Pipeline(runner=fn_api_runner.FnApiRunner())
    _ = pipeline | beam.Create(rows) | transform | beam.Map(_collect)
    _FOUND.clear()
    result = pipeline.run()
    parsed = [requests.read_raw_example(serialized) for serialized in _FOUND]
    counters = {c.key.metric.name: c.committed for c in result.metrics().query()["counters"]}
    return {example["user_id"][0].decode(): example for example in parsed}, counters


_FOUND: list[bytes] = []  # what the pipeline, which runs in this process, has made


def _collect(serialized: bytes) -> None:
    _FOUND.append(serialized)


@pytest.fixture(scope="module")
def learning(model: str) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    return find(model, add_missed=True)


@pytest.fixture(scope="module")
def judging(model: str) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    return find(model, add_missed=False)


def own(example: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(example[name] for name in OWN[:-2])


def test_lists_are_recall_s_without_what_was_seen(judging) -> None:
    """The last event of "found" is e, item 4, so 40 is added to each score."""
    found, _ = judging
    assert own(found["found"]) == ([b"d", b"b", b"a"], [44.0, 42.0, 41.0], [1], [0])
    assert own(found["missed"]) == ([b"e", b"d", b"c"], [15.0, 14.0, 13.0], [-1], [0])
    assert own(found["seen"]) == ([b"e", b"c", b"b"], [5.0, 3.0, 2.0], [-1], [0])
    assert own(found["unknown"]) == ([b"e", b"d", b"c"], [5.0, 4.0, 3.0], [-1], [0])
    assert own(found["short"]) == ([b"e"], [35.0], [0], [0])
    assert found["found"][features.TARGET_SOURCE] == [0]
    assert found["missed"][features.TARGET_SOURCE] == [-1]
    assert all(example[features.PART] == [7] for example in found.values())


def test_only_a_target_that_recall_missed_is_added_with_its_own_score(judging, learning) -> None:
    assert own(learning[0]["missed"]) == (
        [b"e", b"d", b"c", b"a"],
        [15.0, 14.0, 13.0, 11.0],
        [3],
        [1],
    )
    for user in set(REQUESTS) - {"missed"}:
        assert own(learning[0][user]) == own(judging[0][user])


def test_the_raw_example_stays_as_it_was(learning) -> None:
    for user, (past, target) in REQUESTS.items():
        before = requests.read_raw_example(row(user, past, [target]))
        assert {n: v for n, v in learning[0][user].items() if n not in OWN} == before


def test_each_fate_is_counted(judging, learning) -> None:
    fates = {
        "requests": 5,
        "targets_found": 2,
        "targets_seen": 1,
        "targets_not_in_the_catalogue": 1,
    }
    assert judging[1] == {**fates, "targets_missed": 1}
    assert learning[1] == {**fates, "targets_added": 1}


def test_a_model_of_another_k_is_refused(model: str) -> None:
    with pytest.raises(
        ValueError, match=r"gives at least index\.k \(4\) candidates, found 3 in .*Run the Indexer"
    ):
        find(model, add_missed=False, k=4)


def test_each_target_of_a_basket_has_its_place(model: str) -> None:
    """The scores of "mixed", after b, are those of "missed"; of the others, 40 and more."""
    rows = [row(user, *asked) for user, asked in BASKETS.items()]
    judged, counted = find(model, add_missed=False, rows=rows)
    assert own(judged["all found"]) == ([b"d", b"b", b"a"], [44.0, 42.0, 41.0], [1, 2], [0, 0])
    assert own(judged["one unknown"]) == ([b"c", b"b", b"a"], [43.0, 42.0, 41.0], [-1, 0], [0, 0])
    listed = ([b"e", b"d", b"c"], [15.0, 14.0, 13.0])
    assert own(judged["mixed"]) == (*listed, [-1, 0, -1, 2], [0, 0, 0, 0])
    assert counted == {
        "requests": 3,
        "targets_found": 5,
        "targets_missed": 1,
        "targets_seen": 1,
        "targets_not_in_the_catalogue": 1,
    }


def test_missed_targets_of_a_basket_are_added(model: str) -> None:
    """Each with its score for its own request: of the second, whose last event is c."""
    rows = [row("one", ["c", "e"], ["b"]), row("two", ["c"], ["b", "e", "a", "x"])]
    learnt, counted = find(model, add_missed=True, rows=rows)
    assert own(learnt["one"]) == ([b"d", b"b", b"a"], [44.0, 42.0, 41.0], [1], [0])
    assert own(learnt["two"]) == (
        [b"e", b"d", b"b", b"a"],
        [25.0, 24.0, 22.0, 21.0],
        [2, 0, 3, -1],
        [0, 0, 1, 0],
    )
    assert (counted["targets_found"], counted["targets_added"]) == (3, 1)


def test_only_so_many_targets_are_added(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_ADDED", 1)
    learnt, counted = find(model, add_missed=True, rows=[row("u", [], ["a", "b", "c"])])
    assert own(learnt["u"]) == (
        [b"e", b"d", b"c", b"a"],
        [55.0, 54.0, 53.0, 51.0],
        [3, -1, 2],
        [1, 0, 0],
    )
    assert counted == {"requests": 1, "targets_found": 1, "targets_missed": 1, "targets_added": 1}


def test_where_repeats_are_allowed_a_repeat_is_found_like_any_other(
    tmp_path: pathlib.Path,
) -> None:
    """Nothing is excluded, so that the seen items are candidates, and may be missed and added."""
    data = repeats.resolved(examples.data(), allow=True)
    model = fake_recall.save(tmp_path / "model", data, ITEMS, SCORES, k=K)
    rows = [row("u", ["a", "d"], ["d", "a"])]
    learnt, counted = find(model, add_missed=True, rows=rows, data=data)
    assert own(learnt["u"]) == (
        [b"e", b"d", b"c", b"a"],
        [35.0, 34.0, 33.0, 31.0],
        [1, 3],
        [0, 1],
    )
    assert counted == {"requests": 1, "targets_found": 1, "targets_added": 1}
