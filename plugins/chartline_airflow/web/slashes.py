"""A path that lacks its last slash, or has one too many, is led to the route that was meant.

Starlette's own redirect names the host that the request named: whoever forges that header, before a cache say, would
send people elsewhere. This one is relative, so that it stays on the site whatever the host, port or base path.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Receive, Scope, Send


class Slashes:
    """What a router does with a path that no route has."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._nothing: ASGIApp = router.default

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        meant = _other(scope["path"])
        if scope["type"] == "http" and self._is_there({**scope, "path": meant}):
            query = scope["query_string"].decode("latin-1")
            there = _relative(scope["path"], meant) + (f"?{query}" if query else "")
            await RedirectResponse(there)(scope, receive, send)
            return
        await self._nothing(scope, receive, send)

    def _is_there(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is not Match.NONE for route in self._router.routes)


def _other(path: str) -> str:
    return path.rstrip("/") if path.endswith("/") else f"{path}/"


def _relative(path: str, meant: str) -> str:
    """From one to the other, as a browser reads it."""
    last = quote(meant.rstrip("/").rpartition("/")[2], safe="")
    return f"./{last}/" if meant.endswith("/") else "../" * (len(path) - len(meant)) + last
