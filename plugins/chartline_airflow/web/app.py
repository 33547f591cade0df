"""The app: every router of Chartline below one guard, one format for errors, one policy for browsers."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chartline_airflow.web import access, alive, bodies, etags, pages, problems
from chartline_airflow.web.api import (
    alerts,
    artists,
    changes,
    charts,
    checks,
    drift,
    executions,
    health,
    metrics,
    quota,
    schedules,
    sync,
    tracks,
)
from chartline_airflow.web.slashes import Slashes

VERSION = "1"

ROUTERS = (
    schedules.router,
    sync.router,
    charts.router,
    executions.router,
    health.router,
    quota.router,
    metrics.router,
    tracks.router,
    artists.router,
    alerts.router,
    changes.router,
    drift.router,
    checks.router,
)
"""Each below `/api`. A file of `api/` counts when it stands here."""

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'self'"
)
"""Nothing is loaded from elsewhere, no script or style stands in a page; only Airflow may frame it."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
"""Of an answer that does not say otherwise itself, as the static files do. Nothing else is kept by a browser or a
proxy: an answer is for one person, and true now."""


def create_app() -> FastAPI:
    """Chartline's web app, to be mounted."""
    app = FastAPI(
        title="Chartline",
        version=VERSION,
        description="Followed charts, their runs and what was stored. Log in as for Airflow's own API.",
        docs_url=None,  # would be loaded from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,  # see slashes.py
        generate_unique_id_function=lambda route: route.name,
    )
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute):  # a route's function is called by what the route does: one name for both
                route.summary = route.name.replace("_", " ").capitalize()
        below = [Depends(access.reader), Depends(known_parameters)]
        app.include_router(router, prefix="/api", dependencies=below, responses=problems.SCHEMAS)
    app.include_router(pages.router, include_in_schema=False)
    app.mount("/static", pages.static, name="static")
    app.router.default = Slashes(app.router)
    problems.add_to(app)
    app.openapi()  # now, once: first requests side by side, as a page makes, would each do it and fail
    app.add_middleware(bodies.Limited)
    app.add_middleware(access.Guard)
    app.add_middleware(alive.Alive)
    app.add_middleware(etags.Etags)
    app.add_middleware(Headers)
    return app


def known_parameters(request: Request) -> None:
    """Refuses query parameters that the route does not have: a misspelt filter must not mean all."""
    app: FastAPI = request.app
    path = request.scope["route"].path_format
    told = app.openapi()["paths"].get(path, {}).get(request.method.lower(), {}).get("parameters", [])
    names = {one["name"] for one in told if one["in"] == "query"}
    unknown = sorted(set(request.query_params) - names)
    if unknown:
        known = f"there is {', '.join(sorted(names))}" if names else "there is none here"
        raise problems.Problem(
            422,
            "A parameter is not known.",
            errors=[{"field": name, "reason": f"there is no such parameter; {known}"} for name in unknown],
        )


class Headers:
    """What every answer says to browsers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, said if scope["type"] == "http" else send)
