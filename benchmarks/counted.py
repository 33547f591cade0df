"""How many statements a request asks of the warehouse, whichever of its connections it asks."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import psycopg
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-statements"

_asked: ContextVar[list[str] | None] = ContextVar("chartline_statements", default=None)


class Cursor(psycopg.Cursor[Any]):
    """Notes what is asked on behalf of the request at work; each row of `executemany` is a statement."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        _note(query, 1)
        return super().execute(query, *args, **kwargs)

    def executemany(self, query: Any, params_seq: Any, **kwargs: Any) -> Any:
        rows = list(params_seq)
        _note(query, len(rows))
        return super().executemany(query, rows, **kwargs)

    def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        _note(statement, 1)
        return super().copy(statement, *args, **kwargs)


def _note(query: Any, times: int) -> None:
    asked = _asked.get()
    if asked is not None:
        asked += times * [str(query)]


class Counted:
    """Every answer says in `x-statements` how many statements it asked until it began.

    Of connections that were made after `count`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: list[str] = []
        _asked.set(asked)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (HEADER, str(len(asked)).encode())]}
            await send(message)

        await self.app(scope, receive, told)


def count() -> None:
    """From now on connections count. For good: of this process alone."""
    psycopg.connection.Cursor = Cursor  # type: ignore[attr-defined]
