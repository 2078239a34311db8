"""The configuration: what one YAML file may declare, with its defaults.

Nothing else names a column.

Read it with `strict.read(Config, mapping)`. All values are frozen; contradictions raise
`strict.ConfigError` with the path of the key. The sections `data` and `split` are those of
data_config.py.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from typing import Literal

from modules import features, strict
from modules.columns import Number, check_timezone
from modules.data_config import Column, Data, Kind, Split, Table, unix_seconds
from modules.ranking_config import Ranking
from modules.runner_config import Environment, Runner
from modules.strict import ConfigError
from modules.training_config import EarlyStopping, WarmStart

__all__ = [  # with the sections that other modules declare
    "Column",
    "Config",
    "ConfigError",
    "Cross",
    "Data",
    "EarlyStopping",
    "Environment",
    "Evaluation",
    "Features",
    "Index",
    "Kind",
    "Number",
    "Ranking",
    "RecallModel",
    "Releases",
    "Runner",
    "Split",
    "Table",
    "Threshold",
    "Training",
    "WarmStart",
    "unix_seconds",
]


@dataclasses.dataclass(frozen=True)
class Cross:
    """A hashed cross of features.

    Attributes:
      features: names of two or more features of users and items, as the models see them
          (`user_age`, `item_class`).
      buckets: number of buckets into which combinations of values are hashed.
    """

    features: tuple[str, ...]
    buckets: int = 1000

    def __post_init__(self) -> None:
        strict.at_least(self, buckets=1)
        if len(self.features) < 2:
            raise ConfigError(
                f"features: found {list(self.features)}, expected two or more to cross."
            )


@dataclasses.dataclass(frozen=True)
class Features:
    """What is derived from the columns, for training and serving alike."""

    max_history: int = 200  # events the models see, L
    # newest events in which repeats are looked for, where they are allowed; of those before
    # max_history, so many items are remembered, with how often and when (earlier.py)
    repeat_history: int = 1000
    repeat_items: int = 256
    timezone: str = "UTC"  # of time_of_day and day_of_week
    crosses: tuple[Cross, ...] = ()

    def __post_init__(self) -> None:
        strict.at_least(self, max_history=2, repeat_history=1, repeat_items=0)
        check_timezone(self.timezone)


def _shares(section: RecallModel | Training, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(section, name) < 1:
            raise ConfigError(f"{name}: found {getattr(section, name)}, expected 0 to below 1.")


@dataclasses.dataclass(frozen=True)
class RecallModel:
    """The two towers of the recall model."""

    dim: int = 128
    layers: int = 2
    heads: int = 2
    dropout: float = 0.3
    feed_forward: int = 4  # width of the feed-forward layers, in multiples of dim
    norm_first: bool = True  # Pre-LayerNorm; false is the existing recommender's Post-LN
    relative_positions: bool = True  # attention also learns from how many events lie between
    relative_time: bool = True  # and from how much time lies between; ignored without time_features
    time_features: bool = True  # of the history's events
    request_time: bool = True  # of the moment of the request
    event_features: bool = True  # feedback and action type of the history's events
    context_features: bool = True  # declared context of the events and of the request
    user_features: bool = True
    item_features: bool = True
    # share of ids hidden in training, so that features alone mean something
    item_id_dropout: float = 0.0
    normalise: bool = True  # both towers' vectors have length 1; false is the plain dot product

    def __post_init__(self) -> None:
        strict.at_least(self, dim=1, layers=1, heads=1, feed_forward=1)
        if self.dim % self.heads:
            raise ConfigError(f"heads: found {self.heads}, expected a divisor of dim ({self.dim}).")
        _shares(self, "dropout", "item_id_dropout")


@dataclasses.dataclass(frozen=True)
class Training:
    """How the recall model is trained.

    Each measure is a switch, so that an ablation shows its gain.
    """

    epochs: int = 26
    batch_positions: int = 2048  # target positions a batch holds at most
    cache: bool = True  # keeps the training sequences in memory; else they are read in each epoch
    # requests that each epoch is validated on, spread evenly over all; None: as many as give two
    # billion scores, 1,000 to 50,000
    validation_requests: int | None = None
    # Each epoch puts a user's events of the same second in another order; None: with baskets, and
    # where their order in the file says nothing, see recall/training_events.py.
    shuffle_ties: bool | None = None
    learning_rate: float = 2e-3
    lr_schedule: Literal["constant", "warmup_cosine"] = "warmup_cosine"
    warmup_fraction: float = 0.1  # of all steps; ignored with lr_schedule: constant
    weight_decay: float = 0.0
    early_stopping: EarlyStopping = EarlyStopping()
    warm_start: WarmStart = WarmStart()
    # random: one unseen item a positive; needs loss: bce and model.normalise: false, and ignores
    # the fields from temperature to mask_duplicates.
    negatives: Literal["random", "in_batch"] = "in_batch"
    loss: Literal["bce", "infonce"] = "infonce"
    temperature: float = 0.1  # scores are divided by it, whichever the loss
    learn_temperature: bool = False
    # ignored with loss: bce, and with candidates: catalogue (no sampling)
    logq_correction: bool = True
    # What a query is scored against: the batch's items, each once; one for every target; all items.
    candidates: Literal["distinct", "targets", "catalogue"] = "distinct"
    # The user's other positives are no negatives; where repeats are allowed, those of one time.
    mask_own_positives: bool = True
    # Accidental hits: an item that equals the positive is no negative. Only candidates: targets has
    # any.
    mask_duplicates: bool = True
    # Of a target in the loss, by action type; types that are not named weigh 1.
    action_weights: dict[str, float] = dataclasses.field(default_factory=dict)
    # Of a target in the loss whose item stands before it, too; where repeats are allowed.
    repeat_weight: float = 1.0
    # What the embeddings of item ids start from; auto: by the events an item, see
    # recall/initial_vectors.py.
    initial_vectors: Literal["auto", "co_occurrence", "random"] = "auto"
    seed: int = 1

    def __post_init__(self) -> None:
        if self.negatives == "random" and self.loss == "infonce":
            raise ConfigError(
                "loss: infonce needs negatives: in_batch; with negatives: random use loss: bce."
            )
        for name in ("temperature", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"{name}: found {getattr(self, name)}, expected a number above 0."
                )
        strict.at_least(
            self,
            epochs=1,
            batch_positions=1,
            validation_requests=1,
            weight_decay=0,
            repeat_weight=0,
            seed=0,
        )
        _shares(self, "warmup_fraction")
        for action, weight in self.action_weights.items():
            if not weight >= 0:
                raise ConfigError(f"action_weights.{action}: found {weight}, expected at least 0.")


@dataclasses.dataclass(frozen=True)
class Additional:
    """Candidates beside those of the index, which the ranker orders with them.

    Attributes:
      co_occurrence: those that followed the last events most often.
      ease: those with the highest scores of EASE; none where the catalogue is too large for it.
    """

    co_occurrence: int = 0
    ease: int = 0

    def __post_init__(self) -> None:
        strict.at_least(self, co_occurrence=0, ease=0)


@dataclasses.dataclass(frozen=True)
class Index:
    """The nearest-neighbour index. Parameters left out are derived from the catalogue's size."""

    body: Literal["auto", "exact", "ivf", "scann"] = "auto"
    k: int = 200
    max_exclusions: int = 1024  # seen items and deny-list together, per request
    # items of the user's history that are among the k by right, where repeats are allowed; None:
    # half of k
    own_items: int | None = None
    additional: Additional = Additional()
    leaves: int | None = None
    leaves_to_search: int | None = None
    reorder: int | None = None
    anisotropic_threshold: float = 0.3
    min_recall: float = 0.99  # of recall@k against exact search; the gate
    gate_queries: int = 1000

    @property
    def most_own_items(self) -> int:
        """`own_items`, or what it is by default."""
        return self.k // 2 if self.own_items is None else self.own_items

    @property
    def places(self) -> int:
        """Of the list that recall gives: `k`, and one for each additional candidate."""
        return self.k + self.additional.co_occurrence + self.additional.ease

    def __post_init__(self) -> None:
        strict.at_least(
            self,
            k=1,
            max_exclusions=0,
            own_items=0,
            leaves=1,
            leaves_to_search=1,
            reorder=1,
            gate_queries=1,
        )
        if self.most_own_items > self.k:
            raise ConfigError(
                f"own_items: found {self.own_items}, expected at most k ({self.k}), of which they "
                "are a part."
            )
        if not 0 <= self.min_recall <= 1:
            raise ConfigError(f"min_recall: found {self.min_recall}, expected 0 to 1.")
        if self.leaves and self.leaves_to_search and self.leaves_to_search > self.leaves:
            raise ConfigError(
                f"leaves_to_search: found {self.leaves_to_search}, expected at most leaves "
                f"({self.leaves})."
            )


