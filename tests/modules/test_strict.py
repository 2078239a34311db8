"""The strict reader: what it accepts, and the exact text of what it refuses."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal

import pytest

from modules import strict


@dataclasses.dataclass(frozen=True)
class Wheel:
    size: int
    colour: Literal["red", "black"] = "black"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise strict.ConfigError(f"size: found {self.size}, expected at least 1.")

    @classmethod
    def shorthand(cls, text: str, path: str) -> dict[str, Any]:
        return {"size": 28, "colour": text}


@dataclasses.dataclass(frozen=True)
class Bike:
    name: str
    wheels: tuple[Wheel, ...] = ()
    parts: dict[str, Wheel] = dataclasses.field(default_factory=dict)
    weight: float = 10.0
    electric: bool = False
    owner: str | None = None
    price: float | str | None = None
    bell: Wheel = Wheel(1)


def _error(value: Any, path: str = "") -> str:
    with pytest.raises(strict.ConfigError) as caught:
        strict.read(Bike, value, path)
    return str(caught.value)


def test_reads_every_type():
    assert strict.read(
        Bike,
        {
            "name": "b",
            "wheels": [{"size": 26}, "red"],
            "parts": {"spare": {"size": 2, "colour": "red"}},
            "weight": 9,
            "electric": True,
            "owner": None,
            "price": 100,
        },
    ) == Bike(
        name="b",
        wheels=(Wheel(26), Wheel(28, "red")),
        parts={"spare": Wheel(2, "red")},
        weight=9.0,
        electric=True,
        owner=None,
        price=100.0,
    )


def test_numbers_written_as_yaml_1_1_texts():
    assert strict.read(Bike, {"name": "b", "weight": "1e-3"}).weight == 0.001


def test_a_text_stays_a_text_where_a_number_may_stand_too():
    assert strict.read(Bike, {"name": "b", "price": "0"}).price == "0"
    assert strict.read(Bike, {"name": "b", "price": 7}).price == 7.0


def test_a_dataclass_stays_as_it_is():
    assert strict.read(Bike, {"name": "b", "bell": Wheel(3)}).bell == Wheel(3)


def test_nothing_means_all_defaults():
    assert strict.read(Bike, {"name": "b", "bell": {"size": 5}}) == Bike("b", bell=Wheel(5))
    assert _error(None) == "name: missing; expected a text."


def test_json_and_back():
    bike = Bike("b", wheels=(Wheel(2),), parts={"x": Wheel(3)}, price="cheap")
    assert strict.read(Bike, json.loads(json.dumps(strict.to_plain(bike)))) == bike


def test_to_plain_has_plain_types_only():
    assert strict.to_plain(Bike("b", wheels=(Wheel(2),))) == {
        "name": "b",
        "wheels": [{"size": 2, "colour": "black"}],
        "parts": {},
        "weight": 10.0,
        "electric": False,
        "owner": None,
        "price": None,
        "bell": {"size": 1, "colour": "black"},
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"name": "b", "wieght": 1}, "wieght: unknown key. Did you mean 'weight'?"),
        (
            {"name": "b", "zzz": 1},
            "zzz: unknown key. Known: bell, electric, name, owner, parts, price, weight, wheels.",
        ),
        ({"name": "b", "bell": {"sise": 1}}, "bell.sise: unknown key. Did you mean 'size'?"),
        (
            {"name": "b", 7: 1},
            "7: unknown key. Known: bell, electric, name, owner, parts, price, weight, wheels.",
        ),
        ({}, "name: missing; expected a text."),
        ({"name": "b", "wheels": [{}]}, "wheels[0].size: missing; expected a whole number."),
        ({"name": 3}, "name: found 3 (a number), expected a text."),
        ({"name": None}, "name: found nothing, expected a text."),
        ({"name": "b", "weight": "heavy"}, "weight: found 'heavy' (a text), expected a number."),
        ({"name": "b", "weight": True}, "weight: found True (a true/false), expected a number."),
        ({"name": "b", "electric": 1}, "electric: found 1 (a number), expected true or false."),
        (
            {"name": "b", "electric": "yes"},
            "electric: found 'yes' (a text), expected true or false.",
        ),
        ({"name": "b", "owner": 3}, "owner: found 3 (a number), expected a text."),
        ({"name": "b", "price": [1]}, "price: found [1] (a list), expected a number or a text."),
        (
            {"name": "b", "wheels": {"size": 1}},
            "wheels: found {'size': 1} (a mapping), expected a list.",
        ),
        (
            {"name": "b", "wheels": [{"size": 1}, {"size": 1.5}]},
            "wheels[1].size: found 1.5 (a number), expected a whole number.",
        ),
        (
            {"name": "b", "wheels": [{"size": True}]},
            "wheels[0].size: found True (a true/false), expected a whole number.",
        ),
        ({"name": "b", "parts": [1]}, "parts: found [1] (a list), expected a mapping."),
        (
            {"name": "b", "parts": {"x": 3}},
            "parts.x: found 3 (a number), expected a mapping of size, colour.",
        ),
        (
            {"name": "b", "bell": {"size": 1, "colour": "blak"}},
            "bell.colour: found 'blak' (a text), expected one of red, black. Did you mean 'black'?",
        ),
        (
            {"name": "b", "bell": {"size": 1, "colour": 3}},
            "bell.colour: found 3 (a number), expected one of red, black.",
        ),
        ({"name": "b", "bell": {"size": 0}}, "bell.size: found 0, expected at least 1."),
        (
            {"name": "b", "wheels": [{"size": 1}, {"size": -1}]},
            "wheels[1].size: found -1, expected at least 1.",
        ),
        (
            ["b"],
            (
                "the file: found ['b'] (a list), expected a mapping of name, wheels, parts, "
                "weight, electric, owner, price, bell."
            ),
        ),
    ],
)
def test_refuses(value, message):
    assert _error(value) == message


def test_the_path_of_the_section_leads():
    assert _error({"name": "b", "bell": {"size": 0}}, "garage.bike") == (
        "garage.bike.bell.size: found 0, expected at least 1."
    )


def test_nearest():
    assert strict.nearest("timestmap", ["timestamp", "user_id"]) == " Did you mean 'timestamp'?"
    assert strict.nearest("x", ["b", "a"]) == " Known: a, b."
    assert strict.nearest("x", []) == ""
