"""Public data sets whose files have no line with names: their columns, by the file's name."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence

from modules import formats

_GENRES = (
    "unknown action adventure animation children comedy crime documentary drama fantasy film_noir "
    "horror musical mystery romance sci_fi thriller war western"
)


@dataclasses.dataclass(frozen=True)
class Layout:
    """The files of a public data set that are called so.

    Attributes:
      pattern: of the file's name, without the ending of a compression.
      what: the data set.
      header: the columns' names, chosen so that roles follow from them.
      table: which table it is; None: it follows from the columns.
    """

    pattern: str
    what: str
    header: tuple[str, ...]
    table: str | None = None


def _layout(pattern: str, what: str, header: str, table: str | None = None) -> Layout:
    return Layout(pattern, what, tuple(header.split()), table)


_LAYOUTS = (
    _layout(
        r"u\.data|u[1-5ab]\.(base|test)",
        "MovieLens 100K",
        "user_id item_id rating timestamp",
        "events",
    ),
    _layout(
        r"u\.item",
        "MovieLens 100K",
        f"item_id title release_date video_release_date url {_GENRES}",
        "items",
    ),
    _layout(r"u\.user", "MovieLens 100K", "user_id age gender occupation zip_code", "users"),
    _layout(r"ratings\.dat", "MovieLens 1M and 10M", "user_id movie_id rating timestamp", "events"),
    _layout(r"tags\.dat", "MovieLens 10M", "user_id movie_id tag timestamp"),
    _layout(r"movies\.dat", "MovieLens 1M and 10M", "movie_id title genres", "items"),
    _layout(r"users\.dat", "MovieLens 1M", "user_id gender age occupation zip_code", "users"),
    _layout(
        r"UserBehavior\.csv", "Taobao", "user_id item_id category_id behavior timestamp", "events"
    ),
    _layout(r"yoochoose-clicks\.dat", "Yoochoose", "session_id timestamp item_id category"),
    _layout(r"yoochoose-buys\.dat", "Yoochoose", "session_id timestamp item_id price quantity"),
    _layout(
        r".*(Gowalla|Brightkite)_totalCheckins\.txt",
        "Gowalla and Brightkite",
        "user_id time latitude longitude location_id",
        "events",
    ),
    _layout(
        r"dataset_TSMC2014_.*\.txt",
        "Foursquare",
        "user_id venue_id category_id category latitude longitude offset time",
        "events",
    ),
    _layout(r"steam-200k\.csv", "Steam 200k", "user_id game behavior hours unused", "events"),
    _layout(
        r"userid-timestamp-artid-artname-traid-traname\.tsv",
        "Last.fm 1K",
        "user_id timestamp artist_id artist_name track_id track_name",
        "events",
    ),
    _layout(r"behaviors\.tsv", "MIND", "impression_id user_id time history impressions", "events"),
    _layout(
        r"news\.tsv",
        "MIND",
        "news_id category subcategory title abstract url title_entities abstract_entities",
        "items",
    ),
    _layout(r"ratings_[A-Z].*\.csv", "Amazon 2014", "user_id item_id rating timestamp", "events"),
)


def of_file(path: str, cells: Sequence[str]) -> Layout | None:
    """The layout of a file that is called so and whose rows have as many cells; None: unknown."""
    return next((layout for layout in _called(path) if len(layout.header) == len(cells)), None)


def is_known(path: str) -> bool:
    """Whether a file is called as one of a public data set."""
    return bool(_called(path))


def _called(path: str) -> list[Layout]:
    name = os.path.basename(path)
    if formats.compression(name) is not None:
        name = os.path.splitext(name)[0]
    return [layout for layout in _LAYOUTS if re.fullmatch(layout.pattern, name)]
