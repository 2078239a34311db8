"""The routes. What they take and give is in wire.py; every request goes through edge.py first."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import fastapi
import pydantic
from fastapi import routing, staticfiles
from starlette import requests, responses, types

from modules import features, ids, release
from serving.gateway import bodies, direct, edge, errors, refusals, releases, state, users, wire
from serving.history import store

_FAILURES: dict[int | str, dict[str, Any]] = {
    code: {"model": wire.Failure, "description": text}
    for code, text in {
        400: "`invalid_argument`: the request is wrong; `field` says where.",
        401: "`unauthenticated`: one of the server's keys is needed, in the header X-API-Key or as "
        "Authorization: Bearer KEY.",
        404: "`not_found`: no such user, item or path.",
        408: "`timeout`: the body came too slowly.",
        413: "`too_large`: the body is too large.",
        415: "`unsupported_media_type`: the body is not declared as application/json.",
        421: "`misdirected`: the server does not know itself by the name in the header Host.",
        429: "`overloaded`: too many requests wait already; see Retry-After.",
        500: "`internal`: the server failed; its log has the request's id.",
        503: "`overloaded`, `stopping`, `no_release` or `store_unavailable`: no place became free, "
        "or a part that is needed is down; see Retry-After.",
        507: "`store_full`: nothing was added.",
    }.items()
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
Limit = Annotated[int, fastapi.Query(ge=1, le=100, description="the most that are answered")]
Prefix = Annotated[str, fastapi.Query(max_length=ids.MAX_BYTES, description="how the ids begin")]
Words = Annotated[
    str,
    fastapi.Query(max_length=ids.MAX_BYTES, description="an id, or a part of a title, in any case"),
]
UserId = Annotated[str, fastapi.Path(description="id as in the data set, percent-encoded")]
ItemId = Annotated[str, fastapi.Path(description="id as in the data set, percent-encoded")]


def create(gateway: state.Gateway) -> types.ASGIApp:
    """The application; its lifespan is that of `gateway.running`."""
    app = described(gateway.running)
    app.state.gateway = gateway
    for kind in refusals.KINDS:
        app.add_exception_handler(kind, refusals.answer)
    if gateway.settings.page.is_dir():
        app.mount("/web", _Page(directory=gateway.settings.page), name="page")
    handlers = {
        edge.RECOMMEND: direct.Handler(wire.Recommend, recommend),
        refusals.EVENTS: direct.Handler(wire.Events, add_events),
    }
    first = direct.direct(app, _ROUTES.routes, handlers, gateway.settings.limits)
    return edge.Edge(app, first, gateway.settings, gateway.admission, gateway.metrics)


def described(lifespan: types.Lifespan[fastapi.FastAPI] | None = None) -> fastapi.FastAPI:
    """The routes alone, with what `/openapi.json` says of them; they answer in `create`'s."""
    app = fastapi.FastAPI(
        title="Recommendations",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        description="Recall finds candidates, rank orders them, "
        "`degraded` says what was not available.",
        responses=_FAILURES,
    )
    app.include_router(_ROUTES)
    app.openapi = _without_422(app.openapi)  # type: ignore[method-assign]
    return app


def unlisted() -> dict[str, str]:
    """What the routes do that OpenAPI's description leaves out, by method and path."""
    return {
        f"{' '.join(sorted(route.methods or ()))} {route.path}": route.description
        for route in _ROUTES.routes
        if isinstance(route, routing.APIRoute) and not route.include_in_schema
    }


class _Page(staticfiles.StaticFiles):
    """The page's files, which may load nothing from elsewhere."""

    async def get_response(self, path: str, scope: types.Scope) -> responses.Response:
        response = await super().get_response(path, scope)
        response.headers.update(_PAGE_HEADERS)
        return response


_ROUTES = fastapi.APIRouter(route_class=bodies.Route)


def _gateway(request: requests.Request) -> state.Gateway:
    gateway: state.Gateway = request.app.state.gateway
    return gateway


def _current(gateway: state.Gateway) -> releases.Loaded:
    if gateway.releases.current is None:
        raise errors.ApiError(
            503, "no_release", "no release is served yet; /readyz says why", retry_after=1
        )
    return gateway.releases.current


