"""Chartline in Airflow's web server: REST and pages, mounted at `/chartline`.

The plugin hands Airflow `asgi`, which makes the app at the first request, so that only the web server pays its imports.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


async def asgi(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """The app, as ASGI."""
    await _app()(scope, receive, send)


@cache
def _app() -> App:
    from chartline_airflow.web.app import create_app

    return create_app()
