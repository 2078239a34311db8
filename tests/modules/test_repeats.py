"""Whether repeats are allowed: by what is declared, by the threshold, and by what examples say."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest
import tensorflow as tf

from modules import repeats
from tests import examples

DATA = examples.data()  # repeats: auto


@pytest.mark.parametrize(
    ("declared", "events", "repeated", "expected"),
    [
        ("auto", 100, 9, False),
        ("auto", 100, 10, True),
        ("auto", 19, 2, True),
        ("auto", 21, 2, False),
        ("auto", 0, 0, False),
        ("allow", 100, 0, True),
        ("exclude", 100, 99, False),
    ],
)
def test_what_is_declared_or_else_a_tenth_of_the_training_events(
    declared: str, events: int, repeated: int, expected: bool
) -> None:
    data = dataclasses.replace(DATA, repeats=declared)
    assert repeats.allowed(data, events, repeated) is expected


def test_what_is_not_decided_yet_excludes() -> None:
    assert not DATA.allows_repeats
    assert repeats.resolved(DATA, allow=True).allows_repeats
    assert not repeats.resolved(DATA, allow=False).allows_repeats
    assert repeats.resolved(DATA, allow=True) == dataclasses.replace(DATA, repeats="allow")


def _written(folder: pathlib.Path, **values: int) -> str:
    row = {"user_id": "u", **values}
    with tf.io.TFRecordWriter(str(folder / "examples.gz"), options="GZIP") as writer:
        writer.write(examples.serialize(row))
    return str(folder / "*.gz")


@pytest.mark.parametrize("name", ["repeats_allowed", "repeats_allowed_xf"])
@pytest.mark.parametrize(("value", "expected"), [(0, "exclude"), (1, "allow")])
def test_examples_say_it_raw_and_transformed(
    tmp_path: pathlib.Path, name: str, value: int, expected: str
) -> None:
    pattern = _written(tmp_path, **{name: value})
    assert repeats.resolve(DATA, pattern).repeats == expected
    (tmp_path / "empty").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "empty" / "examples.gz"), options="GZIP"):
        pass
    several = [f"{tmp_path}/empty/*", f"{tmp_path}/nothing/*", pattern]
    assert repeats.resolve(DATA, several).repeats == expected


@pytest.mark.parametrize("declared", ["allow", "exclude"])
def test_what_is_declared_needs_no_examples(declared: str) -> None:
    data = dataclasses.replace(DATA, repeats=declared)
    assert repeats.resolve(data, "nowhere/*") is data


@pytest.mark.parametrize("values", [{}, {"repeats_allowed": []}], ids=["no feature", "no value"])
def test_examples_that_do_not_say_it_are_refused(
    tmp_path: pathlib.Path, values: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match=r"No example of .* says whether .* run the pipeline"):
        repeats.resolve(DATA, _written(tmp_path, **values))


def test_no_examples_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"No example of .*nothing"):
        repeats.resolve(DATA, f"{tmp_path}/nothing*")
