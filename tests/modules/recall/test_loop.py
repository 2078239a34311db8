"""Training as a whole: early stopping, resumption, progress, and the exported model."""

import dataclasses
import io
import json
import math
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf

from modules import config, features, lineage, request_arrays, requests, strict
from modules.recall import callbacks, export, input_data, loop, trainer
from tests import close, examples


def _epoch(number, value):
    return callbacks.Epoch(
        epoch=number,
        loss=1.0,
        val_loss=value,
        metrics={"NDCG@10": value},
        learning_rate=0.1,
        seconds=1.0,
        positions_per_second=10.0,
    )


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [("NDCG@10", [0.1, 0.3, 0.2, 0.25], 2), ("loss", [3.0, 2.0, 2.5, 2.0], 2)],
)
def test_early_stopping_restores_the_best_weights(monitor, values, best):
    weight = tf.Variable(0.0)
    stopping = callbacks.EarlyStopping(config.EarlyStopping(monitor=monitor, patience=2), [weight])
    stops = []
    for number, value in enumerate(values, 1):
        weight.assign(number)
        stopping.update(_epoch(number, value))
        stops.append(stopping.stops)
    assert stops == [False, False, False, True]
    stopping.restore_best()
    assert float(weight) == best


def test_epochs_without_validation_neither_stop_nor_count_as_best():
    stopping = callbacks.EarlyStopping(config.EarlyStopping(patience=1), [tf.Variable(0.0)])
    for number in range(1, 4):
        stopping.update(_epoch(number, math.nan))
    assert not stopping.stops
    assert int(stopping.best_epoch) == 0


def test_without_early_stopping_the_last_weights_stay():
    weight = tf.Variable(0.0)
    stopping = callbacks.EarlyStopping(config.EarlyStopping(enabled=False, patience=1), [weight])
    for number, value in enumerate([0.3, 0.2, 0.1], 1):
        weight.assign(number)
        stopping.update(_epoch(number, value))
    stopping.restore_best()
    assert not stopping.stops
    assert float(weight) == 3.0


def test_progress_writes_plain_lines_where_no_terminal_is():
    stream = io.StringIO()
    progress = callbacks.Progress(2, stream, metrics=["NDCG@10"], remarks=["it is small"])
    progress.on_start(0, 5)
    progress.on_batch(1.0, 0.1, 20)
    progress.on_epoch(_epoch(1, 0.25))
    progress.on_end()
    assert stream.getvalue() == (
        "it is small\n"
        "epoch 1/2: loss 1.0000, validation loss 0.2500, NDCG@10 0.2500, rate 1.00e-01, 10 "
        "positions/s\n"
    )


def test_progress_draws_a_bar_on_a_terminal():
    stream = io.StringIO()
    stream.isatty = lambda: True
    progress = callbacks.Progress(epochs=1, stream=stream)
    progress.on_start(0, 1)
    progress.on_batch(1.25, 0.1, 20)
    progress.on_end()
    assert "recall" in stream.getvalue()


class _Killed(callbacks.Callback):
    """Ends the training after an epoch, as a signal would."""

    def __init__(self, epoch):
        self._epoch = epoch

    def on_epoch(self, epoch):
        if epoch.epoch == self._epoch:
            raise KeyboardInterrupt


def _train(transformed, folder, watchers=(), **training):
    settings = transformed.settings(
        {"dropout": 0.0}, {"epochs": 2, "learning_rate": 0.01, **training}
    )
    return trainer.train(
        settings=settings,
        transform=transformed.output,
        train_files=[transformed.files["train"]],
        catalogue_files=[transformed.files["catalogue"]],
        valid_files=[transformed.files["valid"]],
        checkpoint_folder=str(folder),
        watchers=watchers,
    )


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def trained(transformed, checkpoints):
    return _train(transformed, checkpoints)


