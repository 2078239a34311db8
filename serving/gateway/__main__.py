"""The command line: python -m serving.gateway --releases FOLDER --models HOST:PORT --store URL."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modules import catalogue, release
from serving import arguments, http_protocol, tls
from serving.gateway import logs, server, settings, state
from serving.history import store

if TYPE_CHECKING:
    from serving import embedded  # imports TensorFlow

_WAITING = 2048  # connections that are not accepted yet
_KEPT_EVENTS = 1024  # of a user, where no release says how many its models can use
_EXAMPLES = """\
examples:
  python -m serving.gateway --releases runs/movielens-100k/serving --models 127.0.0.1:8500 \\
      --store sqlite:///runs/movielens-100k/history.sqlite
  python -m serving.gateway --releases /models --models recall:8500 --rank-models rank:8500 \\
      --store redis://redis:6379/0 --api-keys /secrets/keys --host 0.0.0.0

It starts whether or not the models and the store are there yet; GET /readyz says what is missing.
"""
_TLS = {
    "--tls-certificate": "of the gateway, with those that lead to the root",
    "--tls-key": "of the gateway's certificate",
    "--tls-client-ca": "who signs the certificates that clients have to show (mTLS)",
    "--models-ca": "who signs the certificates of the models' servers",
    "--models-certificate": "that the gateway shows to the models' servers (mTLS)",
    "--models-key": "of that certificate",
}
_LIMITS = {
    "concurrent": "recommendations that are worked on at once",
    "queue": "recommendations that may wait for a place; more get 429",
    "queue_seconds": "how long one may wait; then it gets 503",
    "place_seconds": "how long one keeps its place; what takes longer goes on without, so that a "
    "model that hangs leaves places to others",
    "others": "requests of other kinds that are worked on at once; more get 429",
    "body_bytes": "largest body of a request",
    "held_bytes": "of the bodies of all requests under way; more get 503",
    "body_seconds": "for a client to send a body",
    "header_seconds": "for a client to send the headers",
    "connections": "open at once; more get 503",
    "history_events": "events of a request's own history",
    "batch_events": "events that one request may add",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    args = parser().parse_args(argv)
    logs.configure(args.log_level)
    try:
        given = _settings(args)
        history = store.connect(given.store, _kept_events(given.releases))
        taken = http_protocol.bind(given.host, given.port, waiting=_WAITING)
        engine = None if given.embedded is None else _engine(given)
    except (ValueError, OSError, store.StoreError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    try:
        running = server.Server(state.Gateway(given, history, engine))
    except ValueError as error:  # of the certificate
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    with taken:
        print(f"port={taken.getsockname()[1]}", flush=True)
        running.run(sockets=[taken])
    logging.getLogger(__name__).info("stopped")
    return 0 if running.started else 1


def parser() -> argparse.ArgumentParser:
    """All arguments, with their meaning and defaults."""
    found = argparse.ArgumentParser(
        "python -m serving.gateway",
        formatter_class=_Help,
        epilog=_EXAMPLES,
        description="Recommends over HTTP: asks the recall model, then the rank model, by "
        "TensorFlow Serving's gRPC. When it listens, it prints `port=PORT`.",
    )
    add, default = found.add_argument, settings.Settings(pathlib.Path())
    add(
        "--releases",
        type=pathlib.Path,
        required=True,
        metavar="FOLDER",
        help="the serving folder of a run, or a copy of it; read only",
    )
    add("--models", default=default.recall, metavar="HOST:PORT", help="gRPC of the recall model")
    add(
        "--rank-models",
        metavar="HOST:PORT",
        help="gRPC of the rank model (default: that of --models)",
    )
    add(
        "--embedded",
        action="store_true",
        help="serve the models of the releases' folder in this process, instead of asking others",
    )
    add(
        "--label", default=default.label, help="the version of recall to ask for; '' for the newest"
    )
    add(
        "--canary-share",
        type=arguments.share,
        default=default.canary_share,
        metavar="SHARE",
        help="of the users who are answered by the version with the label of the canary, while one "
        "is loaded: 0.05 for every twentieth, always the same ones",
    )
    add("--canary-label", default=default.canary_label, help="of the canary's version of recall")
    add(
        "--store",
        required=store.URL_VARIABLE not in os.environ,
        default=os.environ.get(store.URL_VARIABLE),
        metavar="URL",
        help="history store: sqlite:///FILE or redis://HOST:PORT/DB (default: the environment "
        f"variable {store.URL_VARIABLE}, which other users of the machine do not see)",
    )
    add("--host", default=default.host, help="address to listen on")
    add("--port", type=int, default=default.port, help="0 for any free port")
    add(
        "--api-keys",
        type=pathlib.Path,
        metavar="FILE",
        help="keys that clients may show, one a line",
    )
    add(
        "--keys-for-all",
        action="store_true",
        help="/metrics and the page need a key, too, not only /v1/",
    )
    add(
        "--allow-host",
        dest="hosts",
        action="append",
        metavar="NAME",
        help="a name by which clients may call the server, in the header Host; may be repeated "
        "(default: any, or where it listens on the loopback: its names)",
    )
    add(
        "--timeout",
        type=arguments.positive,
        default=default.seconds,
        metavar="SECONDS",
        help="for a recommendation, unless the request says otherwise",
    )
    add(
        "--poll-seconds",
        type=arguments.positive,
        default=default.poll_seconds,
        help="between looks at which versions are served",
    )
    add(
        "--drain-seconds",
        type=arguments.positive,
        default=default.drain_seconds,
        help="for requests under way at SIGTERM",
    )
    add(
        "--log-level",
        default="info",
        choices=("debug", "info", "warning", "error"),
        help="of the log",
    )
    secure = found.add_argument_group("TLS, by files in PEM; the gateway's own are watched")
    for option, meaning in _TLS.items():
        secure.add_argument(option, type=pathlib.Path, metavar="FILE", help=meaning)
    embedded, own = found.add_argument_group("with --embedded"), settings.Embedded()
    embedded.add_argument(
        "--models-host",
        default=own.host,
        help="address at which the models answer TensorFlow Serving's protocols, which have "
        "neither keys nor encryption",
    )
    embedded.add_argument("--grpc-port", type=int, default=own.grpc_port, help="0: any free one")
    embedded.add_argument("--rest-port", type=int, default=own.rest_port, help="0: any free one")
    embedded.add_argument(
        "--request-log",
        type=pathlib.Path,
        metavar="FOLDER",
        help="log a sample of the models' requests there, for `recsys skew`",
    )
    embedded.add_argument(
        "--request-log-rate",
        type=arguments.share,
        default=own.request_log_rate,
        metavar="SHARE",
        help="the share of the requests that is logged",
    )
    limits = found.add_argument_group("limits")
    for name, meaning in _LIMITS.items():
        value = getattr(settings.Limits(), name)
        limits.add_argument(
            f"--max-{name.replace('_', '-')}",
            dest=name,
            default=value,
            metavar="N",
            type=arguments.positive if isinstance(value, float) else arguments.whole,
            help=meaning,
        )
    return found


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and keeps the line breaks of the examples."""


