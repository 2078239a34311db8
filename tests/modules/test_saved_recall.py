"""The recall SavedModel loads where nothing loaded ScaNN's ops before, and says what it takes."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np

from modules import request_arrays, requests, saved_recall
from tests import examples, fake_recall, fake_trained


def test_an_index_of_scann_loads_in_a_process_of_its_own(
    tmp_path: pathlib.Path, run_python: Callable[[str], str]
) -> None:
    """Evaluator, export and recommend start without ScaNN; of 3 items, `i2` fits the query best."""
    trained = fake_trained.save(
        tmp_path / "trained", [b"i0", b"i1", b"i2"], np.eye(3, dtype=np.float32)
    )
    run_python(f"""
        import numpy as np, tensorflow as tf
        import modules
        from modules.index import bodies, export, parameters
        from tests import fake_trained
        trained = tf.saved_model.load({trained!r})
        ids, vectors = export.candidates(trained)
        settings = parameters.Scann(
            leaves=1, leaves_to_search=1, reorder=3, anisotropic_threshold=0.2,
            training_sample=3, k=2,
        )
        sample = fake_trained.request(np.ones((1, 3)), [[]])
        export.save(
            trained, bodies.build(vectors, settings), ids, {str(tmp_path / "recall")!r}, k=2,
            max_exclusions=1, sample=sample, description={{}},
        )
        """)
    found = run_python(f"""
        import sys
        import modules
        from modules import saved_recall
        from tests import fake_trained
        assert "scann" not in sys.modules
        model = saved_recall.SavedRecall({str(tmp_path / "recall")!r})
        ids, scores = model(fake_trained.request([[0.25, 0.5, 0.75]], [[b"i1"]]))
        print(ids.tolist(), scores.tolist())
        """)
    assert found.strip() == "[[b'i2', b'i0']] [[0.75, 0.25]]"


def test_inputs_are_known_without_loading(tmp_path: pathlib.Path) -> None:
    path = fake_recall.save(tmp_path / "m", examples.data(), ["a", "b"], fake_recall.cycle(2), k=2)
    found = saved_recall.input_types(path)
    assert set(found) == set(saved_recall.SavedRecall(path).inputs)
    expected = {
        "user_age": ("float32", 1),
        "event_item_id": ("string", 2),
        "user_taste": ("float32", 2),
        "request_timestamp": ("int64", 1),
        "exclude_item_id": ("string", 2),
    }
    assert {name: found[name] for name in expected} == expected


def test_given_items_are_scored_whatever_is_recommended(tmp_path: pathlib.Path) -> None:
    scores = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 0, 0]], np.float32)
    model = saved_recall.SavedRecall(
        fake_recall.save(tmp_path / "m", examples.data(), ["a", "b", "c"], scores, k=1)
    )
    raw = [
        requests.read_raw_example(examples.serialize(examples.sequence([last, "target"], [1, 2])))
        for last in ("a", "b", "c")
    ]
    request = request_arrays.from_examples(raw, examples.data(), max_history=5)
    found = model.score(request, np.array([b"b", b"a", b"unknown"], object))
    np.testing.assert_array_equal(found, np.array([2, 4, np.nan], np.float32))
    several = model.score(request, np.array([b"c", b"a", b"b"], object), np.array([0, 0, 2]))
    np.testing.assert_array_equal(several, np.array([3, 1, 8], np.float32))
    assert (model.knows(b"a"), model.knows(b"unknown"), model.knows(b"")) == (True, False, False)
