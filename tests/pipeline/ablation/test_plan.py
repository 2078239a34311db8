"""Plans: what they declare, and what is refused before anything is trained."""

from __future__ import annotations

import pathlib

import pytest

from modules import strict
from pipeline import configuration
from pipeline.ablation import plan

CONFIG = "movielens-100k"


def read(folder: pathlib.Path, text: str, *overrides: str) -> plan.Reader:
    file = folder / "my.yaml"
    file.write_text(text, encoding="utf-8")
    return plan.read(str(file), CONFIG, overrides)


def test_variants_build_on_each_other(tmp_path: pathlib.Path) -> None:
    reader = read(
        tmp_path,
        """
variants:
  old: {set: {model.layers: 1, model.dropout: 0.1}}
  new: {on: old, unset: [model.layers], set: {training.epochs: 3}}
  all: {against: old}
""",
        "model.dim=32",
    )
    assert reader.check() == ["old", "new", "all"]
    assert reader.overrides_of("new", {}) == (
        "model.dim=32",
        "model.dropout=0.1",
        "training.epochs=3",
    )
    cfg = reader.load("new", {}, seed=7)
    assert (cfg.model.dim, cfg.model.layers, cfg.model.dropout) == (32, 2, 0.1)
    assert cfg.training.seed == cfg.ranking.training.seed == 7
    assert reader.plan.variants["all"].compared_with == "old"


def test_a_choice_of_a_grid_holds_for_what_builds_on_it(tmp_path: pathlib.Path) -> None:
    reader = read(
        tmp_path,
        """
variants:
  old: {grid: {training.learning_rate: [0.1, 0.2], model.heads: [1, 2]}}
  new: {on: old, set: {model.layers: 1}}
""",
    )
    assert reader.check() == ["old", "new"]
    assert len(reader.choices_of("old")) == 4
    assert reader.plan.grids_below("new") == ["old"]
    chosen = {"old": {"training.learning_rate": 0.2, "model.heads": 1}}
    assert reader.load("new", chosen).training.learning_rate == 0.2
    assert reader.load("new", chosen).model.heads == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants: {}", r"my.yaml:1: variants: found none, expected at least one"),
        (
            "variants:\n  a: {set: {model.layer: 1}}",
            r"my.yaml:2: variant 'a': .*model.layer: unknown key. Did you mean 'layers'",
        ),
        ("variants:\n  a: {sett: {}}", r"my.yaml:2: variants.a.sett: unknown key.*'set'"),
        (
            "variants:\n  a: {set: {model.layers: 2}}",
            r"my.yaml:2: variant 'a': changes nothing of the configuration movielens-100k",
        ),
        (
            "variants:\n  a: {set: {model.layers: 1}}\n  b: {on: a}",
            r"my.yaml:3: variant 'b': changes nothing of a;",
        ),
        (
            "variants:\n  a: {set: {model.layers: 1}}\n  a: {set: {model.layers: 3}}",
            r"my.yaml:3: .*'?a'?.* twice",
        ),
        ("variants:\n  a: {on: b}\n  b: {}", r"my.yaml:2: variants.a.on: found 'b', expected a v"),
        ("variants:\n  a: {unset: [model.dim]}", r"unset: nothing below it sets 'model.dim'"),
        (
            "variants:\n  a: {set: {split.min_events: 9}}",
            r"variant 'a': split.min_events: has to be the same in all variants",
        ),
        ("variants:\n  a: {set: {data.ties: lot}}", r"data.ties: has to be the same"),
        ("variants:\n  a: {set: {training.seed: 4}}", r"training.seed: every variant runs with ev"),
        ("variants:\n  a: {set: {name: x}}", r"name: has to be the same"),
        (
            "variants:\n  a: {grid: {model.layers: [1, 1]}}",
            r"grid.model.layers: found \[1, 1\], expected values that differ",
        ),
        ("variants:\n  a: {grid: {model.layers: []}}", r"grid.model.layers: found \[\]"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: pathlib.Path, text: str, message: str) -> None:
    with pytest.raises(strict.ConfigError, match=message):
        read(tmp_path, text).check()


def test_an_optional_variant_that_changes_nothing_is_left_out(tmp_path: pathlib.Path) -> None:
    reader = read(
        tmp_path,
        """
variants:
  a: {set: {model.layers: 1}}
  b: {on: a, optional: true, set: {model.layers: 1}}
  c: {on: b, set: {model.heads: 1}}
""",
    )
    assert reader.check() == ["a", "c"]


def test_the_request_time_may_be_hidden_in_a_variant(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, "variants: {a: {set: {data.request_time: hidden}}}").check() == ["a"]


def test_an_unknown_plan_is_refused() -> None:
    with pytest.raises(strict.ConfigError, match=r"none: no such plan; expected .*plan"):
        plan.read("none", CONFIG, ())


@pytest.mark.parametrize("name", plan.names())
@pytest.mark.parametrize("config", configuration.main_names())
def test_the_packaged_plans_fit_the_packaged_configurations(
    name: str, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMAZON_BEAUTY_DIR", "/data")
    assert plan.read(name, config, ()).check()


def test_the_plans_measures_lead_to_the_configuration_itself() -> None:
    reader = plan.read("plan", CONFIG, ())
    measures = [name for name in reader.plan.variants if name.startswith("+ ")]
    chosen = {"existing recommender": {"training.learning_rate": 0.1}}
    assert reader.overrides_of(measures[-1], chosen) == ()
    existing = reader.load("existing recommender", chosen)
    assert not existing.model.norm_first and existing.training.negatives == "random"
    assert existing.training.loss == "bce" and not existing.ranking.enabled
    assert not existing.training.early_stopping.enabled


def test_every_measure_is_taken_out_again() -> None:
    variants = plan.read("plan", CONFIG, ()).plan.variants
    out = {name for name in variants if name.startswith("without ")}
    assert all(variants[name].on == "full system" for name in out)
    assert len(out) >= 12
