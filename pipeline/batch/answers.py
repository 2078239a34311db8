"""Answers users on Beam: histories and profiles in, Parquet files of their first k items out.

A request is what the gateway makes of a user that its store knows (serving/gateway/users.py), and
the models are asked as `recsys recommend` asks them (modules/two_stage.py).

What a file holds does not depend on the runner: users are divided by a digest of their ids into
batches, which are answered in the order of the ids, and batches into files.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet
from apache_beam.io import filesystems
from apache_beam.metrics import Metrics
from numpy import typing as npt

from modules import catalogue, request_arrays, two_stage
from modules.beam import counting, errors, loaded, users
from serving.gateway import columns, wire
from serving.gateway import users as asking
from serving.history import store

USERS_A_BATCH, USERS_A_FILE = 256, 20_000  # at about so many
REQUESTS_A_CALL = 64
SUMMARY_FILE = "_summary.json"  # readers of Parquet leave files alone that begin so
SCHEMA = pa.schema(
    {
        "user_id": pa.string(),
        "rank": pa.int32(),
        "item_id": pa.string(),
        "recall_rank": pa.int32(),
        "recall_score": pa.float32(),
        "rank_score": pa.float32(),  # null where recall answers alone
    }
)
_COUNTS = ("users", "users_without_events", "short_lists", "recommendations")
_ROWS, _NUMBERS, _ITEMS = "rows", "numbers", "items"  # outputs

_SHOWN = 5  # unknown ids named in the summary

_told: Callable[[int], object] | None = None  # see `telling`


@dataclasses.dataclass(frozen=True)
class Ask:
    """What every user is asked about.

    Attributes:
      models: folders of recall and, for two stages, of rank; workers read them.
      about: what the release says of requests.
      k: items a user.
      at: Unix seconds; None for the time of the data's last event.
      exclude_seen: whether items of the history are left out.
    """

    models: tuple[str, ...]
    about: catalogue.About
    k: int
    at: int | None
    exclude_seen: bool


@contextlib.contextmanager
def telling(told: Callable[[int], object]) -> Iterator[None]:
    """Tells `told` how many more users this process has answered, while the block runs."""
    global _told  # noqa: PLW0603 - Beam makes copies of what answers, and hands nothing to them
    _told = told
    try:
        yield
    finally:
        _told = None


class WriteAnswers(beam.PTransform):
    """Users (`modules.beam.users.User`) -> Parquet files, and the summary as JSON."""

    def __init__(
        self,
        ask: Ask,
        folder: str,
        facts: Mapping[str, Any],
        only: Sequence[str] | None = None,
    ) -> None:
        """Writes into one folder.

        Args:
          ask: what users are asked about.
          folder: to write into.
          facts: what the summary says besides what is counted here.
          only: ids of the users to answer; None for all.
        """
        super().__init__()
        self._ask, self._folder, self._facts, self._only = ask, folder, facts, only

    def expand(self, people: beam.PCollection) -> beam.PCollection:
        at = self._moment(people)
        unknown: Any = []
        if self._only is not None:
            people, unknown = self._wanted(people, self._only)
        number = beam.pvalue.AsSingleton(
            people | "CountUsers" >> beam.combiners.Count.Globally(), default_value=0
        )
        answered = (
            people
            | "Divide" >> beam.Map(_divided, number)
            | "Batch" >> beam.GroupByKey()
            | "Answer"
            >> beam.ParDo(_Answer(self._ask), at).with_outputs(_NUMBERS, _ITEMS, main=_ROWS)
        )
        _ = (
            answered[_ROWS]
            | "KeyByFile" >> beam.Map(_by_file, number)
            | "File" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, self._folder, number)
        )
        numbers = answered[_NUMBERS] | "Add" >> beam.CombineGlobally(counting.AddEach())
        items = answered[_ITEMS] | beam.Distinct() | beam.combiners.Count.Globally()
        path = os.path.join(self._folder, SUMMARY_FILE)
        return (
            people.pipeline
            | "Facts" >> beam.Create([dict(self._facts)])
            | "Summarise"
            >> beam.Map(
                _summarised,
                at,
                beam.pvalue.AsSingleton(numbers, default_value=()),
                beam.pvalue.AsSingleton(items, default_value=0),
                unknown,
            )
            | "WriteSummary" >> beam.io.WriteToText(path, shard_name_template="")
        )

    def _moment(self, people: beam.PCollection) -> int | beam.pvalue.AsSingleton | None:
        """The time of all requests, Unix seconds; None where events have no times, or are none."""
        if self._ask.at is not None or self._ask.about.data.events.is_timeless:
            return self._ask.at
        last = (
            people
            | "LastEvents" >> beam.FlatMap(lambda user: user["events"][-1:])
            | "Times" >> beam.Map(lambda event: event["timestamp"])
            | "DataEnd" >> beam.CombineGlobally(max).without_defaults()
        )
        return beam.pvalue.AsSingleton(last, default_value=None)

    @staticmethod
    def _wanted(
        people: beam.PCollection, only: Sequence[str]
    ) -> tuple[beam.PCollection, beam.pvalue.AsSingleton]:
        """Those of `people` who are wanted, and the ids of those who are none."""
        joined = {
            "wanted": people.pipeline | "Only" >> beam.Create([(user, True) for user in only]),
            "people": people | "KeyUsers" >> beam.Map(lambda user: (user["user_id"], user)),
        } | "JoinOnly" >> beam.CoGroupByKey()
        wanted = joined | "Wanted" >> beam.Filter(lambda pair: any(pair[1]["wanted"]))
        found = wanted | "Found" >> beam.FlatMapTuple(lambda _, both: both["people"])
        unknown = (
            wanted
            | "Unknown" >> beam.Filter(lambda pair: not any(True for _ in pair[1]["people"]))
            | "UnknownIds" >> beam.Keys()
            | "AllUnknown" >> beam.CombineGlobally(counting.Collect(sorted))
        )
        return found, beam.pvalue.AsSingleton(unknown)


def batches(number: int) -> int:
    """Into how many batches so many users are divided."""
    return max(1, -(-number // USERS_A_BATCH))


def file_of(batch: int, number: int) -> int:
    """The file that a batch of `number` users goes into."""
    return batch * files(number) // batches(number)


def files(number: int) -> int:
    """How many files hold the answers to so many users."""
    return max(1, -(-number // USERS_A_FILE))


def _divided(user: users.User, number: int) -> tuple[int, users.User]:
    digest = hashlib.sha256(user["user_id"].encode()).digest()
    return int.from_bytes(digest[:8], "big") % batches(number), user


def _by_file(answered: tuple[int, pa.Table], number: int) -> tuple[int, tuple[int, pa.Table]]:
    return file_of(answered[0], number), answered


def _write(answered: tuple[int, Iterable[tuple[int, pa.Table]]], folder: str, number: int) -> None:
    """Writes one file; all of it is in memory."""
    file, rows = answered
    ordered = [table for _, table in sorted(rows, key=lambda pair: pair[0])]
    path = os.path.join(folder, f"recommendations-{file:05d}-of-{files(number):05d}.parquet")
    with filesystems.FileSystems.create(path) as stream:
        pa.parquet.write_table(pa.concat_tables(ordered), stream)


def _summarised(
    facts: dict[str, Any],
    at: int | None,
    numbers: tuple[int, ...],
    items: int,
    unknown: Sequence[str],
) -> str:
    counted = dict(zip(_COUNTS, numbers or (0,) * len(_COUNTS)))
    found = {
        **facts,
        "request_timestamp": at,
        **counted,
        "items": items,
        "unknown_users": len(unknown),
        "first_unknown_users": list(unknown[:_SHOWN]),
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


@beam.typehints.with_input_types(tuple[int, typing.Iterable[users.User]], typing.Any)
class _Answer(beam.DoFn):
    """A batch of users -> its rows, with the batch's number; what is counted; items by id."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._users = Metrics.counter("recsys/batch_recommend", "users")

    def setup(self) -> None:
        self._model = loaded.once(two_stage.TwoStage, *self._ask.models)
        self._columns = columns.Columns(self._ask.about)

    def process(self, element: tuple[int, Iterable[users.User]], at: int | None) -> Iterator[Any]:
        """`at`: of the requests; a side input where the data says it."""
        if at is None and self._columns.has_times:
            raise errors.DataError(
                "data.events: found no event, whose time would be that of the requests. Check "
                "the table, or give --at."
            )
        number, people = element
        ordered = sorted(people, key=lambda user: user["user_id"])
        calls = [
            self._rows(ordered[start : start + REQUESTS_A_CALL], at)
            for start in range(0, len(ordered), REQUESTS_A_CALL)
        ]
        rows = pa.Table.from_batches(calls, SCHEMA)
        given = collections.Counter(rows.column("user_id").to_pylist())
        yield number, rows
        yield beam.pvalue.TaggedOutput(
            _NUMBERS,
            (
                len(ordered),
                sum(not user["events"] for user in ordered),
                sum(given[user["user_id"]] < self._ask.k for user in ordered),
                rows.num_rows,
            ),
        )
        for item in sorted(set(rows.column("item_id").to_pylist())):
            yield beam.pvalue.TaggedOutput(_ITEMS, item)

    def _rows(self, people: Sequence[users.User], at: int | None) -> pa.RecordBatch:
        """The answers to one call of the models, in the order of the users."""
        about = self._ask.about
        ask = wire.Recommend.model_validate(
            {"timestamp": at, "exclude_seen": self._ask.exclude_seen}
        )
        examples = [
            self._columns.example(_person(user).asked(ask, self._columns)) for user in people
        ]
        lists = self._model(request_arrays.from_examples(examples, about.data, about.max_history))
        self._users.inc(len(people))
        if _told is not None:
            _told(len(people))
        return _record_batch([user["user_id"] for user in people], lists, self._ask.k)


def _person(user: users.User) -> asking.Person:
    """What the gateway would know of the user from its store."""
    events = [store.Event(**event) for event in user["events"]]
    return asking.Person(user["profile"] is not None, user["profile"] or {}, {}, events)


def _record_batch(user_ids: Sequence[str], lists: two_stage.Lists, k: int) -> pa.RecordBatch:
    """The first k items of each user, without empty places."""
    rows, places = np.nonzero(lists.ids[:, :k] != b"")

    def of(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values[rows, places]

    columns_of = {
        "user_id": [user_ids[row] for row in rows],
        "rank": places + 1,
        "item_id": [item.decode() for item in of(lists.ids)],
        "recall_rank": of(lists.recall_ranks),
        "recall_score": of(lists.recall_scores),
        "rank_score": [None] * len(rows) if lists.rank_scores is None else of(lists.rank_scores),
    }
    return pa.RecordBatch.from_arrays(
        [pa.array(columns_of[field.name], field.type) for field in SCHEMA], schema=SCHEMA
    )
