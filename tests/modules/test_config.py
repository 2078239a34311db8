"""The configuration's own rules: each contradiction is refused with the path of its key."""

from __future__ import annotations

import copy
import datetime
from typing import Any

import pytest

from modules import config, features, strict

EVENTS = {"user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"}
PLAIN: dict[str, Any] = {
    "name": "shop",
    "data": {
        "events": {"path": "e", "columns": EVENTS},
        "users": {"path": "u", "columns": {"user_id": "user_id", "age": "numeric"}},
        "items": {
            "path": "i",
            "columns": {"item_id": "item_id", "title": "title", "class": "multi_categorical"},
        },
    },
}


def _with(path: str, value: Any) -> dict[str, Any]:
    """PLAIN with one value at a dotted path."""
    changed = copy.deepcopy(PLAIN)
    *sections, last = path.split(".")
    inner = changed
    for section in sections:
        inner = inner.setdefault(section, {})
    inner[last] = value
    return changed


def test_shorthands():
    cfg = strict.read(config.Config, PLAIN)
    assert cfg.data.users.columns["age"] == config.Column(kind="numeric")
    assert cfg.data.events.columns["timestamp"] == config.Column(role="timestamp")


def test_a_configuration_survives_json():
    cfg = strict.read(config.Config, PLAIN)
    assert strict.read(config.Config, strict.to_plain(cfg)) == cfg


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # columns
        (
            "data.users.columns.age",
            "numerical",
            (
                "data.users.columns.age: found 'numerical', expected a kind (categorical, "
                "multi_categorical, numeric, vector) or a role (user_id, item_id, timestamp, "
                "action_type, weight, title, feature, context, ignore). Did you mean 'numeric'?"
            ),
        ),
        (
            "data.users.columns.age",
            {"role": "feature"},
            (
                "data.users.columns.age.kind: missing; a feature needs one of categorical, "
                "multi_categorical, numeric, vector."
            ),
        ),
        (
            "data.users.columns.user_id",
            {"role": "user_id", "kind": "numeric"},
            "data.users.columns.user_id.kind: a column with role user_id has no kind; remove it.",
        ),
        (
            "data.items.columns.image",
            "vector",
            (
                "data.items.columns.image.dimension: a vector needs its dimension, a whole number "
                "above 0."
            ),
        ),
        (
            "data.items.columns.image",
            {"kind": "numeric", "dimension": 3},
            (
                "data.items.columns.image.dimension: only a vector has one; remove it or set kind: "
                "vector."
            ),
        ),
        (
            "data.users.columns.age",
            {"kind": "numeric", "default": "old"},
            (
                "data.users.columns.age.default: found 'old', expected a finite number of at most "
                "3.4e38 for kind numeric."
            ),
        ),
        (
            "data.users.columns.age",
            {"kind": "numeric", "default": float("nan")},
            (
                "data.users.columns.age.default: found nan, expected a finite number of at most "
                "3.4e38 for kind numeric."
            ),
        ),
        (
            "data.users.columns.age",
            {"kind": "categorical", "default": 3},
            (
                "data.users.columns.age.default: found the number 3, expected a text for kind "
                "categorical. Put it in quotes."
            ),
        ),
        (
            "data.items.columns.title",
            {"role": "title", "default": 0},
            (
                "data.items.columns.title.default: found the number 0, expected a text for role "
                "title. Put it in quotes."
            ),
        ),
        # tables
        (
            "data.events.columns",
            {"user_id": "user_id", "item_id": "item_id"},
            (
                "data.events.columns: expected one column with role timestamp, found none. If the "
                "events have none, their order can stand for it: add timestamp: {from: file_order}."
            ),
        ),
        (
            "data.events.columns.again",
            "user_id",
            "data.events.columns: expected one column with role user_id, found user_id, again.",
        ),
        (
            "data.users.columns.when",
            "timestamp",
            (
                "data.users.columns.when.role: found timestamp, expected one of user_id, feature, "
                "ignore in users."
            ),
        ),
        (
            "data.users.columns.device",
            {"role": "context", "kind": "categorical"},
            (
                "data.users.columns.device.role: found context, expected one of user_id, feature, "
                "ignore in users."
            ),
        ),
        (
            "data.items.columns.name",
            "title",
            "data.items.columns: expected at most one column with role title, found title, name.",
        ),
        (
            "data.events.columns.tags",
            "multi_categorical",
            (
                "data.events.columns.tags.kind: found multi_categorical; a column of the events is "
                "categorical or numeric. Move it to users or items."
            ),
        ),
        # split
        (
            "split.min_events",
            2,
            "split.min_events: found 2, expected at least 3 (train, valid and test).",
        ),
        (
            "split.valid_from",
            "1998-03-01",
            (
                "split.valid_from: leave_one_out has no cut-off times; remove them or set method: "
                "temporal."
            ),
        ),
        (
            "split",
            {"method": "temporal"},
            (
                "split.valid_from: found None, expected a date like 1998-03-01, a date-time or "
                "Unix seconds."
            ),
        ),
        (
            "split",
            {"method": "temporal", "valid_from": "1998-03-01", "test_from": "1998-02-01"},
            "split.test_from: found 1998-02-01, expected a time after valid_from (1998-03-01).",
        ),
        # features
        (
            "features.timezone",
            "Europe/Berln",
            (
                "features.timezone: found 'Europe/Berln', expected a name like UTC or "
                "Europe/Berlin. Did you mean 'Europe/Berlin'?"
            ),
        ),
        (
            "features.crosses",
            [{"features": ["user_age"]}],
            "features.crosses[0].features: found ['user_age'], expected two or more to cross.",
        ),
        (
            "features.crosses",
            [{"features": ["user_age", "item_clas"]}],
            "features.crosses[0]: unknown feature 'item_clas'. Did you mean 'item_class'?",
        ),
        # model and training
        ("model.heads", 3, "model.heads: found 3, expected a divisor of dim (128)."),
        ("model.dropout", 1.0, "model.dropout: found 1.0, expected 0 to below 1."),
        (
            "training.negatives",
            "random",
            (
                "training.loss: infonce needs negatives: in_batch; with negatives: random use "
                "loss: bce."
            ),
        ),
        (
            "training",
            {"negatives": "random", "loss": "bce"},
            (
                "training.negatives: random needs model.normalise: false; it has no temperature, "
                "and the scores of vectors of length 1 stay between -1 and 1."
            ),
        ),
        ("training.temperature", 0, "training.temperature: found 0.0, expected a number above 0."),
        ("training.epochs", 0, "training.epochs: found 0, expected at least 1."),
        (
            "training.early_stopping",
            {"monitor": "ndcg"},
            (
                "training.early_stopping.monitor: found 'ndcg', expected loss, or HR, NDCG, MRR "
                "or Recall with a depth, like NDCG@10."
            ),
        ),
        (
            "training.action_weights",
            {"click": 1},
            "training.action_weights: no column of data.events has role action_type.",
        ),
        (
            "training.learning_rate",
            0,
            "training.learning_rate: found 0.0, expected a number above 0.",
        ),
        (
            "training.learning_rate",
            float("nan"),
            "training.learning_rate: found nan, expected a number above 0.",
        ),
        ("training.batch_positions", 0, "training.batch_positions: found 0, expected at least 1."),
        ("training.weight_decay", -0.1, "training.weight_decay: found -0.1, expected at least 0."),
        ("training.repeat_weight", -1, "training.repeat_weight: found -1.0, expected at least 0."),
        (
            "training.warmup_fraction",
            1.0,
            "training.warmup_fraction: found 1.0, expected 0 to below 1.",
        ),
        (
            "training.action_weights",
            {"click": -1},
            "training.action_weights.click: found -1.0, expected at least 0.",
        ),
        (
            "training.early_stopping",
            {"patience": 0},
            "training.early_stopping.patience: found 0, expected at least 1.",
        ),
        ("model.layers", 0, "model.layers: found 0, expected at least 1."),
        ("model.heads", 0, "model.heads: found 0, expected at least 1."),
        (
            "model.item_id_dropout",
            -0.5,
            "model.item_id_dropout: found -0.5, expected 0 to below 1.",
        ),
        ("features.max_history", 1, "features.max_history: found 1, expected at least 2."),
        (
            "features.crosses",
            [{"features": ["user_age", "item_class"], "buckets": 0}],
            "features.crosses[0].buckets: found 0, expected at least 1.",
        ),
        # evaluation, index, releases and runner
        ("evaluation.ks", [], "evaluation.ks: found [], expected depths of at least 1."),
        (
            "evaluation.primary",
            "NDGC@10",
            "evaluation.primary: unknown metric 'NDGC@10'. Did you mean 'NDCG@10'?",
        ),
        ("index.k", 0, "index.k: found 0, expected at least 1."),
        ("index.min_recall", 99, "index.min_recall: found 99.0, expected 0 to 1."),
        (
            "index.own_items",
            201,
            "index.own_items: found 201, expected at most k (200), of which they are a part.",
        ),
        ("index.additional.ease", -1, "index.additional.ease: found -1, expected at least 0."),
        ("index.own_items", -1, "index.own_items: found -1, expected at least 0."),
        (
            "index",
            {"leaves": 10, "leaves_to_search": 20},
            "index.leaves_to_search: found 20, expected at most leaves (10).",
        ),
        ("releases.keep", 0, "releases.keep: found 0, expected at least 1."),
        ("runner.workers", 0, "runner.workers: found 0, expected at least 1."),
        (
            "evaluation.thresholds",
            {"NDCG@11": {"min": 0.1}},
            "evaluation.thresholds: unknown metric 'NDCG@11'. Did you mean 'NDCG@10'?",
        ),
        (
            "evaluation.slices",
            ["item_class"],
            (
                "evaluation.slices[0]: unknown feature 'item_class'. Known: history_length, "
                "target_popularity, target_repeats, user_age."
            ),
        ),
        (
            "evaluation.primary",
            "Recall@10",
            (
                "evaluation.primary: Recall@10 needs split.unit: basket; with unit: event a "
                "request has one target, and it equals HR@10. Use HR@10."
            ),
        ),
        ("index.k", 50, "evaluation.ks: found 200, expected at most index.k (50)."),
        # ranking
        (
            "ranking.hold_out.share",
            1,
            "ranking.hold_out.share: found 1.0, expected a number between 0 and 1.",
        ),
        (
            "ranking.hold_out",
            {"method": "none", "starts": 5},
            "ranking.hold_out.starts: only method: temporal has a start, found none.",
        ),
        (
            "ranking.hold_out.starts",
            "soon",
            (
                "ranking.hold_out.starts: found 'soon', expected a date like 1998-03-01, a "
                "date-time or Unix seconds."
            ),
        ),
        (
            "ranking.hold_out.method",
            "cross_fit",
            (
                "ranking.model.item_vectors: found true with hold_out.method: cross_fit, whose "
                "recall models know the events of each other's folds; set model.item_vectors: "
                "false."
            ),
        ),
        (
            "ranking.statistics.windows_days",
            [1, 0],
            "ranking.statistics.windows_days: found [1.0, 0.0], expected numbers above 0.",
        ),
        (
            "ranking.model.hidden",
            [0],
            "ranking.model.hidden: found [0], expected widths of at least 1.",
        ),
        (
            "ranking.model.feature_dropout",
            1,
            "ranking.model.feature_dropout: found 1.0, expected 0 to below 1.",
        ),
        (
            "ranking.training.learning_rate",
            0,
            "ranking.training.learning_rate: found 0.0, expected a number above 0.",
        ),
        (
            "ranking.training.early_stopping.monitor",
            "AUC",
            (
                "ranking.training.early_stopping.monitor: found 'AUC', expected loss, or HR, NDCG, "
                "MRR or Recall with a depth, like NDCG@10."
            ),
        ),
        (
            "ranking.objectives",
            {"buy": {"column": "rating"}},
            (
                "ranking.objectives.buy.values: expected either values (of a category) or at_least "
                "(of a number)."
            ),
        ),
        (
            "ranking.objectives",
            {"buy": {"column": "raiting", "at_least": 4}},
            (
                "ranking.objectives.buy.column: found 'raiting', expected a column of data.events "
                "with the role action_type or feature."
            ),
        ),
        (
            "evaluation.slice_floors",
            {"user_age": {"HR@10": 0.1}},
            "evaluation.slice_floors: 'user_age' is not among evaluation.slices; add it there.",
        ),
        (
            "evaluation",
            {"slices": ["user_age"], "slice_floors": {"user_age": {"HR@11": 0.1}}},
            "evaluation.slice_floors.user_age: unknown metric 'HR@11'. Did you mean 'HR@10'?",
        ),
        ("name", "My Shop", "name: found 'My Shop', expected small letters, digits, - and _."),
    ],
)
def test_refuses(path, value, message):
    with pytest.raises(strict.ConfigError) as caught:
        strict.read(config.Config, _with(path, value))
    assert str(caught.value) == message


