"""Whether a configuration declares columns as it did when a release was made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from modules import catalogue, config, features, release

_Features = tuple[features.Feature, ...]

_OF_TABLES: Mapping[str, Callable[[config.Data], _Features]] = {
    "events": lambda data: (*features.event_features(data), *features.context_features(data)),
    "users": features.user_features,
    "items": features.item_features,
}


class OtherColumns(ValueError):
    """Columns that the release's models would take for others. The message says which."""


def check(
    data: config.Data, about: catalogue.About, chosen: release.Release, tables: Iterable[str]
) -> None:
    """Compares the features of tables, and whether events have times.

    Raises:
      OtherColumns: they differ.
    """
    for table in tables:
        ours, theirs = ({f.column: f for f in _OF_TABLES[table](d)} for d in (data, about.data))
        if differing := [c for c in {**theirs, **ours} if ours.get(c) != theirs.get(c)]:
            raise OtherColumns(
                f"data.{table}.columns: {', '.join(_said(c, ours, theirs) for c in differing)} "
                f"since release {chosen.id} was made. Give the configuration of the release, or "
                "train with this one: `recsys run`."
            )
    if data.events.is_timeless != about.data.events.is_timeless:
        raise OtherColumns(
            "data.events.columns: the timestamp has been declared in another way since release "
            f"{chosen.id} was made. Give the configuration of the release, or train with this one: "
            "`recsys run`."
        )


def _said(column: str, ours: Mapping[str, object], theirs: Mapping[str, object]) -> str:
    what = "changed" if column in ours and column in theirs else "removed"
    return f"{column} has been {what if column in theirs else 'added'}"
