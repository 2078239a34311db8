"""The compose file: hardened, complete, and like the manifests where both say the same."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

from tests.serving.deploy import files

SERVICES = files.compose()["services"]
PASSWORD = "0123abcd"


def test_there_is_every_part() -> None:
    assert SERVICES.keys() == {"recall", "rank", "gateway", "redis"}
    assert {"x-hardened", "x-model-server"} == {
        key for key in files.compose() if key not in ("name", "services", "networks", "volumes")
    }


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert "privileged" not in service and "network_mode" not in service
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("name", SERVICES)
def test_networks_volumes_and_dependencies_exist(name: str) -> None:
    service, all_of_it = SERVICES[name], files.compose()
    assert set(service["networks"]) <= all_of_it["networks"].keys()
    for volume in service.get("volumes", ()):
        if isinstance(volume, str):
            assert volume.partition(":")[0] in all_of_it["volumes"]
        else:
            assert volume["read_only"] is True
            assert (
                not volume["source"].startswith("./") or (files.DEPLOY / volume["source"]).is_dir()
            )
    for other, condition in service.get("depends_on", {}).items():
        assert "healthcheck" in SERVICES[other] and condition == {"condition": "service_healthy"}


def test_only_the_gateway_is_reached_from_outside() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"gateway"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["gateway"]["ports"])
    networks = files.compose()["networks"]
    for name in ("recall", "rank", "redis"):
        assert all(networks[network]["internal"] for network in SERVICES[name]["networks"])
        assert set(SERVICES[name]["networks"]) & set(SERVICES["gateway"]["networks"])


def test_images_and_redis_are_those_of_the_manifests() -> None:
    for name in ("gateway", "redis"):
        assert SERVICES[name]["image"] == files.container(name)["image"]
    command = [
        each.replace("${REDIS_PASSWORD:?set it}", "$(REDIS_PASSWORD)")
        for each in SERVICES["redis"]["command"]
    ]
    assert command == files.container("redis")["args"]
    assert (files.ROOT / SERVICES["gateway"]["build"]["dockerfile"]).is_file()
    assert (files.DEPLOY / SERVICES["gateway"]["build"]["context"]).resolve() == files.ROOT


@pytest.mark.skipif(
    shutil.which("redis-server") is None and not os.environ.get("CI"),
    reason="needs Debian's package redis-server; with CI it has to be there",
)
def test_redis_takes_its_arguments_and_its_health_check_works(tmp_path: pathlib.Path) -> None:
    arguments = [
        {"$(REDIS_PASSWORD)": PASSWORD, "/data": str(tmp_path)}.get(each, each)
        for each in files.container("redis")["args"]
    ]
    port = _free_port()
    process = subprocess.Popen(
        ["redis-server", *arguments, "--port", str(port), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )
    try:
        (check,) = {
            files.container("redis")[probe]["exec"]["command"][2]
            for probe in ("startupProbe", "readinessProbe")
        }
        assert check == SERVICES["redis"]["healthcheck"]["test"][1]
        check = check.replace("redis-cli", f"redis-cli -p {port}")
        _wait_for(check)
        found = _cli(port, "config", "get", "appendfsync", "appendonly", "save", "maxmemory-policy")
        assert dict(zip(found[::2], found[1::2])) == {
            "appendfsync": "always",
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        assert _status(check, "wrong") == 1
    finally:
        process.terminate()
        process.wait(30)


def _cli(port: int, *command: str) -> list[str]:
    done = subprocess.run(
        ["redis-cli", "-p", str(port), *command],
        check=True,
        capture_output=True,
        env={**os.environ, "REDISCLI_AUTH": PASSWORD},
        text=True,
    )
    return done.stdout.removesuffix("\n").split("\n")  # the last value may be empty


def _wait_for(check: str) -> None:
    end = time.monotonic() + 20
    while _status(check, PASSWORD):
        assert time.monotonic() < end
        time.sleep(0.05)


def _status(check: str, password: str) -> int:
    return subprocess.run(
        ["sh", "-c", check],
        env={**os.environ, "REDISCLI_AUTH": password},
        check=False,
        stderr=subprocess.DEVNULL,
    ).returncode


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