def test_recall_of_baskets_is_a_metric():
    evaluation = {
        "primary": "Recall@50",
        "thresholds": {"Recall@10": {"min": 0.1}},
        "slices": ["user_age"],
        "slice_floors": {"user_age": {"Recall@200": 0.1}},
    }
    plain = {**_with("evaluation", evaluation), "split": {"unit": "basket"}}
    assert strict.read(config.Config, plain).evaluation.primary == "Recall@50"
    for name, path in (
        ("thresholds", "thresholds: Recall@10"),
        ("slice_floors", "slice_floors.user_age: Recall@200"),
    ):
        kept = {"slices": ["user_age"], name: evaluation[name]}
        with pytest.raises(strict.ConfigError, match=f"evaluation.{path} needs split.unit: basket"):
            strict.read(config.Config, _with("evaluation", kept))


def test_floors_need_both_stages():
    plain = _with(
        "evaluation", {"slices": ["user_age"], "slice_floors": {"user_age": {"HR@10": 0.1}}}
    )
    strict.read(config.Config, plain)
    with pytest.raises(
        strict.ConfigError, match=r"evaluation\.slice_floors: only the two stages together"
    ):
        strict.read(config.Config, {**plain, "ranking": {"enabled": False}})


def test_an_objective_asks_a_column_of_the_events_by_its_kind():
    plain = _with("data.events.columns.rating", {"kind": "numeric"})
    strict.read(
        config.Config,
        {**plain, "ranking": {"objectives": {"liked": {"column": "rating", "at_least": 4}}}},
    )
    with pytest.raises(strict.ConfigError, match="column rating is numeric, expected at_least"):
        strict.read(
            config.Config,
            {**plain, "ranking": {"objectives": {"liked": {"column": "rating", "values": ["4"]}}}},
        )


