"""Answers one request from the release in force and shows it with titles: `recsys recommend`."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from modules import config, features, release, request_arrays, requests, strict, two_stage
from pipeline import answer, listed, run_files, runs
from pipeline.report import text

History = Sequence[tuple[str, int | None]]
Stage = Literal["recall", "two-stage"]


class RecommendError(ValueError):
    """A request that cannot be answered. The message is for the person at the terminal."""


class WrongArgument(strict.ConfigError):
    """An argument of the command that cannot be meant."""


def main(
    cfg: config.Config,
    root: str | pathlib.Path,
    *,
    user: str | None = None,
    history: History | None = None,
    profile: Mapping[str, str] | None = None,
    at: int | None = None,
    exclude: Iterable[str] = (),
    k: int = 10,
    stage: Stage | None = None,
    explain: bool = False,
    as_json: bool = False,
) -> answer.Answer:
    """Answers and prints; see `ask` for the arguments."""
    found = ask(
        cfg,
        runs.Run(root, cfg.name),
        user=user,
        history=history,
        profile=profile or {},
        at=at,
        exclude=tuple(exclude),
        k=k,
        stage=stage,
        explain=explain,
    )
    print(json.dumps(found.to_json(), indent=2, ensure_ascii=False) if as_json else found.to_text())
    return found


def ask(
    cfg: config.Config,
    run: runs.Run,
    *,
    user: str | None,
    history: History | None,
    profile: Mapping[str, str],
    at: int | None,
    exclude: tuple[str, ...],
    k: int,
    stage: Stage | None,
    explain: bool,
) -> answer.Answer:
    """Asks the release in force.

    Args:
      cfg: the configuration of the run.
      run: where the examples and the release are.
      user: an id of the data set, whose whole history and profile are taken; or
      history: (item id, Unix seconds or None) of past events, oldest first; always None where the
          events of the data set have no times.
      profile: columns of the users table with their values; they replace those of `user`.
      at: the request's time, Unix seconds; without it, the time of the last event, or now without
          one. Always None where the events have no times.
      exclude: ids that must not come back, besides the history's.
      k: number of items.
      stage: whose order; by default two stages if the release has both.
      explain: whether each item says which features moved it.

    Raises:
      WrongArgument: an unknown column of the profile, more items than the model gives, or a time
          where events have none.
      RecommendError: an unknown user, or a stage that the release does not have.
      release.NoRelease, release.ReleaseError: there is no release, or it must not be used.
    """
    typed = _profile(cfg.data, profile)
    has_times = not cfg.data.events.is_timeless
    if not has_times:
        _check_untimed(history or (), at)
    chosen = release.in_force(run.serving)
    stage = _stage(chosen, stage, explain)
    example = _from_data(run, user) if user is not None else _made_up(cfg.data, history or (), at)
    example |= typed
    times = example[features.EVENT_TIMESTAMP]
    when = at if at is not None else times[-1] if times else int(time.time())
    request = _with_request(example, cfg.data, when, exclude)
    model = two_stage.TwoStage(
        str(chosen.recall), str(chosen.rank) if stage == "two-stage" else None
    )
    arrays = request_arrays.from_examples([request], cfg.data, cfg.features.max_history)
    lists = model(arrays, explain=explain)
    if k > lists.ids.shape[1]:
        raise WrongArgument(
            f"--k: found {k}, the model gives at most {lists.ids.shape[1]} items (index.k)."
        )
    items = tuple(_items(lists, k))
    past = tuple(
        (item.decode(), t if has_times else None)
        for item, t in zip(example[features.EVENT_ITEM_ID], times)
    )
    named = {item for item, _ in past} | set(exclude)
    titles = _titles(run, named | {item.item_id for item in items})
    missing = None if lists.missing_inputs is None else int(lists.missing_inputs[0])
    notes = (
        *(_time_notes(times, when, at) if has_times else ()),
        *_item_notes(sorted(named - set(titles)), len(items), k),
        *_input_notes(missing),
        *_release_notes(chosen),
    )
    return answer.Answer(
        chosen, stage, when if has_times else None, past, items, missing, titles, notes
    )


def _check_untimed(history: History, at: int | None) -> None:
    """Refuses times."""
    timed = next((item for item, when in history if when is not None), None)
    if at is None and timed is None:
        return
    given = "--at" if at is not None else f"--history: the time of {timed!r}"
    raise WrongArgument(
        f"{given}: the events of this data set have no times (timestamp: {{from: file_order}}); "
        "leave it out. The order of --history counts, the oldest first."
    )


def _stage(chosen: release.Release, asked: Stage | None, explain: bool) -> Stage:
    """Whose order is shown."""
    if explain and asked == "recall":
        raise WrongArgument(
            "--explain says what moved the items in two stages; leave --stage recall out."
        )
    if chosen.rank is not None:
        return asked or "two-stage"
    if explain or asked == "two-stage":
        raise RecommendError(
            f"{'--explain' if explain else '--stage two-stage'}: release {chosen.id} holds "
            "recall alone. Run `recsys run` with ranking.enabled: true, or leave it out."
        )
    return "recall"


def _items(lists: two_stage.Lists, k: int) -> Iterator[answer.Item]:
    """The first k of the only request."""
    for place, item in enumerate(lists.ids[0][:k]):
        if item:
            moved = () if lists.effects is None else lists.effects[0, place]
            yield answer.Item(
                item_id=item.decode(),
                recall_rank=int(lists.recall_ranks[0, place]),
                recall_score=float(lists.recall_scores[0, place]),
                rank_score=None
                if lists.rank_scores is None
                else float(lists.rank_scores[0, place]),
                effects={group: float(effect) for group, effect in zip(lists.groups, moved)},
            )


def _input_notes(missing: int | None) -> Iterator[str]:
    if missing:
        yield (
            f"missing_inputs: {missing}; so many values of the profile and of the request's "
            "context are missing or unknown to the rank model, which takes the columns' defaults."
        )


def _release_notes(chosen: release.Release) -> Iterator[str]:
    if chosen.manifest is None:
        yield (
            "the model was pushed before there were releases, and could not be checked. `recsys "
            "run` makes a release."
        )


def _time_notes(times: Sequence[int], when: int, at: int | None) -> Iterator[str]:
    """Where the request's time comes from, if nobody gave it, or what is odd about it."""
    if at is None:
        source = "that of the last event" if times else "now"
        yield f"the request's time is {source}; change it with --at."
    elif times and when < times[-1]:
        yield (
            f"the request's time lies before the last event ({text.moment(times[-1])}), whose "
            "item the model knows nevertheless."
        )


