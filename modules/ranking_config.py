"""The configuration's section `ranking`: the second stage, which orders recall's candidates again.

`config.py` reads it as a part of the whole; names of columns and features are checked there.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from modules import data_config, strict, training_config
from modules.strict import ConfigError


@dataclasses.dataclass(frozen=True)
class HoldOut:
    """Which training events the ranker learns from, so that its recall model has not seen them.

    `temporal`: the last part of every user's training events, or of the training period where
    `starts` is set; one more recall model is trained on what comes before. `cross_fit`: the last
    events of the users of each fold; `folds` recall models, each trained on the other users.
    `none`: the recall model that is released, whose scores of events that it was trained on are
    inflated; to show the leak, not to use it.
    """

    method: Literal["temporal", "cross_fit", "none"] = "temporal"
    requests: int = 10  # of each user, at most
    share: float = 0.2  # without `starts`: of a user's training events, at most
    # temporal: events from here on (date, date-time or Unix seconds)
    starts: float | str | None = None
    folds: int = 2  # of cross_fit

    def __post_init__(self) -> None:
        strict.at_least(self, requests=1, folds=2)
        if not 0 < self.share < 1:
            raise ConfigError(f"share: found {self.share}, expected a number between 0 and 1.")
        if self.starts is not None:
            if self.method != "temporal":
                raise ConfigError(
                    f"starts: only method: temporal has a start, found {self.method}."
                )
            data_config.unix_seconds("starts", self.starts)

    @property
    def parts(self) -> int:
        """How many recall models are trained for the ranker's sake."""
        return {"temporal": 1, "cross_fit": self.folds, "none": 0}[self.method]


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What is counted in the training events and travels inside the rank model."""

    windows_days: tuple[float, ...] = (1, 7, 30)  # of an item's popularity before the request
    days: int = 3650  # newest ones whose popularity is kept
    distance: int = 5  # events within which one item follows another
    # of the history, whose co-occurrence with a candidate counts
    last_events: tuple[int, ...] = (1, 5, 20)
    session_seconds: int = 60  # within which two events of a user count as made together
    session_events: int = 20  # and at most so many events apart
    similarity_items: int = 12_500  # EASE is fitted to catalogues of up to so many items; 0: never
    neighbours: int = 500  # of each item that are kept, of what follows it or is done with it
    similarity_neighbours: int = 500  # of each item that are kept of EASE's weights

    def __post_init__(self) -> None:
        strict.at_least(
            self,
            days=1,
            distance=1,
            session_seconds=0,
            session_events=1,
            similarity_items=0,
            neighbours=1,
            similarity_neighbours=1,
        )
        for name in ("windows_days", "last_events"):
            if any(not value > 0 for value in getattr(self, name)):
                raise ConfigError(
                    f"{name}: found {list(getattr(self, name))}, expected numbers above 0."
                )


@dataclasses.dataclass(frozen=True)
class Objective:
    """Another thing the ranker predicts of a candidate: a yes or no about the event, if it happens.

    Attributes:
      column: a column of the events: the action type, or feedback.
      values: categories for which the answer is yes; of a categorical column.
      at_least: the number from which on the answer is yes; of a numeric column.
      weight: weight of its loss; the loss of the next item weighs 1.
    """

    column: str
    values: tuple[str, ...] = ()
    at_least: float | None = None
    weight: float = 0.1  # of its loss; the next item's weighs 1

    def __post_init__(self) -> None:
        if bool(self.values) == (self.at_least is not None):
            raise ConfigError(
                "values: expected either values (of a category) or at_least (of a number)."
            )
        if not self.weight >= 0:
            raise ConfigError(f"weight: found {self.weight}, expected at least 0.")


@dataclasses.dataclass(frozen=True)
class RankModel:
    """The ranker. Each group of features is a switch, so that an ablation shows its gain."""

    dim: int = 32
    history: int = 20  # last events that target attention sees
    cross_layers: int = 2  # DCN-v2
    hidden: tuple[int, ...] = (32,)
    dropout: float = 0.3  # of the deep layers
    feature_dropout: float = 0.5  # of all groups of features but statistics and recall_score
    target_attention: bool = True  # DIN: the history, as it looks from the candidate
    # the whole of what it sees, not only how well it matches; for much data
    attention_vector: bool = False
    item_vectors: bool = True  # of the hold-out recall model, as features
    crosses: bool = True  # features.crosses
    context: bool = True  # the request's moment, session and declared context
    statistics: bool = True
    recall_score: bool = True  # and rank
    profile: bool = True  # user features
    item_features: bool = True

    def __post_init__(self) -> None:
        strict.at_least(self, dim=1, history=1, cross_layers=0)
        if any(width < 1 for width in self.hidden):
            raise ConfigError(f"hidden: found {list(self.hidden)}, expected widths of at least 1.")
        for name in ("dropout", "feature_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name}: found {getattr(self, name)}, expected 0 to below 1.")


@dataclasses.dataclass(frozen=True)
class RankEarlyStopping(training_config.EarlyStopping):
    """Early stopping as in recall, on the requests of the validation split.

    The loss is the softmax's over each list: where there is one request a user, a metric of the
    first places is too noisy to choose an epoch by.
    """

    monitor: str = "loss"
    patience: int = 3


@dataclasses.dataclass(frozen=True)
class RankWarmStart(training_config.WarmStart):
    """As that of recall."""

    epochs: int = 2


@dataclasses.dataclass(frozen=True)
class RankTraining:
    """How the ranker is trained."""

    loss: Literal["softmax", "bce"] = "softmax"  # over the list of candidates | of each candidate
    epochs: int = 6
    batch_requests: int = 64
    learning_rate: float = 2e-3
    lr_schedule: Literal["constant", "warmup_cosine"] = "warmup_cosine"
    warmup_fraction: float = 0.1
    weight_decay: float = 0.01
    # also learn from requests whose item recall missed, put last in the list
    missed_positives: bool = False
    early_stopping: RankEarlyStopping = RankEarlyStopping()
    warm_start: RankWarmStart = RankWarmStart()
    seed: int = 1

    def __post_init__(self) -> None:
        strict.at_least(self, epochs=1, batch_requests=1, weight_decay=0, seed=0)
        if not self.learning_rate > 0:
            raise ConfigError(
                f"learning_rate: found {self.learning_rate}, expected a number above 0."
            )
        if not 0 <= self.warmup_fraction < 1:
            raise ConfigError(
                f"warmup_fraction: found {self.warmup_fraction}, expected 0 to below 1."
            )


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The second stage; without it, a release holds recall alone."""

    enabled: bool = True
    hold_out: HoldOut = HoldOut()
    statistics: Statistics = Statistics()
    model: RankModel = RankModel()
    training: RankTraining = RankTraining()
    objectives: dict[str, Objective] = dataclasses.field(default_factory=dict)