@pytest.mark.parametrize("key", ["Fav Cat", "a.b", "a/b", "a-b", "größe", ""])
def test_the_key_of_a_feature_has_to_name_an_input_of_the_model(key):
    plain = copy.deepcopy(PLAIN)
    plain["data"]["users"]["columns"][key] = "categorical"
    with pytest.raises(strict.ConfigError) as caught:
        strict.read(config.Config, plain)
    assert str(caught.value) == (
        f"data.users.columns.{key}: found the key {key!r}, expected letters a-z or A-Z, digits "
        "and _, for it names an input of the model. Rename the key and keep the name in the file "
        f"as source: {key!r}."
    )


@pytest.mark.parametrize(
    ("table", "key", "column"),
    [
        ("users", "Age_2", {"kind": "numeric", "source": "Fav Cat"}),
        ("users", "2nd", {"kind": "numeric"}),
        ("users", "who is it", "ignore"),
        ("items", "the title", "title"),  # its name in the model is always item_title
    ],
)
def test_other_keys_and_sources_are_free(table, key, column):
    plain = copy.deepcopy(PLAIN)
    plain["data"][table]["columns"].pop("title", None)
    plain["data"][table]["columns"][key] = column
    assert key in getattr(strict.read(config.Config, plain).data, table).columns