def _settings(args: argparse.Namespace) -> settings.Settings:
    keys = () if args.api_keys is None else _keys(args.api_keys)
    if not args.releases.is_dir():
        raise ValueError(
            f"--releases {args.releases}: is no folder; expected the serving folder of a run, "
            "runs/NAME/serving"
        )
    limits = {
        field.name: getattr(args, field.name) for field in dataclasses.fields(settings.Limits)
    }
    return settings.Settings(
        releases=args.releases,
        recall=args.models,
        rank=args.rank_models or args.models,
        embedded=settings.Embedded(
            args.models_host,
            args.grpc_port,
            args.rest_port,
            args.request_log,
            args.request_log_rate,
        )
        if args.embedded
        else None,
        label=args.label,
        canary_share=args.canary_share,
        canary_label=args.canary_label,
        store=args.store,
        host=args.host,
        port=args.port,
        seconds=args.timeout,
        poll_seconds=args.poll_seconds,
        drain_seconds=args.drain_seconds,
        api_keys=keys,
        keys_for_all=args.keys_for_all,
        hosts=tuple(args.hosts or ()),
        tls=_tls(args),
        models_tls=_models_tls(args),
        limits=settings.Limits(**limits),
    )


def _engine(given: settings.Settings) -> embedded.Engine:
    """Models of this process; raises ValueError or OSError if they cannot be served."""
    from modules import environment

    environment.prepare(serving=True)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        from serving import embedded  # TensorFlow takes its seconds
        from serving.model_server import errors as model_errors
    except ModuleNotFoundError as error:
        raise ValueError(
            f"--embedded: {error}, as in the gateway's image; ask a model server (--models)"
        ) from None
    try:
        return embedded.Engine(given)
    except model_errors.ServingError as error:
        raise ValueError(str(error)) from None


def _tls(args: argparse.Namespace) -> tls.Files | None:
    given = (args.tls_certificate, args.tls_key)
    if not any(given) and not args.tls_client_ca:
        return None
    if not all(given):
        raise ValueError("TLS: expected both --tls-certificate and --tls-key")
    return tls.Files(*given, args.tls_client_ca)


def _models_tls(args: argparse.Namespace) -> settings.ModelsTls | None:
    own = (args.models_certificate, args.models_key)
    if any(own) != all(own) or (any(own) and args.models_ca is None):
        raise ValueError(
            "TLS of the models: expected --models-ca, and --models-certificate with --models-key"
        )
    if args.models_ca is None:
        return None
    for path in filter(None, (args.models_ca, *own)):
        path.read_bytes()  # what cannot be read is said now
    return settings.ModelsTls(args.models_ca, *own)


def _kept_events(folder: pathlib.Path) -> int:
    """Newest events of a user that the release in force can use."""
    number = release.current_if_readable(folder)
    try:
        if number is not None:
            return catalogue.About.read(folder / release.RECALL / str(number)).history_events
    except catalogue.CatalogueError as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - it says what to do
    return _KEPT_EVENTS


def _keys(path: pathlib.Path) -> tuple[str, ...]:
    found = tuple(filter(None, map(str.strip, path.read_text(encoding="utf-8").splitlines())))
    if not found:
        raise ValueError(f"{path}: expected one key a line, found none")
    return found


if __name__ == "__main__":
    sys.exit(main())
