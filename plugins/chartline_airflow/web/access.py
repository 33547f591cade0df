"""Who may: Airflow's login, and Airflow's own word on what a person may see and change.

`Guard` stands before the whole app, so that no route, present or to come, can be reached past it: whoever it lets
through is logged in and may read plugins; a request that may change something comes from a person who may edit DAGs,
and from our own pages or a program, not from another site. Of all that changes something only the refresh of an
audience is open to others, where the settings let them spend calls on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagDetails
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.configuration import conf
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import HTTPException
from fastapi.security import HTTPAuthorizationCredentials
from starlette.types import ASGIApp, Receive, Scope, Send

from chartline.settings import settings
from chartline_airflow.web.problems import Problem, of_http
from chartline_airflow.web.warehouse import SAFE

OUR_HEADER = "x-chartline"
REFRESH = re.compile(r"/api/(tracks|artists)/[^/]+/refresh/")


@dataclass(frozen=True)
class Person:
    """Who asks. `may_edit`: the right to edit DAGs; `may_spend`: calls, on refreshes; `by_browser`: with the login of a
    cookie."""

    name: str
    may_edit: bool
    may_spend: bool
    by_browser: bool


Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]


def reader(request: Request, _: Bearer = None) -> Person:
    """Dependency: the person, who may read."""
    person: Person = request.scope["chartline.person"]
    return person


def editor(request: Request, _: Bearer = None) -> Person:
    """Dependency: the person, who may change things. Raises 403, also on a route that is no POST."""
    person = reader(request)
    if not person.may_edit:
        raise _may_not()
    return person


def spender(request: Request, _: Bearer = None) -> Person:
    """Dependency: the person, who may spend calls on a refresh. Raises 403."""
    person = reader(request)
    if not person.may_spend:
        raise _may_not()
    return person


Reader = Annotated[Person, Depends(reader)]
Editor = Annotated[Person, Depends(editor)]
Spender = Annotated[Person, Depends(spender)]


class Guard:
    """Nobody passes who may not: 401, 403, and 415 for a body that is not JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # there are no web sockets here
        try:
            scope["chartline.person"] = await _admitted(Request(scope))
        except Problem as refused:
            await refused.response(scope, receive, send)
            return
        await self.app(scope, receive, send)


async def _admitted(request: Request) -> Person:
    bearer = await bearer_scheme(request)
    try:
        user = await get_user(request, None, bearer)
    except HTTPException as refused:
        detail = "Log in to Airflow first, or send its token: Authorization: Bearer …"
        headers = {"WWW-Authenticate": "Bearer"}
        raise Problem(401, detail, kind="not_logged_in", headers=headers) from refused
    _not_embedded(request)
    changes = request.method not in SAFE
    if changes:
        _same_site(request, by_browser=bearer is None)
    try:
        may_read, may_edit = await run_in_threadpool(_rights, user)
    except HTTPException as refused:
        raise of_http(refused) from refused
    may_spend = (settings().refresh_calls_editor if may_edit else settings().refresh_calls_viewer) > 0
    if not may_read:
        raise Problem(403, "Your Airflow login may not read plugins.", kind="may_not_read")
    if changes:
        if not (may_edit or (may_spend and _is_refresh(request))):
            raise _may_not()
        _json_only(request)
    return Person(user.get_name(), may_edit, may_spend, bearer is None)


def _rights(user: BaseUser) -> tuple[bool, bool]:
    manager = get_auth_manager()
    may_read = manager.is_authorized_view(access_view=AccessView.PLUGINS, user=user)
    # No DAG is named: the right to edit any, which an admin has with every auth manager.
    return may_read, manager.is_authorized_dag(method="PUT", details=DagDetails(), user=user)


def _may_not() -> Problem:
    return Problem(403, "Your Airflow login may not edit DAGs, so it cannot change this.", kind="may_not_edit")


def _is_refresh(request: Request) -> bool:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return request.method == "POST" and REFRESH.fullmatch(path) is not None


def _not_embedded(request: Request) -> None:
    """What a page of another site loads unread (an image, a script, a POST without a body) is refused, even to read. It
    would come with the login of a cookie, or with the one that Airflow gives everybody where all are admins."""
    site, mode = (request.headers.get(f"sec-fetch-{name}") for name in ("site", "mode"))
    if mode == "no-cors" and site in ("cross-site", "same-site"):
        raise Problem(403, "This came from another site.", kind="cross_site")


def _same_site(request: Request, *, by_browser: bool) -> None:
    """What changes something must not be another site's page's, which can set none of these headers. `by_browser`: the
    login is a cookie, which the browser sends by itself, whoever asks; a token is a program's, but where all are admins
    Airflow adds one to everything."""
    if by_browser and request.headers.get(OUR_HEADER) != "1":
        raise Problem(403, "With the login of a browser, send the header X-Chartline: 1.", kind="cross_site")
    site, origin = request.headers.get("sec-fetch-site", "same-origin"), request.headers.get("origin")
    if not by_browser and origin in conf.get("api", "access_control_allow_origins", fallback="").split():
        return  # a web app of somebody's, which Airflow is told to let in
    if site != "same-origin" or (origin is not None and urlsplit(origin).netloc not in _own(request)):
        raise Problem(403, "This came from another site.", kind="cross_site")


def _own(request: Request) -> set[str]:
    """Where our own pages are: as the browser named the host, and as Airflow is told that people reach it."""
    return {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc} - {""}


def _json_only(request: Request) -> None:
    """A body is JSON: what a form of another site can send is not."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    if kind != "application/json" and not (empty and not kind):
        raise Problem(415, "The body must be JSON: Content-Type: application/json.", kind="not_json")