TAKEN = (
    "data.{}: its name in the model would be '{}', which is that of {}. "
    "Rename the key and keep the name "
)


@pytest.mark.parametrize(
    ("path", "column", "name", "owner"),
    [
        ("items.columns.item_title", "categorical", "item_title", "data.items.columns.title"),
        ("items.columns.id", "categorical", "item_id", "data.events.columns.item_id"),
        ("users.columns.id", "categorical", "user_id", "data.events.columns.user_id"),
        ("users.columns.user_age", "numeric", "user_age", "data.users.columns.age"),
        (
            "events.columns.event_timestamp",
            "numeric",
            "event_timestamp",
            "data.events.columns.timestamp",
        ),
        (
            "events.columns.event_item_id",
            "categorical",
            "event_item_id",
            "data.events.columns.item_id",
        ),
        (
            "events.columns.time_of_day",
            "categorical",
            "event_time_of_day",
            "a feature derived from the timestamp",
        ),
        (
            "events.columns.context_timestamp",
            {"role": "context", "kind": "numeric"},
            "request_timestamp",
            "data.events.columns.timestamp",
        ),
    ],
)
def test_two_columns_with_one_name_in_the_model_are_refused(path, column, name, owner):
    with pytest.raises(strict.ConfigError) as caught:
        strict.read(config.Config, _with(f"data.{path}", column))
    key = path.rpartition(".")[2]
    assert str(caught.value) == f"{TAKEN.format(path, name, owner)}in the file as source: {key}."


def test_an_action_type_and_a_feature_with_its_name_are_refused():
    columns = {
        **EVENTS,
        "kind": "action_type",
        "action_type": {"kind": "categorical", "source": "act"},
    }
    with pytest.raises(strict.ConfigError) as caught:
        strict.read(config.Config, _with("data.events.columns", columns))
    assert str(caught.value) == (
        TAKEN.format("events.columns.action_type", "event_action_type", "data.events.columns.kind")
        + "in the file as source: act."
    )


