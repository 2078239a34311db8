"""The Indexer from a trained SavedModel to a servable one, and its gate."""

from __future__ import annotations

import json
import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from modules import config, lineage, requests, warmup
from modules.index import export, gate
from pipeline.components import indexer
from tests import examples, fake_trained

DIMENSION, ITEMS, K = 6, 1200, 20
ITEM_IDS = [f"film é {n}".encode() for n in range(ITEMS)]
NOTHING = np.finfo(np.float32).min

LOAD_AND_PRINT = """
    import sys, json
    import modules, tensorflow as tf
    {imports}
    model = tf.saved_model.load({path!r})
    specs = model.signatures["serving_default"].structured_input_signature[1]
    inputs = {{}}
    for name, spec in specs.items():
        shape = [1 if d is None else d for d in spec.shape]
        is_text = spec.dtype == tf.string
        inputs[name] = tf.fill(shape, "") if is_text else tf.zeros(shape, spec.dtype)
    inputs["user_taste"] = tf.constant({taste!r}, shape=[1, {dimension}])
    answer = model.signatures["serving_default"](**inputs)
    assert ("scann" in sys.modules) == bool({imports!r})
    print(json.dumps([i.decode() for i in answer["item_id"].numpy()[0]]))
"""


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    random = np.random.default_rng(1)
    points = random.normal(size=(24, 1, DIMENSION)) + 0.2 * random.normal(size=(24, 50, DIMENSION))
    return points.reshape(ITEMS, DIMENSION).astype(np.float32)


@pytest.fixture(scope="module")
def queries() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(24, DIMENSION)).astype(np.float32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray) -> str:
    return fake_trained.save(tmp_path_factory.mktemp("trained") / "model", ITEM_IDS, vectors)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, trained: str, queries: np.ndarray):
    """Builds, once for each body, the servable model; returns its path and the gate's report."""
    made: dict[str, tuple[str, gate.Report]] = {}

    def build(body: str) -> tuple[str, gate.Report]:
        if body not in made:
            path = str(tmp_path_factory.mktemp(body) / "servable")
            made[body] = (
                path,
                run(trained, path, queries, config.Index(body=body, k=K, max_exclusions=64)),
            )
        return made[body]

    return build


def run(
    trained: str, path: str, queries: np.ndarray, index: config.Index, repeats: str = "auto"
) -> gate.Report:
    seen = [ITEM_IDS[n : n + 5] for n in range(len(queries))]
    return indexer.build(
        trained,
        path,
        iter(fake_trained.examples(queries, seen)),
        data=fake_trained.data(queries.shape[1], repeats),
        max_history=5,
        index=index,
    )


def serve(
    path: str, request: dict[str, np.ndarray], signature: str = "serving_default"
) -> dict[str, np.ndarray]:
    function = tf.saved_model.load(path).signatures[signature]
    return {
        n: v.numpy() for n, v in function(**{n: tf.constant(v) for n, v in request.items()}).items()
    }


def best(scores: np.ndarray, excluded: list[bytes]) -> list[bytes]:
    return [ITEM_IDS[n] for n in np.argsort(-scores) if ITEM_IDS[n] not in excluded][:K]


