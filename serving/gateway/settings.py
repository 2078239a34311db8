"""How to serve: the values of the command line."""

from __future__ import annotations

import dataclasses
import pathlib

from serving import tls

_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
PACKAGED_PAGE = pathlib.Path(__file__).resolve().parent.parent / "web"


@dataclasses.dataclass(frozen=True)
class Limits:
    """What requests may take.

    Attributes:
      concurrent: recommendations that are worked on at once.
      queue: recommendations that may wait; more get 429.
      queue_seconds: how long one may wait; then it gets 503.
      place_seconds: how long one keeps its place; what takes longer goes on without.
      others: requests of other kinds that are worked on at once; more get 429.
      body_bytes: of a request.
      held_bytes: of the bodies of all requests that are under way; more get 503.
      body_seconds: for a client to send it.
      header_seconds: for a client to send the headers.
      connections: open at once; more get 503.
      history_events: events of a request's own history.
      batch_events: events that one request may add.
    """

    concurrent: int = 8
    queue: int = 32
    queue_seconds: float = 1.0
    place_seconds: float = 2.0
    others: int = 64
    body_bytes: int = 4 << 20
    held_bytes: int = 64 << 20
    body_seconds: float = 10.0
    header_seconds: float = 10.0
    connections: int = 1000
    history_events: int = 10_000
    batch_events: int = 1_000


@dataclasses.dataclass(frozen=True)
class Embedded:
    """Models in the gateway's own process, which answer TensorFlow Serving's protocols, too.

    Attributes:
      host: address at which these listen; they have neither keys nor encryption.
      grpc_port: 0 for any free one.
      rest_port: 0 for any free one.
      request_log: folder for a sample of the models' requests; None: they are not logged.
      request_log_rate: the share of requests that is logged.
    """

    host: str = "127.0.0.1"
    grpc_port: int = 0
    rest_port: int = 0
    request_log: pathlib.Path | None = None
    request_log_rate: float = 0.01


@dataclasses.dataclass(frozen=True)
class ModelsTls:
    """How the gateway knows the models' servers, and they it; all files are in PEM.

    Attributes:
      ca: who signs their certificates.
      certificate: of the gateway; None: it shows none.
      key: of it.
    """

    ca: pathlib.Path
    certificate: pathlib.Path | None = None
    key: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to serve.

    Attributes:
      releases: the serving folder, `recall/<id>/assets.extra` and `releases/<id>.json` of which are
          read.
      recall: gRPC address of the recall model, unless models are embedded.
      rank: gRPC address of the rank model, unless models are embedded.
      embedded: how models are served by this process; None: others serve them.
      label: which version of recall is asked for; "" for the newest. Rank is asked for the same
          number.
      canary_share: of the users who are answered by the canary, if one is loaded; always the same.
      canary_label: of its version of recall.
      store: URL of the history store.
      host: address to listen on.
      port: to listen on.
      seconds: for a recommendation, unless the request says less or more.
      poll_seconds: between looks at which versions are served.
      retry_share: retries that are allowed, as a share of the calls.
      api_keys: that clients may show; none: no key is needed.
      keys_for_all: whether /metrics and the page need one, too; probes never do.
      hosts: names by which clients may call the server (their Host header); none: any, or the names
          of the loopback if it listens there, so that no page of the web can ask it by another name
          (DNS rebinding).
      tls: of the server; None: it speaks plain HTTP.
      models_tls: of the connections to the models; None: they are plain.
      drain_seconds: for requests under way when the server is told to stop.
      page: folder of the web page.
      limits: what requests may take.
    """

    releases: pathlib.Path
    recall: str = "127.0.0.1:8500"
    rank: str = "127.0.0.1:8500"
    embedded: Embedded | None = None
    label: str = "stable"
    canary_share: float = 0.0
    canary_label: str = "canary"
    store: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    seconds: float = 1.0
    poll_seconds: float = 1.0
    retry_share: float = 0.1
    api_keys: tuple[str, ...] = ()
    keys_for_all: bool = False
    hosts: tuple[str, ...] = ()
    tls: tls.Files | None = None
    models_tls: ModelsTls | None = None
    drain_seconds: float = 25.0
    page: pathlib.Path = PACKAGED_PAGE
    limits: Limits = Limits()

    @property
    def known_hosts(self) -> frozenset[str]:
        """Names of `hosts`, or those of the loopback; empty: any name is taken."""
        if self.hosts:
            return frozenset(name.lower() for name in self.hosts)
        return _LOOPBACK if self.host in _LOOPBACK else frozenset()