def test_a_killed_training_goes_on_as_if_nothing_had_happened(transformed, trained, tmp_path):
    whole, history = trained
    with pytest.raises(KeyboardInterrupt):
        _train(transformed, tmp_path, [_Killed(1)])
    resumed, again = _train(transformed, tmp_path)
    assert [e.epoch for e in again] == [1, 2]
    for before, after in zip(history, again):
        assert before.loss == pytest.approx(after.loss, rel=1e-5)
        assert before.metrics == pytest.approx(after.metrics, rel=1e-5)
    for one, other in zip(whole.trainable_variables, resumed.trainable_variables):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_finished_training_is_not_repeated(transformed, trained, checkpoints):
    first, _ = trained
    again, history = _train(transformed, checkpoints, [_Killed(1)])
    assert len(history) == 2
    np.testing.assert_array_equal(first.trainable_variables[0], again.trainable_variables[0])


def test_early_stop_leaves_the_best_epoch_s_model(transformed, tmp_path):
    model, history = _train(
        transformed,
        tmp_path,
        epochs=8,
        learning_rate=0.05,
        early_stopping={"monitor": "loss", "patience": 2},
    )
    settings = model.settings
    batches = input_data.batches(
        transformed.sequences("valid", settings), transformed.layout(settings), 1000
    )
    loss, _ = loop.Validation(model, batches, "loss")()
    assert loss == pytest.approx(min(e.val_loss for e in history), rel=1e-4)


def _validation(transformed, model, most=None):
    layout = transformed.layout(model.settings)
    batches = input_data.batches(transformed.sequences("valid", model.settings), layout, 1000, most)
    return loop.Validation(model, batches, "loss")


def test_validation_of_baskets_where_repeats_are_allowed(transformed):
    """Nothing is left out, each target has its place, and one outside the catalogue none."""
    settings = transformed.settings({"normalise": False})
    settings = dataclasses.replace(
        settings, data=dataclasses.replace(settings.data, repeats="allow")
    )
    model = transformed.model(settings)
    model.compute_loss(transformed.batch(settings))
    held_out = transformed.sequences("valid", settings)
    # the first event is a repeat; 13 is unknown
    baskets = held_out.map(
        lambda e: {
            **e,
            input_data.TARGETS: tf.concat(
                [e[input_data.TARGETS], e[input_data.ITEMS][:1], [13]], 0
            ),
        }
    )
    layout = transformed.layout(settings)
    _, metrics = loop.Validation(model, input_data.batches(baskets, layout, 1000), "loss")()
    vectors, gains = model.candidates(model.all_items()).numpy(), []
    for sequence in held_out:
        query = model.last_queries({n: v[tf.newaxis] for n, v in sequence.items()})[0].numpy()
        order = list(np.argsort(-vectors @ query) + 1)
        items = sequence[input_data.ITEMS].numpy()
        places = [1 + order.index(item) for item in (items[-1], items[0])]
        gains.append(sum(1 / math.log2(1 + p) for p in places if p <= 10) / (1 + 1 / math.log2(3)))
    assert metrics["NDCG@10"] == pytest.approx(np.mean(gains), rel=1e-5)


def _places(transformed, model):
    """Ranks of the held-out items, one request at a time."""
    vectors, places = model.candidates(model.all_items()).numpy(), []
    for sequence in transformed.sequences("valid", model.settings):
        query = model.last_queries({n: v[tf.newaxis] for n, v in sequence.items()})[0].numpy()
        seen = set(sequence[input_data.SEEN].numpy())
        order = [i for i in np.argsort(-vectors @ query) + 1 if i not in seen]
        places.append(1 + order.index(int(sequence[input_data.ITEMS][-1])))
    return np.array(places)


@pytest.mark.parametrize("most", [None, 3])
def test_validation_follows_the_weights_whatever_the_batches(transformed, most):
    # With the whole catalogue as candidates the loss does not depend on the batches either.
    settings = transformed.settings({"normalise": False}, {"candidates": "catalogue"})
    model, found = transformed.model(settings), []
    model.compute_loss(transformed.batch(settings))
    validate = _validation(transformed, model, most)
    for _ in range(2):
        loss, metrics = validate()
        places = _places(transformed, model)
        assert metrics["MRR@10"] == pytest.approx(np.mean(np.where(places <= 10, 1 / places, 0)))
        assert loss == pytest.approx(_validation(transformed, model)()[0], rel=1e-5)
        found.append((loss, metrics["MRR@10"]))
        for n, variable in enumerate(model.trainable_variables):
            noise = tf.random.stateless_normal(variable.shape, [1, n])
            variable.assign_add(noise)
    assert found[0] != found[1]


