"""Answers one request from the release in force and shows it with titles: `recsys recommend`."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from modules import (
    catalogue,
    config,
    earlier,
    features,
    release,
    repeats,
    request_arrays,
    two_stage,
)
from pipeline import answer, listed, request_example, runs
from pipeline.report import text

Stage = Literal["recall", "two-stage"]


def main(
    cfg: config.Config,
    root: str | pathlib.Path,
    *,
    user: str | None = None,
    history: request_example.History | None = None,
    profile: Mapping[str, str] | None = None,
    at: int | None = None,
    exclude: Iterable[str] = (),
    exclude_seen: bool | None = None,
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
        exclude_seen=exclude_seen,
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
    history: request_example.History | None,
    profile: Mapping[str, str],
    at: int | None,
    exclude: tuple[str, ...],
    exclude_seen: bool | None,
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
      exclude: ids that must not come back.
      exclude_seen: whether items of the history are left out; None: where the release does not
          allow repeats.
      k: number of items.
      stage: whose order; by default two stages if the release has both.
      explain: whether each item says which features moved it.

    Raises:
      request_example.WrongArgument: an unknown column of the profile, more items than the
          model gives, or a time where events have none.
      request_example.RequestError: an unknown user, or a stage that the release does not have.
      release.NoRelease, release.ReleaseError: there is no release, or it must not be used.
    """
    typed = request_example.profile(cfg.data, profile)
    has_times = not cfg.data.events.is_timeless
    if not has_times:
        _check_untimed(history or (), at)
    chosen = release.in_force(run.serving)
    stage = chosen_stage(chosen, stage, explain=explain)
    data = repeats.resolved(cfg.data, allow=_allows_repeats(chosen))
    leaves_out = not data.allows_repeats if exclude_seen is None else exclude_seen
    example = (
        request_example.of_user(run, user, data)
        if user is not None
        else request_example.made_up(data, history or (), at)
    )
    example |= typed
    times = example[features.EVENT_TIMESTAMP]
    when = at if at is not None else times[-1] if times else int(time.time())
    request = request_example.request(
        example, data, cfg.features, when, exclude, exclude_seen=leaves_out
    )
    model = two_stage.TwoStage(
        str(chosen.recall), str(chosen.rank) if stage == "two-stage" else None
    )
    arrays = request_arrays.from_examples([request], data, cfg.features.max_history)
    lists = model(arrays, explain=explain)
    if k > lists.ids.shape[1]:
        raise request_example.WrongArgument(
            f"--k: found {k}, the model gives at most {lists.ids.shape[1]} items (index.k)."
        )
    known = [(item.decode(), t) for item, t in zip(example[features.EVENT_ITEM_ID], times)]
    counted = [] if leaves_out else known[-cfg.features.repeat_history :]
    own = earlier.by_item([item for item, _ in counted], [when for _, when in counted])
    items = tuple(_items(lists, k, own))
    past = tuple((item, t if has_times else None) for item, t in known)
    named = {item for item, _ in past} | set(exclude)
    titles = _titles(run, named | {item.item_id for item in items})
    missing = None if lists.missing_inputs is None else int(lists.missing_inputs[0])
    notes = (
        *(_time_notes(times, when, at) if has_times else ()),
        *(_cut_notes(len(past), cfg.features) if data.allows_repeats else ()),
        *_item_notes(sorted(named - set(titles)), len(items), k),
        *_input_notes(missing),
        *_release_notes(chosen),
    )
    return answer.Answer(
        chosen, stage, when if has_times else None, past, items, missing, titles, notes
    )


def _check_untimed(history: request_example.History, at: int | None) -> None:
    """Refuses times."""
    timed = next((item for item, when in history if when is not None), None)
    if at is None and timed is None:
        return
    given = "--at" if at is not None else f"--history: the time of {timed!r}"
    raise request_example.WrongArgument(
        f"{given}: the events of this data set have no times (timestamp: {{from: file_order}}); "
        "leave it out. The order of --history counts, the oldest first."
    )


def chosen_stage(chosen: release.Release, asked: Stage | None, *, explain: bool = False) -> Stage:
    """Whose order is shown.

    Raises:
      request_example.WrongArgument, request_example.RequestError: the release has no such stage, or
          none to explain.
    """
    if explain and asked == "recall":
        raise request_example.WrongArgument(
            "--explain says what moved the items in two stages; leave --stage recall out."
        )
    if chosen.rank is not None:
        return asked or "two-stage"
    if explain or asked == "two-stage":
        raise request_example.RequestError(
            f"{'--explain' if explain else '--stage two-stage'}: release {chosen.id} holds "
            "recall alone. Run `recsys run` with ranking.enabled: true, or leave it out."
        )
    return "recall"


def _allows_repeats(chosen: release.Release) -> bool:
    """What the release says; one of before there was anything to say does not."""
    try:
        return catalogue.About.read(chosen.recall).data.allows_repeats
    except catalogue.CatalogueError:
        return False


def _items(
    lists: two_stage.Lists, k: int, own: Mapping[str, tuple[int, int]]
) -> Iterator[answer.Item]:
    """The first k of the only request; `own`: events and time of the last, by item."""
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
                times_before=own.get(item.decode(), (0, 0))[0],
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


def _cut_notes(events: int, options: config.Features) -> Iterator[str]:
    if events > options.repeat_history:
        yield (
            f"the history has {events:,} events; repeats are looked for in the newest "
            f"{options.repeat_history:,} (features.repeat_history)."
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


def _titles(run: runs.Run, wanted: set[str]) -> dict[str, str]:
    """Titles of the wanted items that are in the catalogue; "" where there are none."""
    found: dict[str, str] = {}
    for example in request_example.parsed(run, features.SPLIT_CATALOGUE):
        item = example[features.ITEM_ID][0].decode()
        if item in wanted:
            found[item] = b"".join(example.get(features.ITEM_TITLE, [])).decode()
    return found
