"""The server as a process: its command line, its imports, and its end."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
from tensorflow_serving.apis import predict_pb2

from serving.model_server import __main__ as command
from tests import conftest as root
from tests.serving import conftest, small_models


def _slow_request() -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "echo", "slow"
    request.inputs["x"].CopyFrom(small_models.tensor("recall_score", [4.0]))
    return request


def test_requests_under_way_are_answered_at_sigterm_and_no_others(models_config):
    code = (
        "import sys; from serving.model_server import __main__ as m; result = "
        "m.main(sys.argv[1:]); print('tfx' in sys.modules, 'pipeline' in sys.modules); "
        "sys.exit(result)"
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            "--models-config",
            str(models_config),
            "--grpc-port",
            "0",
            "--rest-port",
            "0",
            "--rest-timeout",
            "60",
        ],
        cwd=root.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ports = dict(part.split("=") for part in process.stdout.readline().split())
        with conftest.connect(f"127.0.0.1:{ports['grpc']}", f"127.0.0.1:{ports['rest']}") as client:
            body = {"signature_name": "slow", "instances": [4.0]}
            answers: list[object] = []
            rest = threading.Thread(
                target=lambda: answers.append(
                    client.http.post("/v1/models/echo:predict", json=body).json()
                )
            )
            rest.start()
            slow = client.prediction.Predict.future(_slow_request(), timeout=60)
            time.sleep(1)
            assert not slow.done()
            process.send_signal(signal.SIGTERM)
            assert slow.result().outputs["y"].float_val[0] == 4.0
            rest.join()
            assert answers == [{"predictions": [4.0]}]
        out, log = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, log
    assert out.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, "No such file"), ("model_config_list {", "expected a ModelServerConfig as text")],
)
def test_a_configuration_that_cannot_be_used(tmp_path, capsys, text, expected):
    config = tmp_path / "models.config"
    if text is not None:
        config.write_text(text)
    assert command.main(["--models-config", str(config)]) == 1
    assert expected in capsys.readouterr().err


def test_a_port_that_is_taken(client, models_config: pathlib.Path, capsys):
    port = client.rest_address.split(":")[1]
    assert (
        command.main(
            ["--models-config", str(models_config), "--rest-port", port, "--grpc-port", "0"]
        )
        == 1
    )
    assert f"127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        command.main(["--help"])
    assert "--models-config" in capsys.readouterr().out
