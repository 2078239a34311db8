"""The workers' image is that of the locked versions; `make test-engines` carries out its steps."""

from __future__ import annotations

import re

from modules import environment
from tests.engines import worker_image
from tests.serving.deploy import files


def test_versions_are_those_of_the_lock_file() -> None:
    beam = re.search(r"(?m)^apache-beam==(\S+)$", (files.ROOT / "requirements.lock").read_text())
    first, last = worker_image.stages()
    assert (first.base, last.base) == ("python:3.10-bookworm", "python:3.10-slim-bookworm")
    assert beam is not None
    copied = [rest for name, rest in last.steps if name == "COPY"]
    assert copied == [
        f"--from=apache/beam_python3.10_sdk:{beam[1]} /opt/apache/beam /opt/apache/beam",
        "--from=build /opt/recsys /opt/recsys",
    ]


def test_workers_have_legacy_keras_and_the_environment_that_was_installed() -> None:
    for stage in worker_image.stages():
        assert stage.environment()[environment.LEGACY_KERAS] == "1"
    last = worker_image.stages()[-1]
    assert last.environment()["RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT"] == "1"
    assert last.environment()["PATH"].startswith("/opt/recsys/bin:")
    assert ("WORKDIR", "/opt/recsys") in worker_image.stages()[0].steps
    assert ("ENTRYPOINT", '["/opt/apache/beam/boot"]') in last.steps
