"""How large a request's body may be: no route is reached by more, and no more than that is ever read."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chartline_airflow.web.problems import Problem

MOST = 256 * 1024
"""Bytes. The largest that a route takes, two hundred charts with their versions, is a third of it. JSON is parsed in
the web server's one loop, which all of Airflow shares: of so much it takes a few milliseconds."""


class Limited:
    """Refuses a larger body: by its announced length before a byte is read, else as soon as there is more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdigit() and int(announced) > MOST:
            await _refused().response(scope, receive, send)
            return
        held: list[Message] = []
        size, more = 0, "transfer-encoding" in Headers(scope=scope) or announced not in ("", "0")
        while more:
            message = await receive()
            held.append(message)
            size += len(message.get("body", b""))
            if size > MOST:
                await _refused().response(scope, receive, send)
                return
            more = message["type"] == "http.request" and message.get("more_body", False)

        async def again() -> Message:
            return held.pop(0) if held else await receive()

        await self.app(scope, again, send)


def _refused() -> Problem:
    """What was not read of it is not waited for."""
    return Problem(
        413, f"The body is larger than {MOST // 1024} KiB.", kind="too_large", headers={"Connection": "close"}
    )