# ease is measured up to 20,000 items, those after it where items may repeat
Baseline = Literal[
    "popularity", "co_occurrence", "ease", "personal_frequency", "personal_recency", "gp_topfreq"
]


@dataclasses.dataclass(frozen=True)
class Threshold:
    """Bounds of one metric for a blessing.

    Attributes:
      min: the lowest value; without it there is no bound.
      beats: baselines whose values it has to exceed.
    """

    min: float | None = None
    beats: tuple[Baseline, ...] = ()


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Full ranking over the catalogue, without seen items where repeats are excluded."""

    ks: tuple[int, ...] = (10, 50, 200)
    # features as the models name them, history_length, target_popularity, target_repeats
    slices: tuple[str, ...] = ()
    thresholds: dict[str, Threshold] = dataclasses.field(
        default_factory=lambda: {"NDCG@10": Threshold(beats=("popularity",))}
    )
    primary: str = "NDCG@10"  # compared with the last blessed model and the best of `baselines`
    baselines: tuple[Baseline, ...] = typing.get_args(Baseline)  # as far as they were measured
    # Lowest values of metrics of two stages, in every group of a slice, as in
    # {user_gender: {HR@10: 0.1}}.
    slice_floors: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    min_slice_users: int = 30

    def __post_init__(self) -> None:
        if not self.ks or min(self.ks) < 1:
            raise ConfigError(f"ks: found {list(self.ks)}, expected depths of at least 1.")
        strict.at_least(self, min_slice_users=1)
        known = [f"{m}@{k}" for m in ("HR", "NDCG", "MRR", "Recall") for k in self.ks]
        for name, keys in (("thresholds", self.thresholds), ("primary", (self.primary,))):
            for key in keys:
                if key not in known:
                    raise ConfigError(
                        f"{name}: unknown metric {key!r}.{strict.nearest(key, known)}"
                    )
        for name, floors in self.slice_floors.items():
            if name not in self.slices:
                raise ConfigError(
                    f"slice_floors: {name!r} is not among evaluation.slices; add it there."
                    + strict.nearest(name, self.slices)
                )
            for key in floors:
                if key not in known:
                    raise ConfigError(
                        f"slice_floors.{name}: unknown metric {key!r}." + strict.nearest(key, known)
                    )


@dataclasses.dataclass(frozen=True)
class Releases:
    """What becomes of old releases. No component reads it: a change makes no new release."""

    keep: int | None = 10  # the newest; None keeps all

    def __post_init__(self) -> None:
        strict.at_least(self, keep=1)


@dataclasses.dataclass(frozen=True)
class Config:
    """One data set and what to learn from it."""

    name: str
    data: Data
    split: Split = Split()
    features: Features = Features()
    model: RecallModel = RecallModel()
    training: Training = Training()
    index: Index = Index()
    ranking: Ranking = Ranking()
    evaluation: Evaluation = dataclasses.field(default_factory=Evaluation)
    releases: Releases = Releases()
    runner: Runner = Runner()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", self.name):
            raise ConfigError(
                f"name: found {self.name!r}, expected small letters, digits, - and _."
            )
        features.check_names(self.data)
        if self.data.events.is_timeless:
            self._do_without_times()
        if self.data.hides_request_time:
            model = dataclasses.replace(self.model, request_time=False)
            object.__setattr__(self, "model", model)
        if self.split.unit == "basket" and self.training.shuffle_ties is None:
            training = dataclasses.replace(self.training, shuffle_ties=True)
            object.__setattr__(self, "training", training)
        if self.training.negatives == "random" and self.model.normalise:
            raise ConfigError(
                "training.negatives: random needs model.normalise: false; it has no "
                "temperature, and the scores of vectors of length 1 stay between -1 and 1."
            )
        known = [f.name for f in features.all_features(self.data)]
        for n, cross in enumerate(self.features.crosses):
            for feature in cross.features:
                if feature not in known:
                    raise ConfigError(
                        f"features.crosses[{n}]: unknown feature {feature!r}."
                        + strict.nearest(feature, known)
                    )
        sliceable = [
            f.name for f in features.all_features(self.data) if f.table in ("user", "context")
        ]
        sliceable += ["history_length", "target_popularity", "target_repeats"]
        for n, name in enumerate(self.evaluation.slices):
            if name not in sliceable:
                raise ConfigError(
                    f"evaluation.slices[{n}]: unknown feature {name!r}."
                    + strict.nearest(name, sliceable)
                )
        if self.training.action_weights and not self.data.events.column_with("action_type"):
            raise ConfigError(
                "training.action_weights: no column of data.events has role action_type."
            )
        self._check_recall_metric()
        self._check_ranking()
        if self.index.k < max(self.evaluation.ks):
            raise ConfigError(
                f"evaluation.ks: found {max(self.evaluation.ks)}, expected at most index.k "
                f"({self.index.k})."
            )

    def _do_without_times(self) -> None:
        """Refuses what needs times, and switches off what would learn from them.

        The number of an event in its user's history stands for its time (`event_timestamp`), so a
        session is bounded by its events alone.
        """
        column = self.data.events.column_with("timestamp")
        for key, asked, remedy in (
            ("split.method: temporal", self.split.method == "temporal", "leave_one_out"),
            ("split.unit: basket", self.split.unit == "basket", "event"),
            (
                "ranking.hold_out.starts",
                self.ranking.hold_out.starts is not None,
                "ranking.hold_out.share, which counts events",
            ),
        ):
            if asked:
                raise ConfigError(
                    f"{key}: needs times, and the events have none (data.events.columns.{column}: "
                    f"{{from: file_order}}). Use {remedy}, or declare a column of time."
                )
        without: dict[str, object] = {
            "model": dataclasses.replace(
                self.model, relative_time=False, time_features=False, request_time=False
            ),
            "training": dataclasses.replace(self.training, shuffle_ties=False),
            "ranking": dataclasses.replace(
                self.ranking,
                statistics=dataclasses.replace(
                    self.ranking.statistics,
                    windows_days=(),
                    session_seconds=self.ranking.statistics.session_events,
                ),
            ),
        }
        for name, section in without.items():
            object.__setattr__(self, name, section)

    def _check_recall_metric(self) -> None:
        """Refuses Recall@k where it is HR@k: where a request has one target."""
        if self.split.unit == "basket":
            return
        evaluation = self.evaluation
        for path, metrics in {
            "thresholds": evaluation.thresholds,
            "primary": (evaluation.primary,),
            **{f"slice_floors.{name}": found for name, found in evaluation.slice_floors.items()},
        }.items():
            for metric in metrics:
                if metric.startswith("Recall@"):
                    same = metric.replace("Recall", "HR")
                    raise ConfigError(
                        f"evaluation.{path}: {metric} needs split.unit: basket; with unit: event a "
                        f"request has one target, and it equals {same}. Use {same}."
                    )

    def _check_ranking(self) -> None:
        if self.evaluation.slice_floors and not self.ranking.enabled:
            raise ConfigError(
                "evaluation.slice_floors: only the two stages together have floors, found "
                "ranking.enabled: false. Remove the floors, or enable ranking."
            )
        ranking = self.ranking
        if (
            ranking.enabled
            and ranking.hold_out.method == "cross_fit"
            and ranking.model.item_vectors
        ):
            raise ConfigError(
                "ranking.model.item_vectors: found true with hold_out.method: cross_fit, whose "
                "recall models know the events of each other's folds; set model.item_vectors: "
                "false."
            )
        columns = {f.column: f for f in features.event_features(self.data)}
        for name, objective in self.ranking.objectives.items():
            path = f"ranking.objectives.{name}"
            if not re.fullmatch(r"[a-z]\w*", name, re.ASCII):
                raise ConfigError(
                    f"{path}: found {name!r}, expected small letters, digits and _; it names "
                    "an output of the model."
                )
            if objective.column not in columns:
                raise ConfigError(
                    f"{path}.column: found {objective.column!r}, expected a column of "
                    "data.events with the role action_type or feature."
                    + strict.nearest(objective.column, columns)
                )
            kind = columns[objective.column].kind
            needs = "at_least" if kind == "numeric" else "values"
            if getattr(objective, needs) in (None, ()):
                raise ConfigError(f"{path}: column {objective.column} is {kind}, expected {needs}.")