@pytest.mark.parametrize("body", ["exact", "ivf", "scann"])
def test_the_servable_model_recommends_what_numpy_does(
    built, body: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    path, report = built(body)
    excluded = [ITEM_IDS[100:130], [], [b"unknown"], ITEM_IDS[: ITEMS - 3]]
    answer = serve(path, fake_trained.request(queries[:4], excluded))
    for row in range(3):
        found = answer["item_id"][row].tolist()
        assert not set(found) & set(excluded[row])
        assert len(set(found)) == K
        assert len(set(found) & set(best(queries[row] @ vectors.T, excluded[row]))) >= K - 1
    assert sorted(answer["item_id"][3]) == sorted([*ITEM_IDS[-3:], *[b""] * (K - 3)])
    assert answer["score"][3][3:].tolist() == [NOTHING] * (K - 3)
    assert report.search.recall >= 0.99 and report.served.recall >= 0.99


@pytest.mark.parametrize("body", ["exact", "ivf", "scann"])
def test_where_repeats_are_allowed_own_items_are_among_the_k(
    tmp_path: pathlib.Path, body: str, vectors: np.ndarray, queries: np.ndarray
) -> None:
    """The saved model, asked by one who had the three worst items, and by one who had nothing."""
    trained = fake_trained.save(tmp_path / "trained", ITEM_IDS, vectors, repeats="allow")
    index = config.Index(body=body, k=K, max_exclusions=64, own_items=2)
    report = run(trained, str(tmp_path / "servable"), queries, index, repeats="allow")
    assert report.served.recall >= 0.99  # with what was seen left out, which a request may ask for
    scores = queries[0] @ vectors.T
    worst = [ITEM_IDS[n] for n in np.argsort(scores)[:3]]

    def answered(events: list[bytes], earlier: dict[bytes, int], excluded: list[bytes]):
        request = fake_trained.request(queries[:1], [excluded])
        request["event_item_id"] = np.array([events], object).reshape(1, -1)
        request["event_timestamp"] = np.arange(len(events))[np.newaxis] + 100
        request["earlier_item_id"] = np.array([[*earlier]], object).reshape(1, -1)
        for name in ("earlier_count", "earlier_first_timestamp", "earlier_last_timestamp"):
            request[name] = np.array([[*earlier.values()]], np.int64).reshape(1, -1)
        found = serve(str(tmp_path / "servable"), request)["item_id"][0].tolist()
        assert len(set(found)) == K
        return found

    events, earlier = [worst[0], worst[1], worst[0]], {worst[2]: 4}
    # of four, three and one event
    assert answered(events, earlier, [])[-2:] == [worst[0], worst[2]][::-1]
    assert worst[1] not in answered(events, earlier, [])
    left = answered(events, earlier, [worst[2]])
    assert left[-1] == worst[0] and not {worst[1], worst[2]} & set(left)
    nothing = answered([], {}, [])
    assert len({*nothing} & {*best(scores, [])}) >= K - 1


def test_the_gate_leaves_out_what_was_seen_also_where_repeats_are_allowed(
    tmp_path: pathlib.Path, vectors: np.ndarray, queries: np.ndarray, monkeypatch
) -> None:
    trained = fake_trained.save(tmp_path / "trained", ITEM_IDS, vectors, repeats="allow")
    measured = []
    measure = indexer.measure
    monkeypatch.setattr(
        indexer, "measure", lambda *given: measured.append(given[3]) or measure(*given)
    )
    run(
        trained,
        str(tmp_path / "servable"),
        queries,
        config.Index(body="exact", k=K),
        repeats="allow",
    )
    assert measured[0].tolist() == [list(range(n, n + 5)) for n in range(len(queries))]


def test_tables_and_assets_of_the_trained_model_come_along(
    built, vectors: np.ndarray, queries: np.ndarray
) -> None:
    # which turns the query round
    request = fake_trained.request(queries[:1], [[]], history=ITEM_IDS[0])
    assert serve(built("exact")[0], request)["item_id"][0].tolist() == best(
        -queries[0] @ vectors.T, []
    )


def test_the_lineage_of_the_trained_model_comes_along(built) -> None:
    assert lineage.read(built("exact")[0]) == fake_trained.LINEAGE


def test_query_and_candidates_are_passed_through(
    built, vectors: np.ndarray, queries: np.ndarray
) -> None:
    request = fake_trained.request(queries, [[]] * len(queries))
    del request[requests.EXCLUDE_ITEM_ID]
    np.testing.assert_array_equal(serve(built("exact")[0], request, "query")["query"], queries)
    answer = serve(built("exact")[0], {}, "candidates")
    assert answer["item_id"].tolist() == ITEM_IDS
    np.testing.assert_array_equal(answer["vector"], vectors)


@pytest.mark.parametrize("body, imports", [("ivf", ""), ("exact", ""), ("scann", "import scann")])
def test_it_loads_in_a_fresh_process(
    built, body: str, imports: str, run_python, vectors: np.ndarray, queries: np.ndarray
) -> None:
    printed = run_python(
        LOAD_AND_PRINT.format(
            imports=imports, path=built(body)[0], taste=queries[0].tolist(), dimension=DIMENSION
        )
    )
    found = [i.encode() for i in json.loads(printed.splitlines()[-1])]
    assert len(set(found) & set(best(queries[0] @ vectors.T, []))) >= K - 1


@pytest.mark.parametrize("body, scann", [("exact", False), ("ivf", False), ("scann", True)])
def test_only_a_scann_body_needs_scann_ops(built, body: str, scann: bool) -> None:
    saved = saved_model_pb2.SavedModel.FromString(
        pathlib.Path(built(body)[0], "saved_model.pb").read_bytes()
    )
    graph = saved.meta_graphs[0].graph_def
    ops = {n.op for n in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
    # custom ops have a namespace, as Scann>ScannSearchBatched
    assert any(">" in op for op in ops) == scann


def test_warm_up_records_replay_on_their_signatures(built) -> None:
    """All have inputs, without which a TensorFlow Serving that batches refuses a request."""
    path = built("ivf")[0]
    model, sizes = tf.saved_model.load(path), []
    for record in tf.data.TFRecordDataset(f"{path}/{warmup.FILE}"):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        signature = model.signatures[request.model_spec.signature_name]
        inputs = {
            name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()
        }
        assert set(inputs) == set(signature.structured_input_signature[1])
        signature(**inputs)
        asked = (request.model_spec.signature_name, tuple(request.output_filter))
        sizes.append((*asked, len(inputs["user_taste"])))
    expected = [("query", ()), ("serving_default", ()), ("serving_default", ("item_id", "score"))]
    assert sorted(sizes) == [(*asked, size) for asked in expected for size in (1, 2, 8)]


def test_the_description_says_what_was_measured(built) -> None:
    path, report = built("scann")
    described = json.loads(pathlib.Path(path, export.DESCRIPTION_FILE).read_text())
    assert described["settings"]["body"] == "scann"
    assert described["search"] == {"recall": report.search.recall, "narrow_rows": 0, "nan_rows": 0}
    assert set(described["milliseconds"]["index"]) == {"1", "32"}
    assert [p["effort"] for p in described["curve"]][:3] == [0.125, 0.25, 0.5]


@pytest.mark.parametrize("items", [1, 2, 30])
def test_catalogues_smaller_than_k(
    tmp_path: pathlib.Path, items: int, vectors: np.ndarray, queries: np.ndarray
) -> None:
    trained = fake_trained.save(tmp_path / "trained", ITEM_IDS[:items], vectors[:items])
    run(trained, str(tmp_path / "servable"), queries, config.Index(body="scann", k=40, leaves=100))
    answer = serve(str(tmp_path / "servable"), fake_trained.request(queries[:1], [[ITEM_IDS[0]]]))
    assert set(answer["item_id"][0].tolist()) == {*ITEM_IDS[1:items], b""}


def test_the_gate_fails_and_nothing_is_written(
    tmp_path: pathlib.Path, trained: str, queries: np.ndarray
) -> None:
    index = config.Index(body="ivf", k=K, leaves=100, leaves_to_search=1)
    with pytest.raises(
        gate.IndexGateError, match=rf"ivf index of 1200 items is refused.*recall@{K} is 0\.\d"
    ):
        run(trained, str(tmp_path / "servable"), queries, index)
    assert not (tmp_path / "servable").exists()


def test_a_depth_that_is_not_configured_is_deepened_until_it_is_enough(
    tmp_path: pathlib.Path, queries: np.ndarray
) -> None:
    # no clusters to find
    spread = np.random.default_rng(3).normal(size=(ITEMS, DIMENSION)).astype(np.float32)
    trained = fake_trained.save(tmp_path / "trained", ITEM_IDS, spread)
    report = run(trained, str(tmp_path / "servable"), queries, config.Index(body="ivf", k=K))
    assert next(p.recall for p in report.curve if p.effort == 1) < 0.99 <= report.search.recall


@pytest.mark.parametrize(
    "spoil, message",
    [
        (
            lambda ids, vectors: (
                ids,
                np.where(np.arange(len(ids))[:, None] == 7, np.nan, vectors),
            ),
            "first of item b'film . 7'",
        ),
        (lambda ids, vectors: ([*ids[:-1], b"two\nlines"], vectors), "no line break, found b'two"),
        (lambda ids, vectors: ([*ids[:-1], ids[0]], vectors), "distinct, found 30 ids of 29 items"),
    ],
)
def test_a_catalogue_that_cannot_be_served_is_refused(
    spoil, message: str, vectors: np.ndarray
) -> None:
    item_ids, spoilt = spoil([f"film - {n}".encode() for n in range(30)], vectors[:30])

    found = {"item_id": tf.constant(item_ids), "vector": tf.constant(spoilt)}
    trained = types.SimpleNamespace(signatures={"candidates": lambda: found})
    with pytest.raises(ValueError, match=message):
        export.candidates(trained)


def test_nan_queries_and_missing_requests_are_refused(
    tmp_path: pathlib.Path, trained: str, queries: np.ndarray
) -> None:
    spoilt = queries.copy()
    spoilt[3, 0] = np.inf
    with pytest.raises(gate.IndexGateError, match="infinity in 1 of 24"):
        run(trained, str(tmp_path / "servable"), spoilt, config.Index(body="exact", k=K))
    with pytest.raises(gate.IndexGateError, match="found none in the split 'valid'"):
        run(trained, str(tmp_path / "servable"), queries[:0], config.Index(body="exact", k=K))


def test_the_executor_reads_artifacts_and_records_its_measures(
    tmp_path: pathlib.Path, trained: str, queries: np.ndarray
) -> None:
    from tfx.types import standard_artifacts

    from modules import strict

    source, raw, target = (
        standard_artifacts.Model(),
        standard_artifacts.Examples(),
        standard_artifacts.Model(),
    )
    source.uri, raw.uri, target.uri = (str(tmp_path / n) for n in ("source", "examples", "target"))
    pathlib.Path(source.uri).mkdir()
    pathlib.Path(source.uri, "Format-Serving").symlink_to(trained)
    raw.split_names = json.dumps(["train", "valid"])
    examples.write(
        raw.uri, {"valid": fake_trained.examples(queries, [[i] for i in ITEM_IDS[: len(queries)]])}
    )
    sections = {
        "data": fake_trained.data(DIMENSION),
        "split": config.Split(method="temporal", valid_from="1998-03-01", test_from="1998-04-01"),
        "features": config.Features(),
        "index": config.Index(body="exact", k=K, gate_queries=10),
    }
    indexer.Executor().Do(
        {"trained_model": [source], "examples": [raw]},
        {"model": [target]},
        {"config": json.dumps(strict.to_plain(sections)), "source_digest": "d"},
    )
    assert target.get_custom_property("index_body") == "exact"
    assert target.get_custom_property("index_recall") == 1.0
    assert json.loads(target.get_custom_property("split")) == {
        "method": "temporal",
        "valid_from": 888710400,  # 1998-03-01 UTC
    }
    assert target.get_custom_property("index_milliseconds_batch_1") > 0
    description = json.loads(
        pathlib.Path(target.uri, "Format-Serving", export.DESCRIPTION_FILE).read_text()
    )
    assert description["queries"] == 10
