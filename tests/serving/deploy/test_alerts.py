"""The alerts ask for metrics the servers have; `promtool check rules` is run on them by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from serving.gateway import metrics as gateway_metrics
from serving.model_server import metrics as model_metrics
from tests.serving.deploy import files

(FOUND,) = files.read(files.DEPLOY / "prometheus" / "alerts.yaml")
RULES = [rule for group in FOUND["groups"] for rule in group["rules"]]
_METRIC = re.compile(r"[:a-z_]*(?:gateway_|:tensorflow:)[:a-z_]+")
_DURATION = r"\d+[smh]"


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """Types by name of the series."""
    models = model_metrics.Metrics()
    models.requested("recall", "GRPC", "OK", 0.1)
    models.loaded("/releases/recall/1", None, 0.1)
    text = models.text().decode() + gateway_metrics.Metrics().text()[0].decode()
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rules_have_what_an_alert_needs(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(_DURATION, rule.get("for", "0s"))
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "action"}
    assert rule["expr"].count("(") == rule["expr"].count(")")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_rules_ask_for_series_that_there_are(rule: dict[str, Any], known: dict[str, str]) -> None:
    asked = _METRIC.findall(rule["expr"])
    assert asked != []
    for name in asked:
        family = name.removesuffix("_bucket")
        assert family in known, f"{name} is none of {sorted(known)}"
        assert (known[family] == "histogram") == name.endswith("_bucket")


def test_alerts_have_names_of_their_own() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) > 0
