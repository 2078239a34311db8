"""`recsys skew` as a whole: a run, its release, the log of a server, and what is said of it."""

from __future__ import annotations

import json
import pathlib
import shutil
import types

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_serving.apis import model_pb2
from tensorflow_serving.config import logging_config_pb2

from modules import config, lineage, release, request_arrays, requests, schemas, strict
from modules.skew import logs as logs_lib
from modules.skew import replay
from pipeline import cli, release_writer, runs, skew
from pipeline.components import indexer
from serving import request_log
from tests import examples, fake_recall, small_release, untrained_recall
from tests import transformed as transformed_lib
from tests.modules.skew import population
from tests.pipeline import fake_run

CFG = fake_run.configuration(
    features={"max_history": transformed_lib.MAX_HISTORY},
    index={"k": 5, "body": "exact"},
    evaluation={"ks": [5], "thresholds": {}, "primary": "NDCG@5"},
    ranking={"enabled": False},
)
NOTHING = logging_config_pb2.LoggingConfig()  # that models.config says of a model
REPEATS = 40  # of the few users' requests, so that chance explains little


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> transformed_lib.Transformed:
    return transformed_lib.made(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def root(
    transformed: transformed_lib.Transformed, tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """A run whose release was pushed."""
    folder = tmp_path_factory.mktemp("runs")
    statistics = folder / "statistics"
    (statistics / "Split-train").mkdir(parents=True)
    (statistics / "Split-train" / "FeatureStats.pb").write_bytes(
        population.statistics_list(transformed.raw["train"]).SerializeToString()
    )
    schema = folder / "schema"
    schema.mkdir()
    (schema / "schema.pbtxt").write_text(text_format.MessageToString(schemas.from_config(CFG.data)))
    graph = folder / "transform_graph" / "1"
    shutil.copytree(transformed.graph, graph)
    run = fake_run.make(
        folder,
        transformed.raw,
        {
            ("StatisticsGen", "statistics"): statistics,
            ("ImportSchemaGen", "schema"): schema,
            ("Transform", "transform_graph"): graph,
        },
    )
    parsed = [
        requests.read_raw_example(examples.serialize(row)) for row in transformed.raw["valid"]
    ]
    trained = untrained_recall.made(tmp_path_factory.getbasetemp())
    indexer.build(
        str(trained),
        str(folder / "model"),
        iter(parsed),
        data=CFG.data,
        max_history=transformed_lib.MAX_HISTORY,
        index=CFG.index,
    )
    small_release.push(run.serving, {"recall": str(folder / "model")}, small_release.facts())
    return folder


def _asked(transformed: transformed_lib.Transformed) -> list[dict[str, np.ndarray]]:
    parsed = [
        requests.read_raw_example(examples.serialize(row)) for row in transformed.raw["valid"]
    ]
    return [
        request_arrays.from_examples([row], CFG.data, transformed_lib.MAX_HISTORY) for row in parsed
    ]


def _log(
    folder: pathlib.Path, root: pathlib.Path, asked: list[dict[str, np.ndarray]]
) -> pathlib.Path:
    """Logs the requests with the release's answers, as the model server does."""
    found = release.in_force(runs.Run(root, fake_run.NAME).serving)
    model = replay.Model(str(found.recall))
    log = request_log.RequestLog(
        request_log.Settings(folder, rate=1.0), lambda name: NOTHING, lambda name, status: None
    )
    for inputs in asked:
        answer = model.ask("serving_default", inputs)
        for _ in range(REPEATS):
            log.offer(
                request_log.Served(model_pb2.ModelSpec(name="recall"), inputs, answer, found.id)
            )
    log.close()
    return folder


@pytest.fixture(scope="module")
def logged(
    root: pathlib.Path,
    transformed: transformed_lib.Transformed,
    tmp_path_factory: pytest.TempPathFactory,
) -> pathlib.Path:
    """The requests of validation."""
    return _log(tmp_path_factory.mktemp("logs"), root, _asked(transformed))


def test_the_requests_of_validation(root, logged, capsys):
    found = skew.main(CFG, root, logs=logged, replay=30)
    assert not found.skewed
    (asked,) = found.replays
    assert len(asked.transform) == 12 and asked.not_checked == ""
    assert asked.answers == replay.Answers(30, 30, 0, 0.0, "")
    said = capsys.readouterr().out
    assert "logged requests: 320 of recall" in said
    assert "all equal to the pipeline's (greatest difference " in said
    assert said.endswith("No skew found.\n")


def test_a_seeded_skew_is_named_also_beside_older_logs(root, transformed, logged, tmp_path, capsys):
    asked = [{**inputs, "user_age": inputs["user_age"] * 12} for inputs in _asked(transformed)]
    new = _log(tmp_path, root, asked)
    found = skew.main(CFG, root, logs=new, against=logged, replay=0, as_json=True)
    assert found.skewed and found.replays == ()
    training, older = found.comparisons
    for comparison in (training, older):
        assert [f.feature for f in comparison.features if f.skewed] == ["user_age"]
    assert training.against == "training" and older.against.startswith("320 older ones")
    written = json.loads(capsys.readouterr().out)
    assert written["skewed"] and written["comparisons"][0]["features"][1]["feature"] == "user_age"
    assert not skew.main(CFG, root, logs=new, replay=0, thresholds={"user_age": 1.0}).skewed


@pytest.mark.parametrize("filled", [True, False])
def test_gaps_of_feedback_are_as_the_run_s_examples_have_them(root, transformed, tmp_path, filled):
    """By its schema an earlier run had the default, 3, in the gaps; now a gap is no 3."""
    asked = [
        {
            **inputs,
            "event_rating": np.where(
                inputs["event_rating"] == 3, np.float32(np.nan), inputs["event_rating"]
            ),
        }
        for inputs in _asked(transformed)
    ]
    file = root / "schema" / "schema.pbtxt"
    before = file.read_text()
    schema = text_format.Parse(before, schema_pb2.Schema())
    (rating,) = (feature for feature in schema.feature if feature.name == "event_rating")
    rating.float_domain.disallow_nan = filled
    file.write_text(text_format.MessageToString(schema))
    try:
        found = skew.main(CFG, root, logs=_log(tmp_path, root, asked), replay=0)
    finally:
        file.write_text(before)
    (rated,) = (f for f in found.comparisons[0].features if f.feature == "event_rating")
    assert rated.missing > 0.1
    assert rated.skewed != filled


def test_a_model_with_another_vocabulary_is_found_out(root, logged, monkeypatch, capsys):
    """The pipeline's graph was changed after the model was made, and its digest does not tell."""
    graph = root / "transform_graph" / "1"
    (file,) = graph.glob("transform_fn/assets/*item_id*")
    before = file.read_bytes()
    monkeypatch.setattr(skew.Skew, "_graph_of", lambda self, made_of: graph)
    file.write_bytes(b"\n".join(before.split(b"\n")[-2::-1]) + b"\n")
    try:
        found = skew.main(CFG, root, logs=logged, replay=40)
    finally:
        file.write_bytes(before)
    assert found.skewed
    assert {d.feature for d in found.replays[0].transform if d.unequal} == {"event_item_id_xf"}
    said = capsys.readouterr().out
    assert "1 of them UNEQUAL" in said and "UNEQUAL event_item_id_xf" in said
    assert "SKEW: recall of release" in said


def test_a_graph_that_is_gone_is_said_and_no_skew(root, logged, monkeypatch, capsys):
    monkeypatch.setattr(lineage, "describe", lambda *arguments: small_release.LINEAGE)
    found = skew.main(CFG, root, logs=logged, replay=5)
    assert not found.skewed and found.replays[0].answers.bitwise == 5
    said = capsys.readouterr().out
    assert "NOT CHECKED the transform graph of the release is no longer in" in said
    assert said.endswith("No skew found. Not everything was checked, see above.\n")


def test_a_release_that_is_gone_and_one_of_an_earlier_version(root, logged, tmp_path, capsys):
    """The latter has no signature `features`."""
    serving = runs.Run(root, fake_run.NAME).serving
    old = fake_recall.save(
        tmp_path / "old", CFG.data, transformed_lib.ITEMS, fake_recall.cycle(12), k=5
    )
    number = small_release.push(serving, {"recall": old}, small_release.facts()).release
    logged_requests = logs_lib.read(logged).of("recall")[:300:10]
    asked = [{**request.inputs} for request in logged_requests]
    folder = _log(tmp_path / "logs", root, asked[:8])
    assert skew.main(CFG, root, logs=folder, replay=5).replays[0].release == number
    assert "has no signature 'features'" in capsys.readouterr().out
    (serving / "releases" / f"{number}.json").unlink()
    release_writer.switch(serving, release.ids(serving)[-1])
    found = skew.main(CFG, root, logs=folder, replay=5)
    assert f"there is no release {number}" in found.replays[0].not_checked


def test_what_cannot_be_compared(root, logged, tmp_path):
    with pytest.raises(strict.ConfigError, match=r"unknown feature 'user_agee'.*user_age"):
        skew.main(CFG, root, logs=logged, thresholds={"user_agee": 0.1})
    asked = {n: v for n, v in logs_lib.read(logged).requests[0].inputs.items() if n != "user_age"}
    log = request_log.RequestLog(
        request_log.Settings(tmp_path, rate=1.0), lambda name: NOTHING, lambda name, status: None
    )
    log.offer(request_log.Served(model_pb2.ModelSpec(name="recall"), asked, {}, 1))
    log.close()
    with pytest.raises(
        skew.SkewError, match=r"recall: .* differ in user_age\. Name the configuration"
    ):
        skew.main(CFG, root, logs=tmp_path)


# --- the command ---


@pytest.mark.parametrize("skewed", [True, False])
def test_the_exit_code_says_whether_there_is_skew(monkeypatch, skewed):
    calls = []

    def main(cfg: config.Config, root: pathlib.Path, **options: object) -> types.SimpleNamespace:
        calls.append(options)
        return types.SimpleNamespace(skewed=skewed)

    monkeypatch.setattr(skew, "main", main)
    code = cli.main(
        [
            "skew",
            "--logs",
            "a",
            "--against",
            "b",
            "--replay",
            "0",
            "--threshold",
            "user_age=0.2",
            "--threshold",
            "user_gender=1",
            "--json",
        ]
    )
    assert code == int(skewed)
    assert calls == [
        {
            "logs": pathlib.Path("a"),
            "against": pathlib.Path("b"),
            "replay": 0,
            "as_json": True,
            "thresholds": {"user_age": 0.2, "user_gender": 1.0},
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--logs"),
        (["--logs", "a", "--replay", "-1"], "a whole number from 0 on"),
        (["--logs", "a", "--threshold", "user_age"], "FEATURE=X"),
        (["--logs", "a", "--threshold", "user_age=2"], "X from 0 to 1"),
    ],
)
def test_wrong_arguments(arguments, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["skew", *arguments])
    assert said in capsys.readouterr().err
