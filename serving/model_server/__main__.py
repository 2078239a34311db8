"""The command line: python -m serving.model_server --models-config FILE."""

from __future__ import annotations

import argparse
import gc
import logging
import pathlib
import signal
import sys
import threading
from collections.abc import Sequence

from serving import arguments

_THREADS, _BATCHING_THREADS = 4, 64


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    args = _parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("tensorflow", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    from modules import environment

    environment.prepare(serving=True)
    from serving import request_log
    from serving.model_server import batching, errors, rest_api, server

    gc.freeze()  # what was imported stays, so collecting an unloaded model takes no time
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = args.threads or (_BATCHING_THREADS if args.batching_parameters_file else _THREADS)
    limits = rest_api.Limits(
        threads=threads,
        max_waiting=args.max_waiting,
        max_bytes=args.max_request_mb << 20,
        seconds=args.rest_timeout,
    )
    try:
        together = (
            batching.read(args.batching_parameters_file) if args.batching_parameters_file else None
        )
        running = server.Server(
            server.Settings(
                config=args.models_config,
                host=args.host,
                grpc_port=args.grpc_port,
                rest_port=args.rest_port,
                poll_seconds=args.poll_seconds,
                linger_seconds=args.linger_seconds,
                drain_seconds=args.drain_seconds,
                header_seconds=args.header_timeout,
                batching=together,
                limits=limits,
                allow_reload=args.allow_reload,
                ssl_config=args.ssl_config_file,
                log=request_log.Settings(
                    args.request_log, args.request_log_rate, args.request_log_max_mb << 20
                ),
            )
        )
    except (errors.ServingError, OSError) as error:
        print(f"model server: {error}", file=sys.stderr)
        return 1
    running.start()
    print(f"grpc={running.grpc_port} rest={running.rest_port}", flush=True)
    running.watch(stop)
    running.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m serving.model_server",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        description="Serves SavedModels over TensorFlow Serving's gRPC and REST protocol, for "
        "development. When it is ready, it prints `grpc=PORT rest=PORT`.",
    )
    add = parser.add_argument
    add(
        "--models-config",
        type=pathlib.Path,
        required=True,
        metavar="FILE",
        help="a model_server_config as text, such as runs/NAME/serving/models.config",
    )
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--grpc-port", type=int, default=8500, help="0 for any free port")
    add("--rest-port", type=int, default=8501, help="0 for any free port")
    add(
        "--poll-seconds",
        type=arguments.positive,
        default=1.0,
        help="between looks at FILE and the models' folders",
    )
    add(
        "--linger-seconds",
        type=float,
        default=2.0,
        help="how long a replaced version can still be asked for by its number",
    )
    add("--drain-seconds", type=float, default=30.0, help="for requests under way at SIGTERM")
    add(
        "--rest-timeout",
        type=arguments.positive,
        default=30.0,
        metavar="SECONDS",
        help="for a REST request",
    )
    add(
        "--header-timeout",
        type=arguments.positive,
        default=10.0,
        metavar="SECONDS",
        help="to send HTTP headers",
    )
    add("--max-request-mb", type=int, default=64, help="largest request, in MiB")
    add(
        "--batching-parameters-file",
        type=pathlib.Path,
        metavar="FILE",
        help="run requests together as this file of TensorFlow Serving's says",
    )
    add(
        "--ssl-config-file",
        type=pathlib.Path,
        metavar="FILE",
        help="TLS of the gRPC port, as this file of TensorFlow Serving's says (an SSLConfig as "
        "text: server_key, server_cert, custom_ca, client_verify); REST stays plain",
    )
    add(
        "--allow-reload",
        action="store_true",
        help="let HandleReloadConfigRequest replace the configuration: whoever reaches the gRPC "
        "port can then have any folder loaded",
    )
    add(
        "--threads",
        type=int,
        default=0,
        help=f"requests worked on at once, per protocol; 0: {_THREADS}, "
        f"or {_BATCHING_THREADS} with batching",
    )
    add(
        "--max-waiting",
        type=int,
        default=200,
        help="requests that may wait for a thread, per protocol",
    )
    add(
        "--request-log",
        type=pathlib.Path,
        metavar="FOLDER",
        help="log a sample of the requests there, for `recsys skew`; a model's logging_config in "
        "models.config goes before this",
    )
    add(
        "--request-log-rate",
        type=arguments.share,
        default=0.01,
        help="the share of requests that is logged",
    )
    add(
        "--request-log-max-mb",
        type=int,
        default=256,
        help="of a model's logs, in MiB; the oldest are removed",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