@_ROUTES.post(edge.RECOMMEND, response_model=wire.Recommendation)
async def recommend(ask: wire.Recommend, request: requests.Request) -> responses.Response:
    """Recommends items to a user, a profile with a history, or nobody known."""
    answer = await _gateway(request).recommend(ask, request.state.request_id)
    request.state.log = {
        "release": answer["release"],
        "k": ask.k,
        "items": len(answer["items"]),
        "degraded": [part["stage"] for part in answer["degraded"]],
        "timings_ms": answer["timings_ms"],
    }
    return errors.json(answer)


@_ROUTES.post(refusals.EVENTS, response_model=wire.Added)
async def add_events(given: wire.Events, request: requests.Request) -> responses.Response:
    """Adds what has happened; acknowledged when it is safe on the store's disk.

    The next recommendation knows it. An event whose id is known is not added again, so sending
    it twice is safe.
    """
    gateway = _gateway(request)
    declared = _current(gateway).columns
    sent = given.events if isinstance(given, wire.NewEvents) else [given]
    several = isinstance(given, wire.NewEvents)
    made = [
        users.new_event(event, declared, f"events.{n}" if several else "")
        for n, event in enumerate(sent)
    ]
    added = await gateway.store.append(made)
    gateway.metrics.events.labels("accepted").inc(added.accepted)
    gateway.metrics.events.labels("duplicate").inc(added.duplicates)
    gateway.metrics.events.labels("outdated").inc(added.outdated)
    return errors.json(
        {
            "accepted": added.accepted,
            "duplicates": added.duplicates,
            "outdated": added.outdated,
            "event_ids": [event.event_id for _, event in made],
        }
    )


@_ROUTES.get("/v1/users", response_model=list[str])
async def list_users(
    request: requests.Request, prefix: Prefix = "", limit: Limit = 20
) -> responses.Response:
    """Ids of users that begin with a prefix."""
    return errors.json(await _gateway(request).store.users(prefix, limit))


@_ROUTES.get("/v1/users/{user_id:path}", response_model=wire.UserShown)
async def show_user(user_id: UserId, request: requests.Request) -> responses.Response:
    """A user's profile and events, the newest first."""
    gateway = _gateway(request)
    found = await gateway.store.user(_checked_id(user_id))
    if found is None:
        raise errors.ApiError(404, "not_found", f"the store knows no user {user_id!r}")
    current = gateway.releases.current
    return errors.json(
        {
            "user_id": user_id,
            "profile": dict(found.profile),
            "events": [_event(event, current) for event in reversed(found.events)],
        }
    )


@_ROUTES.put("/v1/users/{user_id:path}", response_model=wire.UserShown)
async def put_user(
    user_id: UserId, given: wire.Profile, request: requests.Request
) -> responses.Response:
    """Replaces a user's profile; the events stay."""
    gateway = _gateway(request)
    profile = _current(gateway).columns.check_profile(given.profile, "profile")
    await gateway.store.put_profile(_checked_id(user_id), profile)
    return await show_user(user_id, request)


@_ROUTES.get("/v1/items", response_model=list[wire.ItemShown])
async def find_items(
    request: requests.Request, query: Words = "", limit: Limit = 20
) -> responses.Response:
    """Items whose id is, or whose title holds, the query; the most popular first."""
    catalogue = _current(_gateway(request)).catalogue
    places = await asyncio.to_thread(_search, catalogue, query.casefold(), limit)
    return errors.json([_item(catalogue, place) for place in places])


@_ROUTES.get("/v1/items/{item_id:path}", response_model=wire.ItemShown)
async def show_item(item_id: ItemId, request: requests.Request) -> responses.Response:
    """An item of the catalogue."""
    catalogue = _current(_gateway(request)).catalogue
    if item_id not in catalogue.position:
        raise errors.ApiError(404, "not_found", f"the catalogue has no item {item_id!r}")
    return errors.json(_item(catalogue, catalogue.position[item_id]))


