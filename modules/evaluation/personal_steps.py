"""The personal baselines on Beam: settings by the training events, and histories of requests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io import filesystems
from numpy import typing as npt

from modules import features, requests
from modules.evaluation import baselines, personal

OWN = "own"  # of a raw example: what the user had before the request, one `personal.Own`
WAYS = (  # last baskets, and decay, of personal recency; the preferred first
    *((baskets, 1.0) for baskets in (None, 50, 20, 10, 5, 1)),
    *((None, decay) for decay in (0.98, 0.95, 0.9, 0.8)),
)
DEPTH = 10  # of the NDCG that decides
MOST_USERS = 20_000  # that it is a mean of


@dataclasses.dataclass(frozen=True)
class Choice:
    """The settings with the highest NDCG@10 of personal recency, and that of all that were tried.

    Of equal ones the first: nothing is left out before something is, then as in `WAYS`.
    """

    users: int
    ndcg: dict[personal.Settings, float]

    @property
    def settings(self) -> personal.Settings:
        return max(self.ndcg, key=self.ndcg.__getitem__)

    def to_json(self) -> dict[str, Any]:
        """The chosen settings, and of each way the NDCG@10 that the better of its settings has."""
        chosen = self.settings
        return {
            "baskets": chosen.baskets,
            "decay": chosen.decay,
            "leaves_out_present": chosen.leaves_out_present,
            "users": self.users,
            f"NDCG@{DEPTH}": [
                {
                    "baskets": baskets,
                    "decay": decay,
                    "value": max(
                        value
                        for tried, value in self.ndcg.items()
                        if (tried.baskets, tried.decay) == (baskets, decay)
                    ),
                }
                for baskets, decay in WAYS
            ],
        }


def tried() -> list[personal.Settings]:
    """All settings among which the training events choose, the preferred first."""
    return [
        personal.Settings(baskets, leaves_out, decay)
        for leaves_out in (False, True)
        for baskets, decay in WAYS
    ]


class WriteSettings(beam.PTransform):
    """One `Choice` -> a file of the folder, for `take_settings`."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._path = _path(folder)

    def expand(self, choice: beam.PCollection) -> beam.PCollection:
        return (
            choice
            | "Json" >> beam.Map(lambda found: json.dumps(found.to_json()))
            | "Write" >> beam.io.WriteToText(self._path, num_shards=1, shard_name_template="")
        )


def take_settings(folder: str) -> dict[str, Any]:
    """What a report of evaluation says of the settings: {} where items do not repeat."""
    path = _path(folder)
    if not filesystems.FileSystems.exists(path):
        return {}
    with filesystems.FileSystems.open(path) as file:
        found = json.loads(file.read())
    filesystems.FileSystems.delete([path])
    return {"settings": {personal.RECENCY: found}}


def _path(folder: str) -> str:
    return os.path.join(folder, "settings.json")


def own(example: requests.RawExample) -> personal.Own | None:
    """What the user had before the request, where `add_own` looked it up."""
    found: personal.Own | None = next(iter(example.get(OWN, ())), None)
    return found


def add_own(
    parsed: Mapping[str, beam.PCollection], unit: str, popularity: beam.pvalue.AsSingleton
) -> tuple[dict[str, beam.PCollection], beam.PCollection]:
    """Chooses the settings, and adds `OWN` to the examples of valid and test.

    Args:
      parsed: examples of train, valid and test by split.
      unit: `split.unit`.
      popularity: `baselines.Popularity` of the training events.

    Returns:
      (examples of valid and test by split, one `Choice`).
    """
    events = {
        split: parsed[split]
        | f"Happened[{split}]"
        >> beam.Map(lambda example, split: baselines.keyed_events(split, example), split)
        for split in features.SEQUENCE_SPLITS
    }
    choice = events[features.SPLIT_TRAIN] | "ChooseSettings" >> Choose(unit, popularity)
    found, known = {}, [events[features.SPLIT_TRAIN]]
    for split in (features.SPLIT_VALID, features.SPLIT_TEST):
        known.append(events[split])  # a request knows earlier ones of its own split
        whole = known | f"HappenedBefore[{split}]" >> beam.Flatten()
        found[split] = parsed[split] | f"Own[{split}]" >> WithOwn(
            whole, beam.pvalue.AsSingleton(choice)
        )
    return found, choice


