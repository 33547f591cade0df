"""One HTTP exchange, the body read to its end or known to be cut; nothing of it takes for ever."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests import exceptions as http
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict

from chartline.domain import ranges
from chartline.errors import AnswerTooLarge, ChartlineError, NetworkTrouble, NotConfigured, RequestRefused
from chartline.soundcharts.account import CONNECTION
from chartline.soundcharts.redaction import redact_body

Timeout = tuple[float, float]  # seconds to connect; seconds to wait for the answer, and again for its whole body

_PART = 64 * 1024
_DIGITS = 19
"""Of a length that is none: 2**63 has as many."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `cut`: the body ended early, so `body` is only its beginning."""

    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes = field(repr=False)
    cut: bool


def exchange(
    session: requests.Session, method: str, url: str, *, auth: AuthBase, timeout: Timeout, data: Any = None
) -> Reply:
    """Sends one request, follows no redirect, reads the whole body.

    Raises `NetworkTrouble` when no answer came, `NotConfigured` when the certificate is not trusted, `AnswerTooLarge`
    for a body beyond `ranges.BODY`: unread where it says so itself, else as soon as there is more, and never unpacked
    beyond that. The texts name the host only: those of the HTTP library may repeat headers.
    """
    host = urlsplit(url).netloc
    try:
        response = session.request(
            method,
            url,
            data=data,
            auth=auth,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
            headers={"Accept": "application/json", "User-Agent": "chartline"},
        )
    except http.RequestException as trouble:
        raise _named(trouble, host, timeout) from None
    try:
        _check_size(_announced(response), host)
        body, cut = _read(response, time.monotonic() + timeout[1], host)
    finally:
        response.close()  # a body read to its end has given its connection back already
    return Reply(response.status_code, response.headers, body, cut)


def without_secrets(reply: Reply) -> Reply:
    """The reply as it may be read, told and kept: some answers repeat the headers of the request."""
    return replace(reply, body=redact_body(reply.body))


def _announced(response: requests.Response) -> int:
    """The length that an answer says it has, packed or not; 0 where it says none."""
    length = (response.headers.get("content-length") or "").strip()
    return int(length) if length.isascii() and length.isdecimal() and len(length) < _DIGITS else 0


def _check_size(size: int, host: str) -> None:
    if size > ranges.BODY.high:
        most = ranges.BODY.high // 2**20
        raise AnswerTooLarge(
            f"{host} sent an answer of more than {most} MiB, which was not read.",
            advice="No answer of the API is so large: see whether something else answers at this address.",
        )


def _read(response: requests.Response, deadline: float, host: str) -> tuple[bytes, bool]:
    """The body as far as it came, and whether it was cut. In parts, each unpacked no farther than to a part's size: a
    trickle cannot hold the worker, and what is small on the way and huge unpacked is never in memory."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := response.raw.read1(_PART, decode_content=True):
            parts.append(part)
            size += len(part)
            _check_size(size, host)
            if time.monotonic() > deadline:
                return b"".join(parts), True
    except (urllib3.exceptions.HTTPError, OSError):
        return b"".join(parts), True
    return b"".join(parts), False


def _named(trouble: http.RequestException, host: str, timeout: Timeout) -> ChartlineError:
    if isinstance(trouble, http.ConnectTimeout):
        return NetworkTrouble(f"Connecting to {host} took longer than {timeout[0]:g} s.")
    if isinstance(trouble, http.Timeout):
        return NetworkTrouble(f"{host} did not answer within {timeout[1]:g} s.")
    if isinstance(trouble, http.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(trouble):
        return NotConfigured(
            f"The certificate of {host} is not trusted.",
            advice=f"Set verify in the extra of the connection {CONNECTION} to the file of its certificate authority.",
        )
    if isinstance(trouble, http.ProxyError):
        return NetworkTrouble(f"The proxy on the way to {host} does not answer.")
    if isinstance(trouble, http.ConnectionError | http.ChunkedEncodingError | http.ContentDecodingError):
        return NetworkTrouble(f"The connection to {host} was refused or broke off.")
    return RequestRefused(f"The request to {host} could not be sent ({type(trouble).__name__}).")
