"""Configuration files: finding, reading, overriding, resolving paths and the text of each error."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import sys
import textwrap
import typing

import pytest

from modules import config, strict
from pipeline import configuration, yaml_file

MINIMAL = """\
    name: shop
    data:
      events:
        path: clicks.csv
        format: csv
        columns:
          visitor: user_id
          product: item_id
          when: timestamp
      items:
        path: products.csv
        format: csv
        columns:
          product: item_id
          title: title
          price: numeric
          tags: multi_categorical
    evaluation:
      slices: [history_length]
"""


@pytest.fixture
def write(tmp_path):
    """Writes a YAML file and returns its path as text."""

    def write_file(text: str, name: str = "shop.yaml") -> str:
        file = tmp_path / name
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return str(file)

    return write_file


def _error(file: str, *overrides: str) -> str:
    with pytest.raises(strict.ConfigError) as caught:
        configuration.load(file, overrides)
    return str(caught.value).replace(file, "FILE") if file.endswith(".yaml") else str(caught.value)


def test_a_new_data_set_needs_about_twenty_lines(write, tmp_path):
    assert MINIMAL.count("\n") <= 20
    cfg = configuration.load(write(MINIMAL))
    assert cfg.data.events.path == str(tmp_path / "clicks.csv")
    assert cfg.data.items.columns["tags"] == config.Column(kind="multi_categorical")
    assert cfg.training == config.Training()


def test_packaged_names_are_found():
    assert configuration.load("movielens-100k").name == "movielens-100k"
    assert set(configuration.names()) >= {"movielens-100k", "amazon-beauty", "template"}


def test_an_unknown_name_gets_the_nearest():
    assert _error("movielens-100") == (
        "movielens-100: neither a configuration of the package nor a file. Did you mean "
        "'movielens-100k'?"
    )


def test_a_missing_file_is_named():
    assert _error("no/shop.yaml").startswith(
        "FILE: no such file; expected a YAML file or one of amazon-"
    )


def test_loading_imports_neither_tensorflow_nor_the_data_package(run_python):
    loaded = run_python("""
        import sys
        from pipeline import configuration
        configuration.load("movielens-100k")
        print(sorted({"tensorflow", "tfx", "recbole", "apache_beam", "numpy"} & set(sys.modules)))
    """)
    assert loaded.strip() == "[]"


# --- errors in the file ---


def test_a_syntax_error_gives_file_and_line(write):
    assert _error(write("name: shop\ndata:\n  events: [1, 2\nsplit: {}\n")) == (
        "FILE:4: not valid YAML: expected ',' or ']', but got ':'."
    )


def test_a_tab_gives_file_and_line(write):
    message = _error(write("name: shop\ndata:\n\tevents: 1\n"))
    assert message.startswith("FILE:3: not valid YAML: found character '\\t'")


def test_an_alias_inside_of_what_it_stands_for_is_refused(write):
    assert _error(write("name: shop\ndata: &a\n  events: *a\n")) == (
        "FILE:3: not valid YAML: *a stands inside of &a, which it stands for; write the value out."
    )


def test_an_alias_beside_what_it_stands_for_is_read(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("a: &a [1]\nb: [*a, *a]\n")
    assert yaml_file.read(file).content == {"a": [1], "b": [[1], [1]]}


def test_lists_that_are_nested_too_deep_are_refused(write):
    message = _error(write(f"name: {'[' * 3000}{']' * 3000}\n"))
    assert message == "FILE: not valid YAML: lists or keys are nested too deep."


def test_a_duplicate_key_is_refused(write):
    assert _error(write("name: shop\ntraining:\n  epochs: 1\n  seed: 2\n  epochs: 3\n")) == (
        "FILE:5: training.epochs: stands twice, first on line 3; remove one."
    )


def test_bytes_that_are_not_utf8(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_bytes(b"name: caf\xe9\n")
    assert _error(str(file)) == "FILE: byte 9 is not UTF-8; save the file as UTF-8."


def test_an_empty_file(write):
    assert _error(write("# nothing\n")) == "FILE: name: missing; expected a text."


def test_a_list_instead_of_a_mapping(write):
    assert "expected a mapping of name, data" in _error(write("- name: shop\n"))


def test_an_unknown_key_gives_its_line_and_the_nearest(write):
    text = textwrap.dedent(MINIMAL) + "training:\n  epoch: 3\n"
    assert _error(write(text)) == "FILE:21: training.epoch: unknown key. Did you mean 'epochs'?"


def test_a_missing_key_gives_the_line_of_its_mapping(write):
    text = textwrap.dedent(MINIMAL).replace("    path: clicks.csv\n", "")
    assert _error(write(text)) == "FILE:3: data.events.path: missing; expected a text."


def test_dates_stay_texts(write):
    text = textwrap.dedent(MINIMAL) + (
        "split: {method: temporal, valid_from: 1998-03-01, test_from: 1998-04-01}\n"
    )
    cfg = configuration.load(write(text))
    assert cfg.split.valid_from == "1998-03-01"
    assert cfg.split.cutoffs == (888710400, 891388800)


# --- overrides ---


@pytest.mark.parametrize(
    ("override", "read", "expected"),
    [
        ("training.epochs=3", lambda c: c.training.epochs, 3),
        ("training.learning_rate=1e-2", lambda c: c.training.learning_rate, 0.01),
        ("model.norm_first=false", lambda c: c.model.norm_first, False),
        ("evaluation.ks=[10, 200]", lambda c: c.evaluation.ks, (10, 200)),
        ("features.crosses[0].buckets=7", lambda c: c.features.crosses[0].buckets, 7),
        (
            "features.crosses.0.features=[user_gender, item_class]",
            lambda c: c.features.crosses[0].features,
            ("user_gender", "item_class"),
        ),
        (
            "data.users.columns.age={kind: numeric, default: 30}",
            lambda c: c.data.users.columns["age"].default,
            30.0,
        ),
        ("data.schema=null", lambda c: c.data.schema, None),
        (
            "evaluation.thresholds.NDCG@10.min=0.2",
            lambda c: c.evaluation.thresholds["NDCG@10"].min,
            0.2,
        ),
        ("name=other-name", lambda c: c.name, "other-name"),
    ],
)
def test_an_override_replaces_one_value(override, read, expected):
    assert read(configuration.load("movielens-100k", [override])) == expected


def test_an_override_leaves_its_neighbours():
    plain = configuration.load("movielens-100k")
    changed = configuration.load("movielens-100k", ["features.crosses[0].buckets=7"])
    assert changed.features.crosses[0].features == plain.features.crosses[0].features
    assert dataclasses.replace(changed, features=plain.features) == plain


def test_the_last_override_wins():
    overrides = ["training.epochs=3", "training.epochs=4"]
    assert configuration.load("movielens-100k", overrides).training.epochs == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "training.epoch=3",
            "FILE with -o training.epoch=3: training.epoch: unknown key. Did you mean 'epochs'?",
        ),
        (
            "trainin.epochs=3",
            "FILE with -o trainin.epochs=3: trainin: unknown key. Did you mean 'training'?",
        ),
        (
            "training.epochs=three",
            (
                "FILE with -o training.epochs=three: training.epochs: found 'three' (a text), "
                "expected a whole number."
            ),
        ),
        (
            "evaluation.slices[0]=user_agee",
            (
                "FILE with -o evaluation.slices[0]=user_agee: evaluation.slices[0]: "
                "unknown feature 'user_agee'. Did you mean 'user_age'?"
            ),
        ),
        ("training.epochs", "-o training.epochs: expected KEY=VALUE, like training.epochs=3."),
        ("=3", "-o =3: expected KEY=VALUE, like training.epochs=3."),
        (
            "evaluation.ks=[1",
            (
                "-o evaluation.ks=[1: the value is not valid YAML: expected ',' or ']', but got "
                "'<stream end>'."
            ),
        ),
        (
            "features.crosses[3].buckets=7",
            (
                "-o features.crosses[3].buckets: found '3', expected a place in a list "
                "of 1, counted from 0."
            ),
        ),
        (
            "data.users.columns.age.default=3",
            (
                "-o data.users.columns.age.default: 'default' lies inside "
                "'numeric', which is no mapping; replace the whole value, as in "
                "KEY='{kind: numeric, default: 0}'."
            ),
        ),
    ],
)
def test_a_wrong_override_is_refused(override, message):
    file = str(configuration.FOLDER / "movielens-100k.yaml")
    with pytest.raises(strict.ConfigError) as caught:
        configuration.load("movielens-100k", [override])
    assert str(caught.value).replace(file, "FILE") == message


def test_a_contradiction_with_an_override_names_both():
    message = _error("movielens-100k", "index.k=50")
    expected = (
        r"\.yaml:\d+ with -o index\.k=50: evaluation\.ks: found 200, expected at most index\.k"
    )
    assert re.search(expected, message)


# --- paths ---


def _resolve(path: str, folder: str = "/folder") -> str:
    return configuration.resolve_path(path, "data.events.path", pathlib.Path(folder))


def test_relative_home_variable_and_url(monkeypatch):
    monkeypatch.setenv("SHOP_DIR", "/data/shop")
    monkeypatch.setenv("HOME", "/home/ann")
    assert _resolve("a/*.csv") == "/folder/a/*.csv"
    assert _resolve("/a.csv") == "/a.csv"
    assert _resolve("~/a.csv") == "/home/ann/a.csv"
    assert _resolve("$SHOP_DIR/a.csv") == _resolve("${SHOP_DIR}/a.csv") == "/data/shop/a.csv"
    assert _resolve("gs://bucket/a.csv") == "gs://bucket/a.csv"


def test_paths_of_the_command_line_are_relative_to_the_working_directory(
    write, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    cfg = configuration.load(write(MINIMAL), ["data.events.path=other.csv"])
    assert cfg.data.events.path == str(tmp_path / "here" / "other.csv")
    assert cfg.data.items.path == str(tmp_path / "products.csv")


def test_a_package_is_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "data_of_a_wheel"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert _resolve("package:data_of_a_wheel/sets/a.inter") == str(package / "sets" / "a.inter")
    assert "data_of_a_wheel" not in sys.modules


def test_a_package_that_is_not_installed_names_the_remedy():
    with pytest.raises(strict.ConfigError) as caught:
        _resolve("package:no_such_wheel/a.inter")
    assert str(caught.value) == (
        "data.events.path: the package 'no_such_wheel' that holds a.inter is not "
        "installed; run `make setup`."
    )


@pytest.mark.parametrize("path", ["package:recbole", "package:re.cbole/a", "package:/a"])
def test_a_package_path_needs_a_package_and_a_file(path):
    with pytest.raises(strict.ConfigError, match="expected package:NAME/FILE"):
        _resolve(path)


def test_amazon_beauty_says_how_to_give_its_path(monkeypatch):
    monkeypatch.delenv("AMAZON_BEAUTY_DIR", raising=False)
    message = _error("amazon-beauty")
    assert "data.events.path: the environment variable AMAZON_BEAUTY_DIR is not set" in message
    assert "export AMAZON_BEAUTY_DIR=FOLDER" in message
    assert "-o data.events.path=FILE" in message


def test_amazon_beauty_with_its_path(monkeypatch):
    monkeypatch.setenv("AMAZON_BEAUTY_DIR", "/data/beauty")
    cfg = configuration.load("amazon-beauty")
    assert cfg.data.events.path == "/data/beauty/amazon-beauty.inter"
    assert cfg.features.max_history == 50


# --- the template ---

TEMPLATE = yaml_file.read(configuration.FOLDER / "template.yaml")


def _missing(cls: type, content: dict, path: str) -> list[str]:
    """Paths of fields of the dataclass that the mapping does not name, sections included."""
    missing = []
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name, hint = strict.key_of(field), hints[field.name]
        inner = f"{path}.{name}" if path else name
        if name not in content:
            missing.append(inner)
            continue
        sections = [h for h in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(h)]
        if sections and isinstance(content[name], dict) and typing.get_origin(hint) is not dict:
            missing += _missing(sections[0], content[name], inner)
    return missing


def test_the_template_names_every_key():
    columns = TEMPLATE.content["data"]["users"]["columns"]
    optional = {
        f"data.{table}.{key}"
        for table in ("users", "items")
        for key in (
            *("delimiter", "header", "encoding", "quote", "escape"),
            *("list_column", "list_pattern", "keep", "drop"),
        )
    }
    # told once, at the events
    assert set(_missing(config.Config, TEMPLATE.content, "")) == optional
    assert _missing(config.Column, columns["age"], "age") == []
    assert (
        _missing(config.Threshold, TEMPLATE.content["evaluation"]["thresholds"]["NDCG@10"], "")
        == []
    )
    example = re.search(r"# - (\{features:.*?\})", TEMPLATE.file.read_text())
    assert _missing(config.Cross, yaml_file.read_value(example[1]), "cross") == []


def test_the_template_shows_the_defaults():
    cfg = strict.read(config.Config, TEMPLATE.content)
    assert cfg == config.Config(name=cfg.name, data=cfg.data)
    assert cfg.data == config.Data(
        events=cfg.data.events, users=cfg.data.users, items=cfg.data.items
    )
    events = cfg.data.events
    assert events == config.Table(path=events.path, columns=events.columns, format="csv")
    assert cfg.data.users.columns["age"] == config.Column(kind="numeric")


def test_the_template_explains_every_setting():
    """Below `split:` each line is a section, has a comment, or is blank."""
    text = TEMPLATE.file.read_text()
    lines = text[text.index("\nsplit:") :].splitlines()
    bare = [
        line
        for line in lines
        if line.strip() and "#" not in line and not re.fullmatch(r" *\w+:", line)
    ]
    assert bare == ["    NDCG@10: {min: null, beats: [popularity]}"]  # explained at `thresholds:`