@beam.typehints.with_output_types(Choice)
class Choose(beam.PTransform):
    """Windows of train, each as `baselines.keyed_events` -> one `Choice`.

    Each user's last training unit, an event or a basket as `split.unit` says, is predicted from
    the events before it. Users without events before it do not count; of more than `MOST_USERS`
    about so many, by a digest of the id.
    """

    def __init__(self, unit: str, popularity: beam.pvalue.AsSingleton) -> None:
        """Chooses for one way of holding out.

        Args:
          unit: `split.unit`.
          popularity: `baselines.Popularity` of the training events.
        """
        super().__init__()
        self._unit, self._popularity = unit, popularity

    def expand(self, events: beam.PCollection) -> beam.PCollection:
        users = events | "ByUser" >> beam.GroupByKey()
        number = beam.pvalue.AsSingleton(users | "Users" >> beam.combiners.Count.Globally())
        return (
            users
            | "Sample" >> beam.Filter(lambda pair, number: drawn(pair[0], number), number)
            | "Predict" >> beam.FlatMap(_predict, self._unit, self._popularity)
            | "Mean" >> beam.CombineGlobally(_Mean())
        )


def drawn(user: bytes, users: int, most: int = MOST_USERS) -> bool:
    """Whether a user is among about `most` of this number of users, the same in every run."""
    lot = int.from_bytes(hashlib.sha256(user).digest()[:8], "big") / 2**64
    return lot * users < most


def _predict(
    windows: tuple[bytes, Iterable[list[baselines.Event]]],
    unit: str,
    popularity: baselines.Popularity,
) -> Iterator[npt.NDArray[np.float64]]:
    """NDCG@10 of a user's last unit by each of the settings, float64 [settings]."""
    events = sorted(event for window in windows[1] for event in window)
    last_place, time, _ = events[-1]
    held = [e for e in events if e[1] == time] if unit == "basket" else events[-1:]
    if len(held) == len(events):
        return
    history = personal.History(events)
    targets = list(dict.fromkeys(item for _, _, item in held))
    place = last_place + 1 - len(held)
    orders = [
        personal.Lists.of(history.before(place, time, settings), popularity).recency
        for settings in tried()
    ]
    wanted = popularity.places_of(targets)
    yield np.array([_ndcg(ordered, wanted, len(targets)) for ordered in orders])


def _ndcg(ordered: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], targets: int) -> float:
    """NDCG@10 (Järvelin and Kekäläinen, 2002) of a list whose items are right or not."""
    gains = 1 / np.log2(np.arange(2, DEPTH + 2))
    found = np.isin(ordered[:DEPTH], wanted)
    return float(gains[: len(found)] @ found / gains[:targets].sum())


class _Mean(beam.CombineFn):
    """Arrays [settings] -> a `Choice`; without any, all settings have 0."""

    def create_accumulator(self) -> tuple[int, npt.NDArray[np.float64]]:
        return 0, np.zeros(len(tried()))

    def add_input(
        self, accumulator: tuple[int, npt.NDArray[np.float64]], element: npt.NDArray[np.float64]
    ) -> tuple[int, npt.NDArray[np.float64]]:
        return accumulator[0] + 1, accumulator[1] + element

    def merge_accumulators(
        self, accumulators: Iterable[tuple[int, npt.NDArray[np.float64]]]
    ) -> tuple[int, npt.NDArray[np.float64]]:
        numbers, sums = zip(*accumulators)
        return sum(numbers), np.sum(sums, axis=0)

    def extract_output(self, accumulator: tuple[int, npt.NDArray[np.float64]]) -> Choice:
        users, sums = accumulator
        means = [round(float(value), 9) for value in sums / max(users, 1)]  # in whatever order
        return Choice(users, dict(zip(tried(), means)))


class WithOwn(beam.PTransform):
    """Parsed examples of valid or test -> the same with `OWN`, in the whole history before each."""

    def __init__(self, events: beam.PCollection, settings: beam.pvalue.AsSingleton) -> None:
        """Looks up these events.

        Args:
          events: of all splits up to that of the examples, each window as
            `baselines.keyed_events`.
          settings: a `Choice`.
        """
        super().__init__()
        self._events, self._settings = events, settings

    def expand(self, examples: beam.PCollection) -> beam.PCollection:
        asked = examples | "KeyExamples" >> beam.Map(
            lambda example: (example[features.USER_ID][0], example)
        )
        return (
            {"events": self._events, "asked": asked}
            | "Join" >> beam.CoGroupByKey()
            | "Own" >> beam.FlatMap(_with_own, self._settings)
        )


def _with_own(
    of_user: tuple[bytes, dict[str, Iterable[Any]]], choice: Choice
) -> Iterator[requests.RawExample]:
    _, joined = of_user
    asked = list(joined["asked"])
    if not asked:
        return
    history = personal.History(event for window in joined["events"] for event in window)
    settings = choice.settings
    for example in asked:
        times = example[features.EVENT_TIMESTAMP]
        place = example[features.WINDOW_START][0] + len(times) - 1
        yield {**example, OWN: [history.before(place, times[-1], settings)]}
