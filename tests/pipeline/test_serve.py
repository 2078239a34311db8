"""`recsys serve` as a whole: from a release to an answer, and what stops it."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest
import yaml

from modules import release, strict
from pipeline import cli, runs, serve
from serving import client
from tests.serving import small_serving


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """A run's folder with a release, which was moved there."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "shop.yaml").write_text(
        yaml.safe_dump({"name": small_serving.NAME, "data": strict.to_plain(small_serving.DATA)})
    )
    made = runs.Run(folder, small_serving.NAME)
    made.folder.mkdir()
    small_serving.write(folder).rename(made.serving)
    return made


def _free_ports() -> list[int]:
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for found in (one, two, three):
            found.bind(("127.0.0.1", 0))
        return [found.getsockname()[1] for found in (one, two, three)]


def _listens(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0


def _command(run: runs.Run, ports: list[int], *options: str) -> list[str]:
    root = run.folder.parent
    return [
        sys.executable,
        "-m",
        "pipeline.cli",
        "serve",
        "--config",
        str(root / "shop.yaml"),
        "--root",
        str(root),
        "--store",
        f"sqlite:///{root}/history.sqlite",
        "--port",
        str(ports[0]),
        "--grpc-port",
        str(ports[1]),
        "--rest-port",
        str(ports[2]),
        *options,
    ]


def _ready(run: runs.Run, ports: list[int], *options: str) -> tuple[subprocess.Popen[str], str]:
    """(the process, what it printed until it was ready)."""
    process = subprocess.Popen(
        _command(run, ports, *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    return process, "".join(said)


@pytest.fixture(scope="module")
def served(run: runs.Run) -> Iterator[tuple[subprocess.Popen[str], list[int], str]]:
    """(the process, its ports, what it printed until it was ready)."""
    ports = _free_ports()
    process, said = _ready(run, ports)
    yield process, ports, said
    process.terminate()
    process.wait(60)


def test_it_says_where_it_listens(run, served):
    process, ports, said = served
    assert process.poll() is None, said
    assert "was moved or copied; models.config now names its new place" in said
    assert f"release {release.current(run.serving)}: 10 items, recall and rank" in said
    assert f"page and API  http://127.0.0.1:{ports[0]}" in said
    assert f"gRPC 127.0.0.1:{ports[1]}, REST 127.0.0.1:{ports[2]}" in said


def test_command_lines_hold_no_url_of_the_store(run, served):
    """Others see them, and the URL of a store may hold a password."""
    process, _, _ = served
    children = psutil.Process(process.pid).children(recursive=True)
    lines = [" ".join(child.cmdline()) for child in children]
    assert any("serving.gateway" in line for line in lines)
    assert all(str(run.folder.parent / "history.sqlite") not in line for line in lines)


@pytest.mark.parametrize("separate", [False, True])
def test_the_models_listen_on_loopback_whatever_host_the_page_has(run, separate):
    args = cli.parser().parse_args(["serve", "--host", "0.0.0.0", *["--separate"] * separate])
    models = serve.Models(args.separate, args.models_host)
    gateway = serve._gateway(run, args.host, models, serve.Ports(), None)
    listening = serve._model_server(run, models, serve.Ports()) if separate else gateway
    option = "--host" if separate else "--models-host"
    assert listening[listening.index(option) + 1] == "127.0.0.1"
    everywhere = serve.Models(separate=True, host="0.0.0.0")
    asking = serve._gateway(run, "0.0.0.0", everywhere, serve.Ports(), None)
    assert asking[asking.index("--models") + 1] == "127.0.0.1:8500"


def test_a_user_gets_recommendations_that_know_the_last_event(served):
    _, ports, _ = served
    with client.Recommender(f"http://127.0.0.1:{ports[0]}") as recommender:
        recommender.send_event(client.Event(user_id="anna", item_id="m3", timestamp=100))
        answer = recommender.recommend("anna", k=3, timestamp=200)
    assert answer.known_user
    assert not answer.degraded
    # m5 by its bonus, then the circle
    assert [item.item_id for item in answer.items] == ["m5", "m4", "m6"]


def test_a_second_one_of_the_same_run_is_refused(run, served):
    process, ports, _ = served
    again = subprocess.run(
        _command(run, _free_ports()), capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert again.stderr == (
        f"recsys: {run.folder}: is served already, by process {process.pid} at "
        f"http://127.0.0.1:{ports[0]}. Stop that process, or serve another run.\n"
    )


def test_taken_ports_are_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(serve.ServeError) as refused:
            serve._check_free("127.0.0.1", "127.0.0.1", serve.Ports(port, *_free_ports()[1:]))
    assert str(refused.value) == (
        f"--port: 127.0.0.1:{port} cannot be listened on (Address already in use); stop what "
        "listens there, or choose another port."
    )


def test_what_dies_is_started_again(run, served):
    process, ports, _ = served
    (gateway,) = psutil.Process(process.pid).children()
    gateway.kill()
    url = f"http://127.0.0.1:{ports[0]}"
    with client.Recommender(url, timeout=5) as recommender:
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(client.ClientError):
                answer = recommender.recommend("anna", k=3, timestamp=200)
                if not answer.degraded:
                    break
            assert time.monotonic() < end
            time.sleep(0.1)
    assert answer.known_user and [item.item_id for item in answer.items] == ["m5", "m4", "m6"]
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said.startswith("the gateway stopped with signal 9; it starts again in 0.5 s. Its log:")


def test_only_its_owner_may_read_the_log(run, served):
    (log,) = (run.folder / "logs").glob("gateway.log")
    assert log.stat().st_mode & 0o777 == 0o600
    assert '"message":"request"' in log.read_text()


def test_sigterm_stops_it(served):
    process, ports, _ = served
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    for port in ports:
        assert not _listens(port)


def test_killed_it_leaves_no_server_behind(run):
    """Neither of the two that `--separate` starts."""
    ports = _free_ports()
    process, said = _ready(run, ports, "--separate")
    servers = psutil.Process(process.pid).children()
    assert len(servers) == 2, said
    process.kill()
    process.wait()
    until = time.monotonic() + 60  # both may give requests under way 30 seconds
    try:
        while listening := [port for port in ports if _listens(port)]:
            assert time.monotonic() < until, listening
            time.sleep(0.1)
    finally:
        for server in servers:
            with contextlib.suppress(psutil.NoSuchProcess):
                server.kill()


def test_a_server_whose_parent_is_gone_already_does_not_start(tmp_path: pathlib.Path):
    command = [
        sys.executable,
        "-m",
        "pipeline.child_process",
        "1",
        "touch",
        str(tmp_path / "started"),
    ]
    assert subprocess.run(command, check=False).returncode == 0
    assert not (tmp_path / "started").exists()


def test_without_a_release(tmp_path: pathlib.Path):
    with pytest.raises(release.NoRelease, match="no release has been pushed"):
        serve.main(None, runs.Run(tmp_path, "shop"), ports=serve.Ports(*_free_ports()))