def _item_notes(unknown: Sequence[str], found: int, k: int) -> Iterator[str]:
    """Ids of no catalogue, and a list that is shorter than asked for."""
    if unknown:
        yield (
            f"ids that are not in the catalogue, taken as unknown items: {len(unknown)} "
            f"({', '.join(map(listed.written, unknown[:5]))}{', ...' if len(unknown) > 5 else ''})."
        )
    if found < k:
        yield f"only {found} items are left."


def _from_data(run: runs.Run, user: str) -> requests.RawExample:
    """The user's whole known history, with the held-out events, and what has been seen."""
    key = user.encode()
    for split in (features.SPLIT_TEST, features.SPLIT_VALID, features.SPLIT_TRAIN):
        own = [e for e in _parsed(run, split, holding=key) if e[features.USER_ID] == [key]]
        if own:  # the latest window; held-out ones lack their target among the seen items
            latest = max(
                own,
                key=lambda e: (
                    e[features.EVENT_TIMESTAMP][-1],
                    e[features.WINDOW_START][0] + len(e[features.EVENT_ITEM_ID]),
                ),
            )
            seen = [*latest[features.SEEN_ITEM_ID], latest[features.EVENT_ITEM_ID][-1]]
            return {**latest, features.SEEN_ITEM_ID: list(dict.fromkeys(seen))}
    raise RecommendError(
        f"--user: there is no user {user!r} in the data of the newest run. For a user "
        "without events, use --history '' and --profile."
    )


def _parsed(run: runs.Run, split: str, holding: bytes = b"") -> Iterator[requests.RawExample]:
    """Parsed examples of a split; only those whose bytes hold `holding`, which is fast to see."""
    return (
        requests.read_raw_example(s)
        for s in run_files.serialized_examples(run, split)
        if holding in s
    )


def _made_up(data: config.Data, history: History, at: int | None) -> requests.RawExample:
    """A user with a given history; untimed events get the next one's or the request's time."""
    times: list[int] = []
    later = (
        at
        if at is not None
        else max((t for _, t in history if t is not None), default=int(time.time()))
    )
    for _, when in reversed(history):
        later = when if when is not None else later
        times.append(later)
    items = [item.encode() for item, _ in history]
    known = (*features.event_features(data), *features.context_features(data))
    return {
        features.EVENT_ITEM_ID: items,
        features.EVENT_TIMESTAMP: times[::-1],
        features.SEEN_ITEM_ID: items,
        **{f.name: [request_arrays.missing(f)] * len(items) for f in known},
    }


def _with_request(
    example: requests.RawExample, data: config.Data, at: int, exclude: tuple[str, ...]
) -> requests.RawExample:
    """Appends the request as last event, as request_arrays takes it; its context is not known."""
    known = (*features.event_features(data), *features.context_features(data))
    return {
        **example,
        features.EVENT_ITEM_ID: [*example[features.EVENT_ITEM_ID], b""],
        features.EVENT_TIMESTAMP: [*example[features.EVENT_TIMESTAMP], at],
        features.SEEN_ITEM_ID: [
            *example[features.SEEN_ITEM_ID],
            *(item.encode() for item in exclude),
        ],
        **{f.name: [*example[f.name], request_arrays.missing(f)] for f in known},
    }


def _profile(data: config.Data, given: Mapping[str, str]) -> requests.RawExample:
    """Raw user features of columns and their values as text."""
    columns = {f.column: f for f in features.user_features(data)}
    found: requests.RawExample = {}
    for column, value in given.items():
        if column not in columns:
            raise WrongArgument(
                f"--profile: unknown column {column!r}.{strict.nearest(column, columns)}"
            )
        feature = columns[column]
        several = feature.kind in ("multi_categorical", "vector")
        parts = value.split(feature.spec.separator) if several else [value]
        if feature.kind == "vector" and len(parts) != feature.spec.dimension:
            raise WrongArgument(
                f"--profile: {column} has {len(parts)} numbers, expected {feature.spec.dimension}."
            )
        is_number = feature.kind in ("numeric", "vector")
        found[feature.name] = [
            _number(column, part) if is_number else part.encode() for part in parts
        ]
    return found


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise WrongArgument(f"--profile: found {column}={text}, expected a number.") from None


def _titles(run: runs.Run, wanted: set[str]) -> dict[str, str]:
    """Titles of the wanted items that are in the catalogue; "" where there are none."""
    found: dict[str, str] = {}
    for example in _parsed(run, features.SPLIT_CATALOGUE):
        item = example[features.ITEM_ID][0].decode()
        if item in wanted:
            found[item] = b"".join(example.get(features.ITEM_TITLE, [])).decode()
    return found
