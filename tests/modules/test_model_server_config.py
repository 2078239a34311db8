"""TensorFlow Serving's configuration: what it reads, and what is refused."""

from __future__ import annotations

import pathlib

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from modules import model_server_config


def test_tensorflow_serving_is_told_one_version_of_each_model(tmp_path: pathlib.Path) -> None:
    text = model_server_config.write({"recall": 7, "rank": 7}, tmp_path)
    models = text_format.Parse(
        text, model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config
    assert [(m.name, m.base_path) for m in models] == [
        ("recall", f"{tmp_path}/recall"),
        ("rank", f"{tmp_path}/rank"),
    ]
    for model in models:
        assert model.model_platform == "tensorflow"
        assert list(model.model_version_policy.specific.versions) == [7]
        assert dict(model.version_labels) == {"stable": 7}
    assert model_server_config.read(text) == {"recall": 7, "rank": 7}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: {", "expected a ModelServerConfig as text, found at 1:1"),
        (
            (
                'model_config_list { config { name: "recall" model_version_policy { latest { '
                "num_versions: 1 } } } }"
            ),
            r"one specific version of the model 'recall', found \[\]",
        ),
        (
            (
                'model_config_list { config { name: "rank" model_version_policy { specific { '
                "versions: [1, 2] } } } }"
            ),
            r"one specific version of the model 'rank', found \[1, 2\]",
        ),
    ],
)
def test_what_does_not_name_one_version_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model_server_config.read(text)


def test_all_versions_that_are_named() -> None:
    """As in serving/deploy/publish.py's recall.config, with a release in force and a canary."""
    models = [
        f'config {{ name: "{name}" model_version_policy {{ specific {{ versions: {versions} }} }} '
        "}"
        for name, versions in (("recall", [1, 2]), ("rank", [2, 3]))
    ]
    assert model_server_config.named(f"model_config_list {{ {' '.join(models)} }}") == {1, 2, 3}
    assert model_server_config.named("model_config_list { }") == set()
    with pytest.raises(ValueError, match="expected a ModelServerConfig as text"):
        model_server_config.named("models: {")
