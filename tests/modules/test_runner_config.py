"""The section `runner`: what a portable engine needs, and what belongs to another kind."""

from __future__ import annotations

from typing import Any

import pytest

from modules import runner_config, strict

POOL = {"kind": "external", "address": "localhost:50000"}
HERE = {"kind": "portable", "job_endpoint": "localhost:8099", "environment": POOL}


def _read(**values: Any) -> runner_config.Runner:
    return strict.read(runner_config.Runner, {**HERE, **values}, "runner")


def test_a_portable_engine_is_read_with_its_environment() -> None:
    found = _read(artifact_endpoint="[::1]:8098", parallelism=4)
    assert found.environment == runner_config.Environment(
        kind="external", address="localhost:50000"
    )
    assert (found.job_endpoint, found.artifact_endpoint) == ("localhost:8099", "[::1]:8098")
    boot = {"kind": "process", "command": "/opt/boot", "variables": {"THREADS": "1"}}
    assert _read(environment=boot).environment.variables == {"THREADS": "1"}


@pytest.mark.parametrize(
    "endpoint, loopback",
    [
        ("localhost:1", True),
        ("127.0.0.1:8099", True),
        ("127.1.2.3:8099", True),
        ("[::1]:8099", True),
        ("flink-jobmanager:8099", False),
        ("10.0.0.1:8099", False),
        ("localhost.example:8099", False),
        ("[::2]:8099", False),
    ],
)
def test_loopback_is_told_from_other_machines(endpoint: str, loopback: bool) -> None:
    runner_config.check_endpoint("job_endpoint", endpoint)
    assert runner_config.is_loopback(endpoint) is loopback


@pytest.mark.parametrize(
    "values, message",
    [
        ({"job_endpoint": None}, "runner.job_endpoint: missing; kind: portable needs HOST:PORT of"),
        ({"environment": None}, "runner.environment: missing; kind: portable needs who runs the"),
        (
            {"job_endpoint": "http://localhost:8099"},
            "runner.job_endpoint: found 'http://localhost:8099', expected HOST:PORT, like",
        ),
        ({"job_endpoint": "localhost"}, "runner.job_endpoint: found 'localhost', expected HOST:"),
        ({"job_endpoint": "localhost:0"}, "runner.job_endpoint: found 'localhost:0', expected"),
        ({"job_endpoint": "host:65536"}, "runner.job_endpoint: found 'host:65536', expected"),
        ({"artifact_endpoint": "x"}, "runner.artifact_endpoint: found 'x', expected HOST:PORT"),
        ({"parallelism": 0}, "runner.parallelism: found 0, expected at least 1."),
        (
            {"environment": {"kind": "extern"}},
            (
                "runner.environment.kind: found 'extern' (a text), expected one of external, "
                "process, docker, loopback. Did you mean 'external'?"
            ),
        ),
        ({"environment": {"kind": "external"}}, "runner.environment.address: missing; kind: ext"),
        ({"environment": {"kind": "process"}}, "runner.environment.command: missing; kind: pro"),
        ({"environment": {"kind": "docker"}}, "runner.environment.image: missing; kind: docker"),
        (
            {"environment": {**POOL, "image": "worker:1"}},
            "runner.environment.image: found 'worker:1', which only kind: docker has; the kind is",
        ),
        (
            {"environment": {"kind": "loopback", "address": "localhost:1"}},
            "runner.environment.address: found 'localhost:1', which only kind: external has; the",
        ),
        (
            {"environment": {**POOL, "variables": {"A": "1"}}},
            "runner.environment.variables: found {'A': '1'}, which only kind: process has; those",
        ),
        (
            {"environment": {"kind": "external", "address": "50000"}},
            "runner.environment.address: found '50000', expected HOST:PORT",
        ),
        (
            {"environment": {**POOL, "adress": "localhost:1"}},
            "runner.environment.adress: unknown key. Did you mean 'address'?",
        ),
        (
            {"options": ["--job_endpoint=localhost:1"]},
            "runner.options: found '--job_endpoint=localhost:1'; say it by runner.job_endpoint.",
        ),
        (
            {"options": ["--sdk_worker_parallelism=3"]},
            "runner.options: found '--sdk_worker_parallelism=3'; say it by runner.workers.",
        ),
        (
            {"job_endpoint": "flink:8099", "environment": {"kind": "loopback"}},
            "runner.environment.kind: found loopback with job_endpoint flink:8099; only an engine",
        ),
        (
            {"job_endpoint": "flink:8099"},
            "runner.artifacts: missing; the workers of job_endpoint flink:8099 do not see this",
        ),
        (
            {"kind": "direct", "job_endpoint": None},
            "runner.environment: found {'kind': 'external', 'address': 'localhost:50000', 'comma",
        ),
        (
            {"kind": "dataflow", "environment": None},
            (
                "runner.job_endpoint: found 'localhost:8099', which only kind: portable has; the "
                "kind is dataflow."
            ),
        ),
    ],
)
def test_what_does_not_fit_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(strict.ConfigError) as refused:
        _read(**values)
    assert str(refused.value).startswith(message)


def test_another_machine_is_taken_with_a_shared_place() -> None:
    assert _read(job_endpoint="flink:8099", artifacts="/mnt/runs").artifacts == "/mnt/runs"