def test_validation_computes_the_items_once(transformed, monkeypatch):
    model = transformed.model(transformed.settings())
    model.compute_loss(transformed.batch(model.settings))
    validate, calls, candidates = _validation(transformed, model, most=3), [], model.candidates
    monkeypatch.setattr(
        model,
        "candidates",
        lambda ids, training=False: calls.append(len(ids)) or candidates(ids, training),
    )
    tf.config.run_functions_eagerly(True)
    try:
        validate()
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(calls) == 4  # the items, then the candidates of three batches
    assert [n for n in calls if n == 12] == [12]


def test_history_has_null_for_what_validation_could_not_measure(tmp_path):
    path = str(tmp_path / "history.json")
    callbacks.write_history(path, [_epoch(1, math.nan), _epoch(2, 0.5)])
    first, second = json.loads((tmp_path / "history.json").read_text())
    assert first["val_loss"] is None and first["metrics"] == {"NDCG@10": None}
    assert second["val_loss"] == 0.5
    read = callbacks.read_history(path)
    assert math.isnan(read[0].val_loss) and math.isnan(read[0].metrics["NDCG@10"])
    assert read[1] == _epoch(2, 0.5)


def test_a_loss_that_is_not_finite_is_an_error(transformed, tmp_path):
    with pytest.raises(FloatingPointError, match=r"Lower training\.learning_rate"):
        _train(transformed, tmp_path, learning_rate=1e30, lr_schedule="constant")


def _arguments(transformed, folder):
    settings = transformed.settings()
    sections = {name: strict.to_plain(getattr(settings, name)) for name in trainer.SECTIONS}
    return types.SimpleNamespace(
        custom_config={"config": sections, "checkpoint_root": str(folder / "checkpoints")},
        transform_output=transformed.graph,
        train_files=[transformed.files["train"], transformed.files["catalogue"]],
        eval_files=[transformed.files["valid"]],
        serving_model_dir=str(folder / "model"),
        model_run_dir=str(folder / "run"),
        base_model=None,
    )


