"""The whole pipeline on a small shop: real TFX components on Beam, ML Metadata, cache and gates."""

from __future__ import annotations

import itertools
import json
import pathlib
import shutil
import subprocess
import sys
import time

import ml_metadata as mlmd
import numpy as np
import pyarrow.parquet
import pytest
from ml_metadata.proto import metadata_store_pb2

from modules import (
    catalogue,
    release,
    request_arrays,
    requests,
    saved_rank,
    saved_recall,
)
from modules import warm_start as warm_start_lib
from pipeline import configuration, moved, recommend, release_writer, run_files, runs, warm_start
from pipeline import run as pipeline_run
from pipeline.batch import command as batch_command
from pipeline.components import indexer
from pipeline.refresh import command as refresh_command
from pipeline.refresh import sources as refresh_sources
from tests.e2e import small_shop

pytestmark = pytest.mark.e2e

STATE = metadata_store_pb2.Execution.State
COMPONENTS = (
    "InteractionsExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "DataValidator",
    "Transform",
    "Trainer",
    "Indexer",
    "RecallEvaluator",
    "HoldOutTrainer_0",
    "HoldOutIndexer_0",
    "InteractionStatistics",
    "Candidates",
    "RankTrainer",
    "TwoStageEvaluator",
    "Pusher",
)