def test_names_of_different_tables_do_not_meet():
    changed = _with("data.items.columns.age", "numeric")
    changed["data"]["events"]["columns"] = {
        **EVENTS,
        "user_age": "numeric",
        "age": "numeric",
        "item_age": {"role": "context", "kind": "numeric"},
    }
    names = {f.name for f in features.all_features(strict.read(config.Config, changed).data)}
    assert names == {
        "user_age",
        "item_age",
        "item_class",
        "event_user_age",
        "event_age",
        "context_item_age",
    }


@pytest.mark.parametrize(
    ("column", "default"),
    [
        ({"kind": "categorical", "default": "0"}, "0"),
        ({"kind": "multi_categorical", "default": "1e3"}, "1e3"),
        ({"kind": "numeric", "default": "1e-3"}, 0.001),  # so YAML 1.1 reads it
        ({"kind": "numeric", "default": 7}, 7.0),
    ],
)
def test_a_default_has_the_type_of_its_kind_also_after_json(column, default):
    cfg = strict.read(config.Config, _with("data.users.columns.x", column))
    again = strict.read(config.Config, strict.to_plain(cfg))
    for read in (cfg, again):
        found = read.data.users.columns["x"].default
        assert found == default and type(found) is type(default)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("888710400", datetime.datetime(1998, 3, 1, tzinfo=datetime.timezone.utc)),
        ("1998-03-01", datetime.datetime(1998, 3, 1, tzinfo=datetime.timezone.utc)),
        ("1998-03-01T02:00:00+02:00", datetime.datetime(1998, 3, 1, tzinfo=datetime.timezone.utc)),
        ("1998-03-01T00:00:00Z", datetime.datetime(1998, 3, 1, tzinfo=datetime.timezone.utc)),
        (888710400.0, datetime.datetime(1998, 3, 1, tzinfo=datetime.timezone.utc)),
    ],
)
def test_cutoff_times(text, expected):
    assert config.unix_seconds("valid_from", text) == expected.timestamp() == 888710400


@pytest.mark.parametrize(
    ("column", "fill"),
    [
        (config.Column(kind="numeric"), 0.0),
        (config.Column(kind="numeric", default=3.0), 3.0),
        (config.Column(kind="vector", dimension=2), 0.0),
        (config.Column(kind="categorical"), ""),
        (config.Column(kind="categorical", default="none"), "none"),
    ],
)
def test_what_fills_a_gap(column, fill):
    assert column.fill == fill


def _timeless(path: str = "name", value: Any = "shop") -> dict[str, Any]:
    """Events without times, with one value at a dotted path."""
    changed = _with(path, value)
    columns = {"user_id": "user_id", "item_id": "item_id", "order": {"from": "file_order"}}
    changed["data"]["events"]["columns"] = columns
    return changed


def test_recall_does_not_learn_from_a_hidden_time():
    cfg = strict.read(config.Config, _with("data.request_time", "hidden"))

    assert not cfg.model.request_time
    assert cfg.model.time_features and cfg.model.relative_time
    assert strict.read(config.Config, _with("name", "shop")).model.request_time


@pytest.mark.parametrize(
    ("unit", "declared", "shuffled"),
    [("event", None, None), ("basket", None, True), ("basket", False, False)],
)
def test_the_order_inside_a_basket_is_none_unless_declared(unit, declared, shuffled):
    cfg = strict.read(
        config.Config,
        {**_with("split.unit", unit), "training": {"shuffle_ties": declared}},
    )

    assert cfg.training.shuffle_ties is shuffled


def test_without_times_nothing_learns_from_them():
    cfg = strict.read(config.Config, _timeless("ranking.statistics.session_events", 7))

    assert not any((cfg.model.time_features, cfg.model.request_time, cfg.model.relative_time))
    assert cfg.model.relative_positions
    assert cfg.training.shuffle_ties is False
    assert cfg.ranking.statistics.windows_days == ()
    assert cfg.ranking.statistics.session_seconds == 7  # one event stands for a second
    assert features.time_features(cfg.data) == ()
    assert strict.read(config.Config, strict.to_plain(cfg)) == cfg


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "split",
            {"method": "temporal", "valid_from": 5, "test_from": 9},
            (
                "split.method: temporal: needs times, and the events have none "
                "(data.events.columns.order: {from: file_order}). Use leave_one_out, or declare a "
                "column of time."
            ),
        ),
        (
            "ranking.hold_out.starts",
            5,
            (
                "ranking.hold_out.starts: needs times, and the events have none "
                "(data.events.columns.order: {from: file_order}). Use ranking.hold_out.share, "
                "which counts events, or declare a column of time."
            ),
        ),
    ],
)
def test_what_needs_times_is_refused_without_them(path, value, message):
    with pytest.raises(strict.ConfigError) as caught:
        strict.read(config.Config, _timeless(path, value))
    assert str(caught.value) == message