@pytest.fixture(scope="module")
def exported(transformed, tmp_path_factory):
    """Folder of a training by `run_fn`, that was killed once, when it was about to export."""
    folder = tmp_path_factory.mktemp("exported")
    arguments = _arguments(transformed, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "save", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            trainer.run_fn(arguments)
    (checkpoints,) = (folder / "checkpoints").iterdir()
    shutil.copytree(checkpoints, folder / "copy")
    (folder / "digest").write_text(checkpoints.name)
    trainer.run_fn(arguments)
    return folder


def _interrupt(*_):
    raise KeyboardInterrupt


def test_checkpoints_stay_until_the_model_is_exported(exported):
    assert (exported / "copy" / "checkpoint").is_file()
    assert list((exported / "checkpoints").iterdir()) == []


def _requests(transformed):
    raw = [requests.read_raw_example(examples.serialize(r)) for r in transformed.raw["valid"]]
    batch = request_arrays.from_examples(raw, examples.data(), max_history=4)
    return {name: value for name, value in batch.items() if name != requests.EXCLUDE_ITEM_ID}


def test_the_exported_queries_are_the_model_s(transformed, exported):
    settings = transformed.settings()
    model, _ = trainer.train(
        settings=settings,
        transform=transformed.output,
        train_files=[transformed.files["train"]],
        catalogue_files=[transformed.files["catalogue"]],
        valid_files=[transformed.files["valid"]],
        checkpoint_folder=str(exported / "copy"),
    )
    saved = tf.saved_model.load(str(exported / "model"))
    given = {name: tf.constant(value) for name, value in _requests(transformed).items()}
    queries = saved.signatures["query"](**given)["query"].numpy()
    order = [n.decode() for n in trainer.vocabulary(transformed.output, features.ITEM_VOCABULARY)]
    sequences = list(transformed.sequences("valid", settings))
    expected = [model.last_queries({n: v[tf.newaxis] for n, v in s.items()})[0] for s in sequences]
    np.testing.assert_allclose(queries, expected, atol=1e-5)
    candidates = saved.signatures["candidates"]()
    assert [n.decode() for n in candidates["item_id"].numpy()] == order
    close.assert_close(  # vectors of length 1
        candidates["vector"], model.candidates(model.all_items()), roundings=close.SUMS, scale=1
    )


def test_the_exported_model_says_what_it_was_made_of(transformed, exported):
    made_of = lineage.read(str(exported / "model"))
    ids = trainer.vocabulary(transformed.output, features.ITEM_VOCABULARY)
    digest = (exported / "digest").read_text()  # of settings, code and examples
    assert made_of == lineage.describe(transformed.graph, ids, digest)


@pytest.mark.parametrize("change", ["settings", "code", "examples"])
def test_a_model_of_another_training_has_another_lineage(
    transformed, exported, change, monkeypatch
):
    arguments, found = _arguments(transformed, exported), []
    if change == "settings":
        arguments.custom_config["config"]["training"]["seed"] += 1
    elif change == "code":
        arguments.custom_config["source_digest"] = "other"
    else:
        arguments.train_files = [transformed.files["valid"], transformed.files["catalogue"]]
    model = types.SimpleNamespace(trainable_variables=[])
    monkeypatch.setattr(trainer, "train", lambda **_: (model, []))
    monkeypatch.setattr(export, "save", lambda *given: found.append(given[-1]))
    monkeypatch.setattr(trainer.tf.io.gfile, "rmtree", lambda _: None)
    arguments.model_run_dir = str(exported / "other")
    trainer.run_fn(arguments)
    before = lineage.read(str(exported / "model"))
    assert (found[0].transform, found[0].catalogue) == (before.transform, before.catalogue)
    assert found[0].recall != before.recall


def test_longer_histories_than_the_model_reads_are_legal(transformed, exported):
    saved = tf.saved_model.load(str(exported / "model"))
    one = {name: value[:1] for name, value in _requests(transformed).items()}
    sequence = {
        features.EVENT_ITEM_ID,
        features.EVENT_TIMESTAMP,
        "event_action_type",
        "event_rating",
        "context_device",
        "context_battery",
    }
    times = np.arange(10**9, 10**9 + 9)[np.newaxis]
    long = {n: np.repeat(v[:, :1], 9, axis=1) if n in sequence else v for n, v in one.items()}
    long |= {features.EVENT_TIMESTAMP: times, features.REQUEST_TIMESTAMP: times[:, -1] + 1}
    short = {n: v[:, -5:] if n in sequence else v for n, v in long.items()}
    query = saved.signatures["query"]
    ask = lambda batch: query(**{n: tf.constant(v) for n, v in batch.items()})["query"].numpy()
    np.testing.assert_allclose(ask(long), ask(short), atol=1e-5)


def test_the_exported_model_loads_without_this_package(exported, run_python):
    printed = run_python(f"""
        import sys, tensorflow as tf
        saved = tf.saved_model.load({str(exported / "model")!r})
        shape = saved.signatures["candidates"]()["vector"].shape
        print(sorted(saved.signatures), shape, [m for m in sys.modules if m.startswith("modules")])
    """)
    assert printed.strip() == "['candidates', 'features', 'query'] (12, 8) []"


def test_history_and_tensorboard_are_written(exported):
    history = json.loads((exported / "run" / "history.json").read_text())
    assert [e["epoch"] for e in history] == [1, 2]
    assert set(history[0]) == {f.name for f in dataclasses.fields(callbacks.Epoch)}
    assert {"HR@10", "NDCG@10", "MRR@10", "HR@200"} <= set(history[0]["metrics"])
    assert list((exported / "run").glob("events.out.tfevents.*"))