def executions(run: runs.Run) -> dict[str, list[str]]:
    """State names of all executions so far, in order, by component."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(run.metadata)
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    store = mlmd.MetadataStore(config)
    nodes = store.get_contexts_by_type("node")  # named <pipeline>.<component's id>
    return {
        node.name.split(".")[-1]: [
            STATE.Name(execution.last_known_state)
            for execution in sorted(store.get_executions_by_context(node.id), key=lambda e: e.id)
        ]
        for node in nodes
    }


def last_states(run: runs.Run) -> dict[str, str]:
    return {name: states[-1] for name, states in executions(run).items() if name in COMPONENTS}


def versions(run: runs.Run, model: str = "recall") -> list[str]:
    folder = run.serving / model
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return small_shop.write(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def first(shop: pathlib.Path, root: pathlib.Path) -> runs.Run:
    return pipeline_run.run(configuration.load(str(shop), []), root)


def test_first_run_executes_all_and_pushes(first: runs.Run) -> None:
    assert last_states(first) == dict.fromkeys(COMPONENTS, "COMPLETE")
    assert len(versions(first)) == 1
    assert versions(first, "rank") == versions(first)
    found = release.in_force(first.serving)
    for folder in (found.recall, found.rank):
        assert folder is not None and (folder / "saved_model.pb").is_file()


def test_unchanged_rerun_reuses_everything(
    first: runs.Run, shop: pathlib.Path, root: pathlib.Path
) -> None:
    pushed = versions(first)
    pipeline_run.run(configuration.load(str(shop), []), root)
    assert last_states(first) == dict.fromkeys(COMPONENTS, "CACHED")
    assert versions(first) == pushed


def test_a_copied_run_reads_its_own_files(first: runs.Run, tmp_path: pathlib.Path) -> None:
    shutil.copytree(first.folder, tmp_path / first.folder.name)
    copy = runs.Run(tmp_path, first.folder.name)
    for run in (copy, first):
        assert run.artifacts in run_files.indexed_model(run).parents
        assert run.artifacts in run_files.rank_model(run).parents
        assert next(run_files.serialized_examples(run, "test"))
    assert moved.settle(copy) == (str(first.folder),)
    assert run_files.indexed_model(copy).is_dir() and moved.settle(first) == ()


def test_lists_of_all_users_are_those_of_single_requests(
    first: runs.Run, shop: pathlib.Path, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    cfg = configuration.load(str(shop), [])
    found = batch_command.main(cfg, root, output=str(tmp_path / "out"), k=7)
    assert (found["users"], found["recommendations"]) == (small_shop.USERS, 7 * small_shop.USERS)
    rows = pyarrow.parquet.read_table(tmp_path / "out").to_pylist()
    for user in ("u0", "u1", "u41", "u79"):
        single = recommend.ask(
            cfg,
            first,
            user=user,
            history=None,
            profile={},
            at=found["request_timestamp"],
            exclude=(),
            exclude_seen=None,
            k=7,
            stage=None,
            explain=False,
        )
        ours = [row for row in rows if row["user_id"] == user]
        assert [row["item_id"] for row in ours] == [item.item_id for item in single.items]
        for row, item in zip(ours, single.items):
            assert row["rank_score"] == pytest.approx(item.rank_score, rel=1e-4, abs=1e-4)


def test_a_new_catalogue_is_released_without_training(
    first: runs.Run, shop: pathlib.Path, root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """`n1` is like the items of group 1 that nobody had; `i0` is gone; `i5` moves to group 2."""
    shutil.copytree(shop.parent, tmp_path / "shop")
    items = tmp_path / "shop" / "items.csv"
    lines = items.read_text(encoding="utf-8").splitlines()
    lines = [line.replace("i5,Item 5,g1", "i5,Item 5,g2") for line in lines if line[:3] != "i0,"]
    items.write_text("\n".join([*lines, "n1,New,g1,t1 unheard"]) + "\n", encoding="utf-8")
    events = tmp_path / "shop" / "events.csv"
    kept = [line for line in events.read_text().splitlines() if ",i0," not in line]
    events.write_text("\n".join(kept) + "\n")
    before = release.in_force(first.serving)
    states, pushed = executions(first), versions(first)
    made = refresh_command.main(configuration.load(str(tmp_path / "shop" / shop.name), []), root)
    assert made is not None and made.refreshed == before.id
    assert executions(first) == states  # nothing was trained
    assert versions(first) == versions(first, "rank") == [*pushed, str(made.release)]
    now = release.in_force(first.serving)
    assert now.id == made.release and now.rank is not None and before.rank is not None
    assert before.manifest is not None and made.lineage != before.manifest.lineage
    old, new = (saved_recall.SavedRecall(str(found.recall)) for found in (before, now))
    assert new.knows(b"n1") and not new.knows(b"i0") and old.knows(b"i0")
    examples = map(requests.read_raw_example, run_files.serialized_examples(first, "valid"))
    about = catalogue.About.read(now.recall)
    request = request_arrays.from_examples(
        list(itertools.islice(examples, 20)), about.data, about.max_history
    )
    scores = [model.score(request, np.full(20, b"i1", object)) for model in (old, new)]
    same = ~np.isin(request["event_item_id"], [b"i5"]).any(axis=1)
    np.testing.assert_allclose(scores[0][same], scores[1][same], rtol=1e-3, atol=1e-4)
    ids = new(request)[0]
    assert b"i0" not in ids and (ids != b"").all()
    ranked = saved_rank.SavedRank(str(now.rank))(
        request,
        np.full([20, 2], [[b"n1", b"i1"]], object),
        np.zeros([20, 2], np.float32),
    )["score"]
    assert np.isfinite(ranked).all() and (ranked[:, 0] != ranked[:, 1]).all()
    assert "n1" in catalogue.Catalogue.read(now.recall).ids
    release_writer.switch(first.serving, before.id)


def test_a_warm_start_goes_on_from_the_models_of_the_release(
    first: runs.Run, shop: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = configuration.load(str(shop), [])
    assert warm_start.bases(cfg, first) == {}
    assert "of the same data and began with new weights" in capsys.readouterr().out
    shutil.copytree(shop.parent, tmp_path / "shop")
    with (tmp_path / "shop" / "events.csv").open("a") as file:
        file.write(f"u1,i1,{small_shop.START + 10**8},click\n")
    found = warm_start.bases(configuration.load(str(tmp_path / "shop" / shop.name), []), first)
    assert set(found) == {"Trainer", "HoldOutTrainer_0", "RankTrainer"}
    for name, uri in found.items():
        assert pathlib.Path(uri).parts[-3:-1] == (name, "model")
        assert warm_start_lib.Base(f"{uri}/Format-Serving").values("item_group")
    for override in ("split.min_events=4", "ranking.hold_out.requests=9"):
        with pytest.raises(warm_start.NoBase, match=rf"{override.split('=')[0]}: found .* once\."):
            warm_start.bases(configuration.load(str(shop), [override]), first)


def test_a_refused_model_is_not_pushed_and_only_what_reads_a_change_runs_again(
    first: runs.Run, shop: pathlib.Path, root: pathlib.Path
) -> None:
    pushed = versions(first)
    changes = ["ranking.training.epochs=3", "evaluation.thresholds={NDCG@5: {min: 0.999}}"]
    cfg = configuration.load(str(shop), changes)
    run = pipeline_run.run(cfg, root)
    with pytest.raises(pipeline_run.NotBlessed):
        pipeline_run.report(cfg, run)
    assert "NDCG@5" in (run.report).read_text(encoding="utf-8")
    expected = dict.fromkeys(COMPONENTS, "CACHED") | dict.fromkeys(
        ["RecallEvaluator", "RankTrainer", "TwoStageEvaluator", "Pusher"], "COMPLETE"
    )
    assert last_states(first) == expected
    assert versions(first) == pushed
    # the release is no longer of the newest run, whose artifacts a refresh would take
    with pytest.raises(refresh_sources.OtherRun, match="rank_model"):
        refresh_sources.Sources.of(first, release.in_force(first.serving))


def test_a_failed_component_names_itself_and_leaves_no_artifact(
    shop: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    events = (shop.parent / "events.csv").read_text(encoding="utf-8").splitlines()
    broken = small_shop.write(tmp_path / "broken")
    (broken.parent / "events.csv").write_text(
        "\n".join([*events[:5], "u1,i1,yesterday,buy", *events[5:]])
    )
    with pytest.raises(
        pipeline_run.RunFailed,
        match=r"(?s)InteractionsExampleGen failed: .*events\.csv.*6.*yesterday",
    ):
        pipeline_run.run(configuration.load(str(broken), []), tmp_path / "runs")
    run = runs.Run(tmp_path / "runs", "small-shop")
    assert executions(run)["InteractionsExampleGen"] == ["FAILED"]
    assert not list(run.artifacts.glob("InteractionsExampleGen/examples/*"))


def test_a_killed_training_goes_on_where_it_was(
    first: runs.Run, shop: pathlib.Path, root: pathlib.Path
) -> None:
    overrides = [
        "training.epochs=30",
        "training.early_stopping.enabled=false",
        "ranking.enabled=false",
    ]
    options = [option for override in overrides for option in ("-o", override)]
    command = [sys.executable, "-m", "pipeline.cli", "run", "--config", str(shop)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    others = set(first.checkpoints.glob("*"))
    process = subprocess.Popen([*command, "--root", str(root), *options], **quiet)
    try:
        before = epochs_of(first.checkpoints, others, at_least=3, process=process)
    finally:
        process.kill()
        process.wait()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(indexer.Executor, "Do", _enough)
        with pytest.raises(pipeline_run.RunFailed, match=r"Indexer failed: .*is done"):
            pipeline_run.run(configuration.load(str(shop), overrides), root)
    after = max(
        (
            json.loads(history.read_text(encoding="utf-8"))
            for history in first.artifacts.glob("Trainer/model_run/*/history.json")
        ),
        key=len,
    )
    assert len(after) == 30
    kept = before[:-1]  # the kill may have come before the last one's checkpoint
    # to the second that each epoch took: they were not trained again
    assert after[: len(kept)] == kept
    assert executions(first)["Trainer"][-1] == "COMPLETE"
    assert executions(first)["Transform"][-1] == "CACHED"


def _enough(*_: object) -> None:
    raise RuntimeError("What is asked about is done.")


def epochs_of(
    checkpoints: pathlib.Path, others: set[pathlib.Path], at_least: int, process: subprocess.Popen
) -> list[dict]:
    """Waits for the history of a checkpoint that is none of `others` to be that long."""
    for _ in range(6000):
        assert process.poll() is None, "the run ended before it could be killed"
        for file in checkpoints.glob("*/history.json"):
            if file.parent in others:
                continue
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:  # being written
                continue
            if len(found) >= at_least:
                return found
        time.sleep(0.05)
    raise AssertionError(f"no {at_least} epochs in {checkpoints} after 300 s")