@_ROUTES.get("/v1/release", response_model=wire.ReleaseShown)
async def show_release(request: requests.Request) -> responses.Response:
    """The release that is served, how good it is, and the columns that requests may have."""
    gateway = _gateway(request)
    current = _current(gateway)
    about, declared = current.catalogue.about, current.columns
    states = gateway.releases.states
    models = {
        name: {
            "version": current.id,
            "state": found.get(current.id, "END") if isinstance(found, dict) else found,
        }
        for name, found in states.items()
    }
    return errors.json(
        {
            "release": current.id,
            "canary": getattr(gateway.releases.canary, "id", None),
            "name": about.name,
            "created": current.manifest.get("created"),
            "metrics": current.manifest.get("metrics", {}),
            "items": len(current.catalogue.ids),
            "k": about.k,
            "max_history": about.max_history,
            "allows_repeats": about.data.allows_repeats,
            "repeat_history": about.repeat_history,
            "timezone": about.timezone if declared.has_times else None,
            "models": models,
            "has_rank": release.RANK in current.manifest.get("models", {release.RANK: None}),
            "columns": {
                "user": _columns(declared.user, about.choices),
                "event": _columns(declared.event, about.choices),
                "context": _columns(declared.context, about.choices),
                "item": _columns(declared.item, {}),
            },
        }
    )


@_ROUTES.get("/healthz", include_in_schema=False)
async def healthz() -> responses.Response:
    """Whether the process answers at all."""
    return errors.json({"status": "ok"})


@_ROUTES.get("/readyz", include_in_schema=False)
async def readyz(request: requests.Request) -> responses.Response:
    """Whether to send requests here, and what is wrong if not."""
    ready, details = await _gateway(request).readiness()
    return errors.json(details, 200 if ready else 503)


@_ROUTES.get("/metrics", include_in_schema=False)
async def show_metrics(request: requests.Request) -> responses.Response:
    """What is measured, in Prometheus' format."""
    text, kind = _gateway(request).metrics.text()
    return responses.Response(text, media_type=kind)


@_ROUTES.get("/", include_in_schema=False)
async def page(request: requests.Request) -> responses.Response:
    """The page to inspect and to try."""
    return responses.FileResponse(
        _gateway(request).settings.page / "index.html", headers=_PAGE_HEADERS
    )


def _checked_id(user_id: str) -> str:
    try:
        return pydantic.TypeAdapter(wire.Id).validate_python(user_id)
    except pydantic.ValidationError as error:
        raise errors.invalid("user_id", error.errors()[0]["msg"]) from None


def _event(event: store.Event, current: releases.Loaded | None) -> dict[str, Any]:
    place = current.catalogue.position.get(event.item_id) if current else None
    title = current.catalogue.titles[place] if current and place is not None else ""
    return {
        "event_id": event.event_id,
        "item_id": event.item_id,
        "timestamp": event.timestamp if current is None or current.columns.has_times else None,
        "title": title,
        "values": dict(event.values),
    }


def _item(catalogue: Any, place: int) -> dict[str, Any]:
    found = catalogue.item(int(place))
    return {
        "item_id": found.item_id,
        "title": found.title,
        "popularity": found.popularity,
        "features": found.features,
    }


def _search(catalogue: Any, query: str, limit: int) -> list[int]:
    found = []
    for place in catalogue.popular:
        if query in catalogue.titles[place].casefold() or query == catalogue.ids[place].casefold():
            found.append(int(place))
            if len(found) == limit:
                break
    return found


def _columns(
    known: dict[str, features.Feature], choices: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Kind, default and the most frequent values of columns."""
    return {
        column: {
            "kind": feature.kind,
            "default": feature.spec.fill,
            "dimension": feature.spec.dimension,
            "choices": [choice for choice in choices.get(feature.name, ()) if choice],
        }
        for column, feature in known.items()
    }


def _without_422(make: Any) -> Any:
    """FastAPI's own failures of validation are answered with 400 here."""

    def made() -> dict[str, Any]:
        described: dict[str, Any] = make()
        for methods in described["paths"].values():
            for operation in methods.values():
                operation["responses"].pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            described["components"]["schemas"].pop(unused, None)
        return described

    return made
