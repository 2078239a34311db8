"""The page of the configuration: keys are found, explained, and none is left out."""

from __future__ import annotations

import dataclasses
import re
import typing
from typing import Literal

import pytest

from docs.hooks import config_keys, configuration_page, markdown, meanings
from modules import config, strict
from pipeline import yaml_file

ROW = re.compile(r'\| <span id="(?P<path>[^"]+)"></span>(?P<key>.+) \| (?P<default>.*) \| (.*) \|')


@dataclasses.dataclass(frozen=True)
class Part:
    """A part.

    Attributes:
      size: how large it is,
          in metres.
    """

    size: int = 3
    colour: Literal["red", "blue"] = "red"


@dataclasses.dataclass(frozen=True)
class Whole:
    """The whole."""

    name: str
    first: Part = Part()
    others: tuple[Part, ...] = ()
    named: dict[str, Part] = dataclasses.field(default_factory=dict)
    spare: Part | None = None
    widths: tuple[float, ...] = (1.0, 0.5)


TEMPLATE = """\
# About the file.
name: x  # what it is called, like {a: 1}
first:  # the first
  # of all
  size: 3
  colour: red  # red: like blood | blue
spare: {size: 1}  # for later, as in
# - {size: 2}
widths: [1.0, 0.5]
"""


@pytest.fixture
def template(tmp_path):
    file = tmp_path / "template.yaml"
    file.write_text(TEMPLATE, encoding="utf-8")
    return meanings.of_template(yaml_file.read(file))


def test_comments_belong_to_the_key_on_their_line_or_before_them(template):
    assert template == {
        "name": "what it is called, like `{a: 1}`",
        "first": "the first of all",
        "first.colour": "red: like blood | blue",
        "spare": "for later, as in `{size: 2}`",
    }


def test_keys_of_dataclasses_wherever_they_stand(template):
    top = config_keys.read(Whole, template)
    assert [(key.path, key.type, key.default) for key in top.keys] == [
        ("name", "text", None),
        ("first", "section", "{colour: red, size: 3}"),
        ("others", "list of sections", "[]"),
        ("named", "mapping of names to section", "{}"),
        ("spare", "section or null", "null"),
        ("widths", "list of numbers", "[1.0, 0.5]"),
    ]
    assert [part.path for part in top.walk()] == ["", "first", "others[N]", "named.NAME", "spare"]
    assert [(key.path, key.type, key.default) for key in top.keys[3].section.keys] == [
        ("named.NAME.size", "whole number", "3"),
        ("named.NAME.colour", "one of `red`, `blue`", "red"),
    ]


def test_a_meaning_is_the_docstrings_or_the_templates_or_that_of_another_place(template):
    top = config_keys.read(Whole, template)
    size, colour = top.keys[2].section.keys
    assert size.meaning == "how large it is, in metres."
    assert (colour.meaning, colour.choices) == ("red: like blood | blue", ("red", "blue"))
    assert top.keys[2].meaning == "A part."  # neither names `others`
    assert top.keys[5].meaning == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at most", "At most."),
        ("hour, weekday", "Hour, weekday."),
        ("`auto`: by size", "`auto`: by size."),
        ("NDCG@10 of it.", "NDCG@10 of it."),
        ("recall@k of it", "recall@k of it."),
        ("", ""),
    ],
)
def test_a_sentence(text, expected):
    assert markdown.sentence(text) == expected


def test_a_table_escapes_what_would_end_a_cell():
    assert markdown.table(("a", "b"), [("x | y", "`p|q`\nz")]) == (
        "| a | b |\n| --- | --- |\n| x &#124; y | `p\\|q` z |\n\n"
    )


@pytest.fixture(scope="module")
def page() -> str:
    return configuration_page.make()


@pytest.fixture(scope="module")
def rows(page) -> dict[str, tuple[str, str, str]]:
    """(key and type, default, meaning) by path."""
    found = [ROW.fullmatch(line) for line in page.splitlines()]
    return {row["path"]: (row["key"], row["default"], row[4]) for row in found if row}


def _expected(cls: type, path: str) -> list[str]:
    """Paths of all fields below, found without the code under test."""
    paths = []
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name, hint = strict.key_of(field), hints[field.name]
        inner = f"{path}.{name}".lstrip(".")
        paths.append(inner)
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        nested = [one for one in (hint, *args) if dataclasses.is_dataclass(one)]
        if nested and inner not in ("data.users", "data.items"):  # the same keys as data.events
            step = {dict: ".NAME", tuple: "[N]"}.get(origin, "")
            paths += _expected(nested[0], inner + step)
    return paths


def test_every_field_has_a_row_and_a_meaning(rows):
    expected = _expected(config.Config, "")
    assert len(expected) > 120
    assert sorted(rows) == sorted(expected)
    assert [path for path, (_, _, meaning) in rows.items() if len(meaning) < 5] == []


def test_some_rows_as_they_should_be(rows):
    assert rows["training.epochs"][:2] == ("`training.epochs`<br>whole number", "`26`")
    assert rows["name"][1] == "required"
    assert rows["evaluation.ks"][:2] == (
        "`evaluation.ks`<br>list of whole numbers",
        "`[10, 50, 200]`",
    )
    assert rows["data.users"][:2] == (
        "`data.users`<br>[section](#section-data.users) or null",
        "`null`",
    )
    key, default, meaning = rows["training.lr_schedule"]
    assert key.endswith("one of `constant`, `warmup_cosine`") and default == "`warmup_cosine`"
    assert meaning.startswith("`warmup_cosine`: linear warm-up") and "<br>`constant`" in meaning


def test_every_section_can_be_pointed_to(page):
    for field in dataclasses.fields(config.Config)[1:]:
        assert f"## `{strict.key_of(field)}` {{#section-{field.name}}}\n" in page
    for table in ("events", "users", "items"):
        assert re.search(rf'(\{{#|id=")section-data\.{table}\b', page)


def test_the_template_stands_on_the_page(page):
    assert "name: my-shop  #" in page[page.index("{#template}") :]
