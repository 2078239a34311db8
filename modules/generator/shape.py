"""How much of what a generated data set has. Light: the command line reads it."""

from __future__ import annotations

import dataclasses

from modules.strict import ConfigError

MIN_EVENTS = 3  # of a user, so that each is in all splits
_MEAN_EVENTS, _MEAN_ITEM_EVENTS = 25, 50  # of a user and an item, where their number is not given
_FEWEST_ITEMS, _MOST_ITEMS = 2_000, 1_000_000  # where the number is not given
_HEAD = 200  # users, the first of which are about as active as each other
_ACTIVITY = 0.7  # exponent of the events of a user by the rank of their activity
_JUDGED_VALUES, _FEWEST_JUDGED, _MOST_JUDGED = 4 * 10**9, 1_000, 10_000


@dataclasses.dataclass(frozen=True)
class Shape:
    """Sizes and strengths of what is generated; the same shape gives the same bytes.

    Attributes:
      events: all of them, with those of the hot user.
      users: without the hot user; 0: a user has 25 events on average.
      items: of the catalogue, a multiple of `categories`; 0: an item has 50 events on average.
      categories: of the items.
      days: from the first event to the last.
      seed: of all random numbers.
      zipf: exponent s of an item's popularity, rank ** -s within its category.
      drift: share of what is taken by popularity that goes by that of the day.
      session_events: events of a session on average.
      repeats: share of a user's events, after the first, that repeat one before.
      hot_item: share of all events that are of one item.
      hot_user: events of one user who is a machine.
      judged: users whose best ranking is computed; 0: up to 10,000, fewer of large catalogues.
      part_events: events of a part of the data, about.
    """

    events: int
    users: int = 0
    items: int = 0
    categories: int = 20
    days: int = 90
    seed: int = 1
    zipf: float = 1.0
    drift: float = 0.3
    session_events: float = 4.0
    repeats: float = 0.0
    hot_item: float = 0.0
    hot_user: int = 0
    judged: int = 0
    part_events: int = 100_000

    def __post_init__(self) -> None:
        regular = self.events - self.hot_user
        _default(self, "users", max(regular // _MEAN_EVENTS, 1))
        items = min(max(self.events // _MEAN_ITEM_EVENTS, _FEWEST_ITEMS), _MOST_ITEMS)
        _default(self, "items", items // self.categories * self.categories)
        judged = max(min(_JUDGED_VALUES // self.items, _MOST_JUDGED), _FEWEST_JUDGED)
        _default(self, "judged", min(judged, self.users))
        self._check(regular)

    def _check(self, regular: int) -> None:
        for name, low, high in (
            ("categories", 2, 1_000),
            ("days", 1, 3_650),
            ("seed", 0, 2**32 - 1),
            ("part_events", 1, 10**7),
            ("zipf", 0.0, 2.0),
            ("drift", 0.0, 1.0),
            ("session_events", 1.0, 1_000.0),
            ("repeats", 0.0, 0.95),
            ("hot_item", 0.0, 0.95),
            ("hot_user", 0, self.days * 86_400 // 2),
            ("judged", 1, self.users),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(
                    f"{option(name)}: found {value}, expected from {low} to {high:,}."
                )
        if regular < MIN_EVENTS * self.users:
            raise ConfigError(
                f"--events: found {self.events:,}, of which {max(regular, 0):,} are for "
                f"{self.users:,} users, who need {MIN_EVENTS} each; give more events or fewer "
                "--users."
            )
        if self.items % self.categories or self.items < 2 * self.categories:
            above = max(-(-self.items // self.categories), 2) * self.categories
            raise ConfigError(
                f"--items: found {self.items:,}, expected a multiple of --categories "
                f"({self.categories}), like {above:,}."
            )
        if self.items < 4 * self.most_events:
            raise ConfigError(
                f"--items: found {self.items:,}; the most active user has {self.most_events:,} "
                f"events and takes new items, so expected at least {4 * self.most_events:,}; or "
                "give more --users, so that each has fewer events."
            )

    def given(self) -> dict[str, int | float]:
        """All values, by field, that make the same data set again."""
        return dataclasses.asdict(self)

    @property
    def levels(self) -> int:
        """Items of a category."""
        return self.items // self.categories

    @property
    def most_events(self) -> int:
        """Events of the most active user but the hot one."""
        return self.events_before(1)

    @property
    def allows_repeats(self) -> bool:
        """Whether an item that the user had can come next."""
        return self.repeats > 0 or self.hot_item > 0

    @property
    def user_parts(self) -> int:
        """Parts that the users are divided into, by their number modulo it."""
        return min(-(-(self.events - self.hot_user) // self.part_events), self.users)

    @property
    def hot_parts(self) -> int:
        """Parts of the hot user's events, by time."""
        return -(-self.hot_user // self.part_events)

    @property
    def item_parts(self) -> int:
        """Parts of the catalogue, by number."""
        return -(-self.items // self.part_events)

    def events_before(self, user: int) -> int:
        """Events of the users with a lower number, who are more active.

        User u has 3 + s * (u + u0) ** -0.7 events, rounded so that all together have `events`. It
        is a closed form, so a part needs no table of all users.
        """
        head = max(self.users / _HEAD, 1.0)
        integral = [(x + head) ** (1 - _ACTIVITY) for x in (0, user, self.users)]
        share = (integral[1] - integral[0]) / (integral[2] - integral[0])
        more = self.events - self.hot_user - MIN_EVENTS * self.users
        return MIN_EVENTS * user + int(more * share)

    def judged_before(self, part: int) -> int:
        """Judged users of the parts with a lower number, in proportion to their users."""
        users = part * (self.users // self.user_parts) + min(part, self.users % self.user_parts)
        return self.judged * users // self.users


def option(name: str) -> str:
    """How the command line calls a field."""
    return f"--{name.replace('_', '-')}"


def _default(shape: Shape, name: str, value: int) -> None:
    if not getattr(shape, name):
        object.__setattr__(shape, name, value)
