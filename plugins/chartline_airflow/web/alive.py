"""Whether Chartline is alive, for uptime services, which have no login in Airflow: a token in the settings instead.

It stands before the guard, tells nothing but ok or stale, and is not there where no token is set.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging

import psycopg
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chartline.alerts import heartbeat
from chartline.errors import ChartlineError
from chartline.settings import settings
from chartline_airflow.web import warehouse
from chartline_airflow.web.problems import Problem

log = logging.getLogger(__name__)

PATH = "/alive"


class Alive:
    """Answers `GET /alive`, and nothing else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].removeprefix(scope.get("root_path", "")) != PATH or not _is_on():
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if request.method not in ("GET", "HEAD"):
            response: Response = PlainTextResponse("", 405, {"Allow": "GET, HEAD"})
        elif not _may(request):
            refused = Problem(401, "Send the token.", kind="no_token", headers={"WWW-Authenticate": "Bearer, Basic"})
            response = refused.response
        else:
            alive = await run_in_threadpool(_is_alive)
            response = PlainTextResponse("ok" if alive else "stale", 200 if alive else 503)
        await response(scope, receive, send)


def _is_on() -> bool:
    return bool(settings().alive_token)


def _may(request: Request) -> bool:
    """Whether the token came: as a bearer, or as the password of a basic login, which every uptime service can send.
    Never in the address, which access logs keep."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            given = base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif kind.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), settings().alive_token.encode())


def _is_alive() -> bool:
    """A warehouse that does not answer is no life."""
    try:
        with warehouse.pool(warehouse.url()).connection(read_only=True) as conn:
            return heartbeat.is_alive(conn, settings())
    except (ChartlineError, psycopg.Error) as trouble:
        log.warning("Whether Chartline is alive could not be looked up: %s", trouble)
        return False
