"""The simulator as a FastAPI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from simulator.answers import ApiError
from simulator.control import control_routes, truth_routes
from simulator.endpoints import ROUTES, TOKEN, UNKNOWN, Route
from simulator.service import Service

_INTERNAL = ("/_control", "/_truth")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(service: Service | None = None) -> FastAPI:
    """An application around a service (a new one by default, at `app.state.service`)."""
    own = service or Service()
    app = FastAPI(
        title="Soundcharts simulator", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.service = own
    app.include_router(control_routes(own))
    app.include_router(truth_routes(own))
    # Plain routes: nothing of FastAPI's argument handling is wanted where the real API's own rules count.
    app.add_route(TOKEN.path, _token(own), methods=["POST"])
    for route in ROUTES:
        app.add_route(route.path, _endpoint(own, route), methods=["GET"])
    for route in ROUTES:
        app.add_route(route.path, _read_only, methods=_METHODS[1:])
    for prefix in _INTERNAL:
        app.add_route(prefix + "/{rest:path}", _nothing_here, methods=_METHODS)
    app.add_route(UNKNOWN.path, _endpoint(own, UNKNOWN), methods=_METHODS)
    app.add_exception_handler(HTTPException, _refuse)
    return app


def _endpoint(service: Service, route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await service.answer(route, request)

    return answer


def _token(service: Service) -> Callable[[Request], Awaitable[Response]]:
    async def token(request: Request) -> Response:
        return await service.token(request)

    return token


async def _read_only(request: Request) -> Response:
    """Writing to what can only be read."""
    raise HTTPException(405, "Method not allowed.")


async def _nothing_here(request: Request) -> Response:
    """An internal path that does not exist: nothing to count."""
    raise HTTPException(404, "Not found.")


async def _refuse(request: Request, refusal: Exception) -> Response:
    """Refusals outside of the API's own way: the error envelope for API paths, FastAPI's form for the internal ones."""
    if not isinstance(refusal, HTTPException):
        raise refusal
    if request.url.path.startswith(_INTERNAL) and refusal.status_code != 404:
        return JSONResponse({"detail": refusal.detail}, refusal.status_code)
    envelope = ApiError(refusal.status_code, "access" if refusal.status_code == 404 else "method", str(refusal.detail))
    return JSONResponse(envelope.body(), refusal.status_code)
