"""What names of columns say: of a user, an item, a time, an action, a title or a code.

A name is taken apart into words (`reviewerID`: reviewer, id); the likelier words come first.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence


def split_words(text: str) -> tuple[str, ...]:
    """The words of a text, as a constant holds them."""
    return tuple(text.split())


USER = split_words(
    "user customer visitor member client household reviewer buyer account shopper listener reader "
    "subscriber viewer player student person patient guest uid cust usr cookie device session"
)
ITEM = split_words(
    "item product article track movie film asin isbn sku song video book news game recipe place "
    "venue location business poi app course anime job ad creative offer listing hotel restaurant "
    "show goods stock post photo content parent artist iid entity page"
)
TIME = split_words(
    "timestamp time datetime timestamps ts dat date created when day epoch unix at visited"
)
ACTION = split_words("action event behavior behaviour activity interaction feedback type op")
TITLE = split_words("title name headline label")
RATING = split_words("rating rate stars star overall score")
_KEYS = split_words("id code no nr key upc sku uuid guid isbn asin")
_ATTRIBUTES = split_words(
    "name title price cost count type kind category categories cat desc description age gender sex "
    "city state country region zip rating ratings score time date day url link tag tags text group "
    "brand color colour size weight length duration hours status level year genre genres flag "
    "history list features play watch click num avg mean total share lat lon latitude longitude"
)
CODES = split_words(
    "id code zip zipcode postcode postal type category cat gender sex store brand class group "
    "status department manufacturer occupation segment channel color colour country region city "
    "state language lang job level shop seller author platform device os browser"
)
FOREIGN = split_words(  # ids of what is neither a user nor an item
    "basket order invoice transaction session impression request row index review receipt cart log "
    "query search click visit trace event"
)
ACTIONS = split_words(  # values of an action type
    "view click pv buy purchase cart addtocart add_to_cart fav favorite like play impression order "
    "transaction exposure conversion follow share comment download install remove_from_cart"
)
CONTEXT = split_words(
    "device os browser platform channel store page country locale language shop app"
)
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@functools.cache
def parts(name: str) -> tuple[str, ...]:
    """The words of a name, in small letters: `t_dat` as t, dat; `itemid` as item, id."""
    found: list[str] = []
    for part in _PART.findall(name):
        word = part.lower()
        stem = word.removesuffix("id")
        found += (stem, "id") if stem != word and stem in (*USER, *ITEM, *FOREIGN) else (word,)
    return tuple(found)


def has(name: str, words: Sequence[str]) -> bool:
    """Whether one of a name's words, or its singular, is among these."""
    return any(part in words or part.removesuffix("s") in words for part in parts(name))


def score(name: str, words: Sequence[str]) -> float:
    """How well a name fits an id of these words; 0: not at all."""
    places = [
        words.index(word)
        for part in parts(name)
        for word in (part, part.removesuffix("s"))
        if word in words
    ]
    if not places:
        return 0
    found = 100.0 - min(places)
    if set(parts(name)) & set(_KEYS):
        found += 30
    if any(part in _ATTRIBUTES for part in parts(name)):
        found -= 80
    return max(0.0, found)


def time_score(name: str) -> float:
    """How well a name fits the time of an event."""
    places = [TIME.index(part) for part in parts(name) if part in TIME]
    return 100.0 - min(places) if places else 0.0


def is_plainly_time(name: str) -> bool:
    """Whether a name says that the column is a time, whatever is in it."""
    return any(part in ("timestamp", "time", "datetime", "ts", "date") for part in parts(name))


def title_rank(name: str) -> int:
    """How well a name fits a title, the best first: the place of its word, then of its length."""
    places = [TITLE.index(part) for part in parts(name) if part in TITLE]
    return 10 * min(places, default=len(TITLE)) + len(parts(name))


def is_attribute(name: str) -> bool:
    """Whether a name says that the column is a property, such as a price, and no id."""
    return any(part in _ATTRIBUTES or part in RATING for part in parts(name))


def is_known(name: str) -> bool:
    """Whether a name is that of a user, an item or a time."""
    return any(score(name, words) > 0 for words in (USER, ITEM)) or is_plainly_time(name)
