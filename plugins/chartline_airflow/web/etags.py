"""A tag for every good answer to GET, so that whoever asks again while nothing changed gets 304 and no body.

Where the route has set a tag, that of a version of what may be changed, it comes first: `"version.body"`.
"""

from __future__ import annotations

from hashlib import blake2b

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TAGGED = ("application/json", "text/html")


class Etags:
    """Tags answers that come in one piece; others pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                if _is_tagged(message):
                    start = message
                    return
            elif start is not None:
                held, start = start, None
                if not message.get("more_body", False):
                    message = _with_tag(held, message, known)
                await send(held)
            await send(message)

        await self.app(scope, receive, tagged)


def _is_tagged(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    kind = headers.get("content-type", "").partition(";")[0]
    return start["status"] == 200 and kind in TAGGED


def _with_tag(start: Message, body: Message, known: str) -> Message:
    """Tags `start`; returns the body, or none where it is known."""
    headers = MutableHeaders(scope=start)
    version = headers.get("etag", "").strip('"')
    digest = blake2b(body.get("body", b""), digest_size=12).hexdigest()
    tag = f'"{version}.{digest}"' if version else f'"{digest}"'
    headers["etag"] = tag
    if tag not in [one.strip().removeprefix("W/") for one in known.split(",")] and known.strip() != "*":
        return body
    start["status"] = 304
    del headers["content-length"]
    return {**body, "body": b""}
