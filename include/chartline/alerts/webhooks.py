"""Alerts to other programs: JSON by POST, signed so that the receiver knows who sent it, and when."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from chartline.sessions import Session
from chartline.soundcharts.redaction import hide

TIMEOUT = (5.0, 10.0)
BUSY = (408, 425, 429)
"""Statuses below 500 that say: later."""


@dataclass(frozen=True)
class Outcome:
    """How telling went. `status`: the receiver's HTTP status, where there is one; `error`: why it is not told, without
    a secret; `away`: nobody is there to hear anything, so that the others may wait too."""

    ok: bool
    ms: int = 0
    status: int | None = None
    error: str = ""
    away: bool = False


@dataclass(frozen=True)
class Webhook:
    """A receiver. Neither `url` (it may hold a token) nor `secret` shows."""

    url: str = field(repr=False)
    secret: str = field(repr=False)

    def send(self, message: Mapping[str, Any], number: str) -> Outcome:
        """POST the message; `number` is the same each time that this message is tried. Never raises for the receiver's
        sake. Only 2xx counts as told: a redirect is not followed."""
        if wrong := self._wrong():
            return Outcome(False, error=wrong)
        hide(self.secret)
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str).encode()
        stamp, began = str(int(time.time())), time.monotonic()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "chartline",
            "X-Chartline-Event": str(message.get("event", "")),
            "X-Chartline-Delivery": number,
            "X-Chartline-Timestamp": stamp,
            "X-Chartline-Signature": f"sha256={signature(self.secret, stamp, body)}",
        }
        try:
            with Session() as http:
                answer = http.post(
                    self.url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
                )
                answer.close()  # whatever it says, its status is all we want
        except (requests.RequestException, ValueError) as trouble:  # ValueError: no host can be called so
            return Outcome(False, _since(began), error=f"No answer: {type(trouble).__name__}.", away=True)
        if 200 <= answer.status_code < 300:
            return Outcome(True, _since(began), answer.status_code)
        away = answer.status_code >= 500 or answer.status_code in BUSY
        return Outcome(
            False, _since(began), answer.status_code, f"The receiver answered {answer.status_code}.", away=away
        )

    def _wrong(self) -> str:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            return "The connection's host is not a web address: write it as https://host/path."
        return "" if self.secret else "The connection has no password: it is the secret that messages are signed with."


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.body`, in hex. timestamp: seconds since 1970, as sent in X-Chartline-Timestamp."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
